"""The command line: what a person gets to see, and exit statuses that a script can trust."""

import gzip
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from simulator.cli import main
from tests.simulator.fake_api import Behaviour, fake_api
from tests.simulator.raw_reader import raw_lines

_EVENT = b'{"timestamp": "2021-07-12 12:01:58", "user_id": "1", "click_id": "%d", "event_name": "Search"}'
_RANGE = ["--from", "2026-11-20T00", "--to", "2026-11-20T02"]


def _run_json(capsys: pytest.CaptureFixture[str], arguments: list[str], status: int = 0) -> dict[str, Any]:
    assert main([*arguments, "--json", "--quiet"]) == status
    printed: dict[str, Any] = json.loads(capsys.readouterr().out)
    return printed


def _free_port() -> int:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return int(closed.getsockname()[1])


def test_history_prints_one_line_and_writes_the_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = tmp_path / "out" / "manifest.json"
    arguments = ["history", "--raw", str(tmp_path / "raw"), *_RANGE, "--events", "500", "--defects", "default"]
    assert main([*arguments, "--manifest", str(manifest)]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("history: 5")
    assert shown.out.count("\n") == 1
    assert "100%" in shown.err
    made = json.loads(manifest.read_text())
    assert made["lines"] == len(list(raw_lines(tmp_path / "raw")))
    assert made["about"]["from"] == "2026-11-20T00"


def test_history_as_json_is_the_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed = _run_json(capsys, ["history", "--raw", str(tmp_path), *_RANGE, "--rate", "0.1", "--shape", "steady"])
    assert printed["lines"] == printed["clean"] == 720
    assert set(printed["landing_hours"]) == {"2026-11-20T00", "2026-11-20T01"}


def test_stream_reports_what_became_of_each_event(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest, log = tmp_path / "manifest.json", tmp_path / "accepted.log"
    script = [
        Behaviour(throttle_all=True),
        Behaviour(throttled=frozenset({0, 2})),
        Behaviour(break_connection="before"),
    ]
    with fake_api(script) as api:
        arguments = ["stream", "--api-url", api.url, "--events", "3000", "--rate", "0", "--defects", "default"]
        reports = ["--manifest", str(manifest), "--accepted-log", str(log)]
        printed = _run_json(capsys, [*arguments, "--seed", "4", "--run-name", "test", *reports])
        stored = [event.get("click_id") if isinstance(event, dict) else None for event in api.stored]
    made = json.loads(manifest.read_text())
    assert made["lines"] == printed["accepted"] == len(stored) == 3_000 + made["duplicates"]
    assert printed["sent"] == printed["accepted"] + printed["retried"]
    accepted = log.read_text().split()
    assert len(accepted) == len(set(accepted)) == made["clean"]
    assert set(accepted) <= set(stored)
    assert made["landing_hours"] == {}
    assert made["received"] + sum(made["rejected"].values()) == made["lines"]


def test_bad_events_are_accepted_alone_as_in_a_batch(capsys: pytest.CaptureFixture[str]) -> None:
    with fake_api() as api:
        arguments = ["stream", "--api-url", api.url, "--events", "100", "--rate", "0", "--batch-size", "1"]
        printed = _run_json(capsys, [*arguments, "--malformed", "0.5", "--run-name", "test"])
        assert {path for path, _ in api.requests} == {"/stage/events"}
        assert printed["accepted"] == len(api.stored) == 100
    assert printed["refused"] == 0
    assert sum(printed["expected"]["rejected"].values()) > 10


def test_a_stream_ends_with_its_duration_and_keeps_its_rate(capsys: pytest.CaptureFixture[str]) -> None:
    with fake_api() as api:
        arguments = ["stream", "--api-url", api.url, "--duration", "2.5", "--rate", "40", "--batch-size", "10"]
        printed = _run_json(capsys, arguments)
    assert 0 < printed["accepted"] <= 100


def test_what_was_given_up_is_said_and_fails_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    with fake_api([Behaviour(gateway_status=504)] * 50) as api:
        arguments = ["stream", "--api-url", api.url, "--events", "10", "--rate", "0", "--max-tries", "2"]
        assert main([*arguments, "--quiet"]) == 1
    shown = capsys.readouterr().out
    assert "gave up 10 events (10 of them possibly stored): {'504': 2}" in shown


def test_replay_writes_a_file_as_raw_objects(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "events.jsonl.gz"
    file.write_bytes(gzip.compress(b"".join(_EVENT % number + b"\n" for number in range(10)) + b"x\n"))
    printed = _run_json(capsys, ["replay", str(file), "--raw", str(tmp_path / "raw")])
    assert (printed["lines"], printed["bare_events"], printed["other_lines"]) == (11, 10, 1)
    assert printed["landing_hours"] == {"2021-07-12T11": 1, "2021-07-12T12": 10}


def test_replay_sends_bare_events_and_those_in_envelopes_and_counts_what_cannot_be_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, log = tmp_path / "events.jsonl", tmp_path / "accepted.log"
    envelope = b'{"received_at": 1626091318732, "event": ' + _EVENT % 2 + b"}"
    file.write_bytes(b"\n".join([_EVENT % 1, envelope, b"garbage", b'{"received_at": 1, "event": [1]}', _EVENT % 3]))
    with fake_api() as api:
        arguments = ["replay", str(file), "--api-url", api.url, "--accepted-log", str(log)]
        printed = _run_json(capsys, arguments, status=1)
        assert [event["click_id"] for event in api.stored] == ["1", "2", "3"]
    assert (printed["accepted"], printed["about"]["not_sent"], printed["about"]["lines"]) == (3, 2, 5)
    assert log.read_text().split() == ["1", "2", "3"]


@pytest.mark.parametrize("target", ["--raw", "--api-url"])
def test_a_file_that_holds_no_events_is_refused_with_the_way_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], target: str
) -> None:
    file = tmp_path / "events.json"
    file.write_bytes(b"[\n" + _EVENT % 1 + b"\n]")
    assert main(["replay", str(file), target, str(tmp_path / "raw")]) == 1
    assert "seems to be a JSON array. Wanted are JSON lines" in capsys.readouterr().err
    assert not (tmp_path / "raw").exists()


def test_a_damaged_file_is_refused_before_anything_is_sent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "events.jsonl.gz"
    whole = gzip.compress(b"".join(_EVENT % (number * 7919) + b"\n" for number in range(5_000)))
    file.write_bytes(whole[: len(whole) // 2])
    with fake_api() as api:
        assert main(["replay", str(file), "--api-url", api.url, "--quiet"]) == 1
        assert api.requests == []
    assert f"{file} is a damaged GZIP file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (
            ["history", "--raw", "x", "--from", "2026-11-20T02", "--to", "2026-11-20T02", "--rate", "1"],
            2,
            "is not before",
        ),
        (["history", "--raw", "gs://b/raw", *_RANGE, "--rate", "1"], 2, "'gs://b/raw' is neither a directory nor"),
        (["history", "--raw", "x", *_RANGE, "--rate", "0"], 2, "--rate 0 is not above 0"),
        (["history", "--raw", "x", *_RANGE, "--rate", "1", "--late", "2"], 2, "more than 1 together"),
        (["stream", "--api-url", "ftp://x", "--events", "1"], 2, "'ftp://x' is not a URL like"),
        (["stream", "--api-url", "127.0.0.1:4566", "--events", "1"], 2, "is not a URL like"),
        (["stream", "--api-url", "http://127.0.0.1:{port}", "--events", "1"], 1, "nothing answers at 127.0.0.1:"),
        (["stream", "--api-url", "http://x", "--batch-size", "501"], 2, "--batch-size 501 is above 500"),
        (["stream", "--api-url", "http://x", "--shape", "ramp"], 2, "give --duration or --events"),
        (["stream", "--api-url", "http://x", "--shape", "wave", "--rate", "0"], 2, "needs a --rate above 0"),
        (["replay", "nowhere.jsonl", "--raw", "x"], 2, "there is no file nowhere.jsonl"),
    ],
)
def test_a_mistake_is_one_clear_sentence_with_the_value(
    arguments: list[str], status: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    port = _free_port()
    assert main([argument.format(port=port) for argument in arguments]) == status
    shown = capsys.readouterr()
    assert message in shown.err
    assert shown.err.startswith("simulator: ")
    assert shown.out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["history", "--raw", "x", "--from", "2026-11-20", "--to", "2026-11-21T00", "--rate", "1"], "is not an hour"),
        (["history", "--raw", "x", *_RANGE], "one of the arguments --rate --events is required"),
        (["history", "--raw", "x", *_RANGE, "--events", "0"], "'0' is not a whole number of at least 1"),
        (["stream", "--api-url", "http://x", "--rate", "-1"], "'-1' is not a number of at least 0"),
        (["stream", "--api-url", "http://x", "--duration", "nan"], "'nan' is not a number of at least 0"),
        (["replay", "x", "--raw", "y", "--environment", "My Env"], "'My Env' is not 1–12 lower-case letters"),
        ([], "required: {stream,history,replay}"),
    ],
)
def test_a_wrong_option_is_a_usage_error(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("command", ["stream", "history", "replay"])
def test_help_explains_every_option(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert "--json" in capsys.readouterr().out
