from pathlib import Path

import pytest

from kinesis_scaling.__main__ import main

SPIKE = [2.0] * 12 + [14.0] * 12 + [2.0] * 24


def written(folder: Path, demand: list[float] = SPIKE) -> Path:
    lines = [
        f"2026-03-02T{place // 12:02}:{place % 12 * 5:02}:00Z,{shards * 300_000}" for place, shards in enumerate(demand)
    ]
    path = folder / "spike.csv"
    path.write_text("timestamp,count\n" + "\n".join(lines), encoding="utf-8")
    return path


def test_simulate_prints_a_row_for_each_policy_and_draws_one_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", "--trace", str(written(tmp_path)), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    rows = {line.split("|")[1].strip(): line.split("|")[2:-1] for line in printed.splitlines() if line.startswith("|")}
    assert list(rows)[2:] == [
        "ours",
        "aws-samples",
        "scaling-utils",
        "substation",
        "epsagon",
        "target-tracking",
        "fixed",
        "on-demand",
        "clairvoyant",
    ]
    assert rows["clairvoyant"][3].strip() == "1.00"
    assert rows["fixed"][2].strip() == str(14 * 4)
    assert "The worst jump: whoever holds" in printed
    page = (tmp_path / "out" / "spike.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 9
    assert 'class="throttled"' in page
    assert 'class="call"' in page


def test_chosen_policies_stand_beside_ours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--trace", str(written(tmp_path)), "--policy", "epsagon", "--no-retries"]) == 0
    printed = capsys.readouterr().out
    assert [line.split("|")[1].strip() for line in printed.splitlines() if line.startswith("|")][2:] == [
        "ours",
        "epsagon",
    ]
    assert "The worst jump" not in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--min-shards", "9", "--max-shards", "3"], "minimum_shards (9)", id="bounds-crossed"),
        pytest.param(["--ask-every-seconds", "0"], "ask_every is 0:00:00", id="never-asks"),
        pytest.param(["--peak-shards", "5"], "no traffic at all", id="nothing-to-scale"),
    ],
)
def test_what_cannot_be_used_is_one_sentence_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["simulate", "--trace", str(written(tmp_path, [0.0] * 6)), *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
