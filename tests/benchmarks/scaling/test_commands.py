import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.scaling.__main__ import main

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
    assert "The worst jump: a policy that holds" in printed
    page = (tmp_path / "out" / "spike.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 2 * 9
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
        pytest.param(["--out", "/proc/none"], "--out /proc/none cannot be written to", id="out-cannot-be-made"),
        pytest.param(["--out", __file__], "cannot be written to: File exists", id="out-is-a-file"),
    ],
)
def test_what_cannot_be_used_is_one_sentence_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["simulate", "--trace", str(written(tmp_path, [0.0] * 6)), *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--policy", "best"], "invalid choice: 'best'", id="unknown-policy"),
        pytest.param(["--gaps", "maybe"], "invalid choice: 'maybe'", id="unknown-gaps"),
        pytest.param(["--peak-shards", "nan"], "'nan' is no number of shards from 0.001 to 10,000", id="peak-nan"),
        pytest.param(["--peak-shards", "0"], "'0' is no number of shards", id="peak-zero"),
        pytest.param(
            ["--update-seconds", "-5"], "'-5' is no number of seconds from 0 to 86,400", id="negative-seconds"
        ),
        pytest.param(["--split-seconds", "0.5"], "'0.5' is no whole number of seconds", id="half-a-second"),
        pytest.param(["--shard-hour-dollars", "nan"], "'nan' is no price", id="price-nan"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["simulate", "--trace", str(written(tmp_path)), *arguments])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_two_files_of_one_name_are_drawn_on_two_pages(tmp_path: Path) -> None:
    traces = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        traces += ["--trace", str(written(tmp_path / folder, [1.0, 2.0]))]
    assert main(["simulate", *traces, "--policy", "ours", "--no-retries", "--out", str(tmp_path / "out")]) == 0
    assert sorted(page.name for page in (tmp_path / "out").iterdir()) == ["spike-2.html", "spike.html"]


def test_only_two_weeks_of_five_minutes_are_perturbed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["robustness", "--trace", str(written(tmp_path))]) == 2
    assert "spike has 48 intervals of 0:05:00; to be perturbed, a trace needs at least 4032" in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.scaling", "simulate", "--policy", "ours", "--no-retries"]
    with subprocess.Popen(
        [*command, "--trace", str(written(tmp_path, [1.0, 2.0]))], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdout.close()
        assert run.stderr.read() == b""
    assert run.returncode == 0
