"""`make run` as a program: a file of events in, Parquet tables and a summary out."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from contracts.stages import TABLES
from spark_jobs.lake.session import ROOT
from spark_jobs.operations.out_directory import OutDirectory
from spark_jobs.run_events_file import main

EVENT = {
    "timestamp": "2026-11-22 09:59:58.5",
    "user_id": "35",
    "click_id": "c1",
    "event_name": "Purchase",
    "additional_data": {"product_id": 7, "price": 9.99},
}


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ROOT / "spark_jobs" / "run_events_file.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)


def query(out: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        for table in TABLES:
            files = out / "tables" / table.name / "*.parquet"
            connection.execute(f"CREATE VIEW {table.name} AS FROM read_parquet('{files}', hive_partitioning = false)")
        return connection.execute(sql).fetchall()


@pytest.mark.spark
def test_a_file_of_events_becomes_parquet_tables_and_a_summary(tmp_path: Path) -> None:
    later = EVENT | {"timestamp": "2026-11-22 11:00:00", "click_id": "c2", "event_name": "Search", "colour": "red"}
    later |= {"currency": "euro"}
    lines = [EVENT, EVENT, later, EVENT | {"click_id": ""}]
    file = tmp_path / "events.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines) + "no json\n")
    out = tmp_path / "out #1" / "user_id=9"
    done = run("--input", str(file), "--out", str(out))
    assert done.returncode == 0, done.stderr
    # Whatever its name means in a URI, or as one of Hive's partitions, all lies in the directory that was named.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events.jsonl", "out #1"]
    summary = json.loads((out / "summary.json").read_text())
    assert summary.pop("seconds")["total"] > 0
    assert summary == {
        "implausible_days": {},
        "lines": 5,
        "received": 3,
        "rejected": {"invalid_click_id": 1, "not_json": 1},
        "unread_fields": {"currency": 1},
        "unreadable_objects": [],
        "duplicates": 1,
        "clean": 2,
        "event_hours": 2,
        "days": 1,
    }
    assert query(out, "SELECT click_id, extra FROM clean_events ORDER BY 1") == [
        ("c1", None),
        ("c2", '{"colour":"red","currency":"euro"}'),
    ]
    assert query(out, "SELECT click_id FROM clean_events WHERE unread_fields = ['currency']") == [("c2",)]
    assert query(out, "SELECT sum(revenue)::VARCHAR, sum(events), count(*) FROM hourly_traffic") == [("9.99", 2, 2)]
    daily = "SELECT users, new_users, sessions, bounces, revenue::VARCHAR, average_order::VARCHAR FROM daily_traffic"
    assert query(out, daily) == [(1, 1, 2, 2, "9.99", "9.99")]
    assert query(out, "SELECT day::VARCHAR, user_id FROM user_days") == [("2026-11-22", "35")]
    assert query(out, "SELECT count(*) FROM rejected_events WHERE line = 'no json'::BLOB") == [(1,)]
    for table in TABLES:
        names = [name for name, *_ in query(out, f"DESCRIBE {table.name}")]
        assert names == [column.name for column in table.columns]
    assert "5 lines = 3 received + 2 rejected" in done.stdout
    assert "2026-11-22 09:00" in done.stdout
    assert "values that could not be read: currency 1." in done.stderr
    duplicates = "make run: duplicate_share in 1 event hour, most of all in 2026-11-22T09: 0.5, expected at most 0.05 "
    assert f"{duplicates}(1 of 2 received events). Share of the received events that repeat another.\n" in done.stderr
    assert done.stderr.count("expected") == 1


@pytest.mark.slow
@pytest.mark.spark
def test_a_file_that_is_mostly_rejected_has_its_tables_and_ends_with_a_hint_and_a_status(tmp_path: Path) -> None:
    first = EVENT | {"timestamp": "1970-01-01 00:00:00"}
    ahead = EVENT | {"timestamp": "9998-12-31 23:00:00"}
    lines = [first, ahead, {"user_id": "b"}, {"user_id": "c"}, {"ts": 1}]
    file = tmp_path / "events"
    file.write_text("\ufeff" + "".join(json.dumps(line) + "\n" for line in lines))
    done = run("--input", str(file), "--out", str(tmp_path / "out"))
    assert done.returncode == 4, done.stderr
    assert (
        f"make run: 3 of 5 lines of {file} were rejected: most of it seems to be events of another shape" in done.stderr
    )
    assert (
        "missing_field 2: A required field is absent or null, and no other stands in for it. For example: `time"
        in done.stderr
    )
    assert "not_an_envelope 1: " in done.stderr
    assert "For example: neither an event nor an envelope: `received_at` is absent\n" in done.stderr
    assert "WARNING: events whose clock can't be right: 1 before 2001 (1970-01-01: 1) and 1 after now" in done.stderr
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["implausible_days"] == {"1970-01-01": 1, "9998-12-31": 1}
    assert summary["received"] == 2
    assert query(tmp_path / "out", "SELECT count(*) FROM rejected_events") == [(3,)]


@pytest.mark.parametrize(
    ("name", "content", "seems"),
    [
        pytest.param("events.jsonl", b"", "an empty file", id="empty"),
        pytest.param("events.jsonl.gz", gzip.compress(b""), "GZIP of an empty file", id="empty-gzip"),
        pytest.param("events.csv", b"timestamp,user_id\n2026-11-22,35\n", "CSV (timestamp, user_id)", id="csv"),
        pytest.param("events.json", json.dumps([EVENT, EVENT]).encode(), "a JSON array", id="array"),
        pytest.param("events.zip", b"PK\x03\x04" + bytes(26), "a ZIP archive", id="zip"),
        pytest.param("events.jsonl.gz", b"PAR1\x15\x04", "a Parquet file", id="parquet"),
        pytest.param("events.jsonl", b"\x28\xb5\x2f\xfd\x20\0", "compressed with Zstandard", id="zstandard"),
    ],
)
def test_a_file_that_holds_no_events_is_refused_before_an_earlier_run_is_emptied(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes, seems: str
) -> None:
    file, out = tmp_path / name, tmp_path / "out"
    file.write_bytes(content)
    OutDirectory(root=out).prepare(file)
    out.joinpath("summary.json").write_text("{}")
    assert main(["--input", str(file), "--out", str(out)]) == 2
    shown = capsys.readouterr().err
    assert f"make run: {file} seems to be {seems}" in shown
    assert "The way there: " in shown
    assert out.joinpath("summary.json").exists()


def test_a_directory_of_files_is_named_with_the_way_to_join_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--input", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert f"{tmp_path} is a directory; join its files to one" in capsys.readouterr().err


def test_a_pipe_is_no_file_that_can_be_read_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert main(["--input", str(tmp_path / "pipe"), "--out", str(tmp_path / "out")]) == 2
    assert "is a pipe or a device" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--input", str(tmp_path / "absent.jsonl"), "--out", str(tmp_path / "out")]) == 2
    assert "absent.jsonl" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_directory_with_other_files_is_refused_before_anything_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(json.dumps(EVENT))
    assert main(["--input", str(file), "--out", str(tmp_path)]) == 2
    assert "events.jsonl" in capsys.readouterr().err


def test_a_damaged_input_file_fails_with_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl.gz"
    file.write_bytes(b"\x1f\x8bnot really gzip")
    done = run("--input", str(file), "--out", str(tmp_path / "out"))
    assert done.returncode == 1
    assert "events.jsonl.gz" in done.stderr
    assert "Traceback" not in done.stderr
