"""Rules of the replay: lines that an older contract refused become events, from raw, once, and only if asked to."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from contracts.data_checks import Figure
from contracts.names import LakeLocation
from contracts.partitions import HOUR
from contracts.tables import (
    CLEAN_EVENTS,
    DAILY_TRAFFIC,
    EVENT_LEDGER,
    HOURLY_TRAFFIC,
    LANDING_LEDGER,
    RECEIVED_EVENTS,
    REJECTED_EVENTS,
    SESSIONS,
    USER_DAYS,
)
from spark_jobs import run_reconcile_hours, run_replay_rejected
from spark_jobs.checks import landing_figures
from spark_jobs.daily.aggregate_days import aggregate_days
from spark_jobs.hourly.aggregate_hours import aggregate_hours
from spark_jobs.operations import replay_rejected as operation
from spark_jobs.tables.commit_files import replace_hours
from spark_jobs.tables.iceberg_table import current_snapshot
from spark_jobs.tables.ledger import read_landing_rows, write_landing_rows
from spark_jobs.tables.table_rows import read_hours
from spark_jobs.tables.write_files import files_of_frame, files_of_rows
from tests.spark_jobs.raw_lake import arguments, lay_down, line
from tests.spark_jobs.table_rows import table_hashes, table_rows

pytestmark = pytest.mark.spark

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
TABLES = (RECEIVED_EVENTS, REJECTED_EVENTS, CLEAN_EVENTS, HOURLY_TRAFFIC, DAILY_TRAFFIC, LANDING_LEDGER, EVENT_LEDGER)


class KilledError(Exception):
    """The run dies here."""


def dies(*_: Any, **__: Any) -> None:
    raise KilledError


@pytest.fixture
def lake(lake_with_tables: LakeLocation) -> LakeLocation:
    return lake_with_tables


def at(minute: int) -> datetime:
    return TEN + timedelta(minutes=minute)


def reconcile(spark: SparkSession, lake: LakeLocation) -> None:
    """Make every table."""
    assert run_reconcile_hours.main(arguments(lake, "--from", "2026-11-22T10", "--to", "2026-11-22T10")) == 0
    aggregate_days(spark, lake, [TEN.date()])


def replayed(lake: LakeLocation, report: Path, *more: str) -> dict[str, Any]:
    assert run_replay_rejected.main(arguments(lake, "--json", str(report), *more)) == 0
    made: dict[str, Any] = json.loads(report.read_text())
    return made


def as_an_older_contract_left_it(
    spark: SparkSession,
    lake: LakeLocation,
    rejections: list[tuple[str, str, bytes | None]],
    *,
    version: str | None = None,
    hour: datetime = TEN,
    received: str = "false",
) -> None:
    """Give an hour these rejections (key, reason, line), and the received events that a condition holds for."""
    events = read_hours(spark, lake=lake, table=RECEIVED_EVENTS, hours=[hour]).where(received)
    kept = events.count()
    rows = [(hour, key, reason, "refused then", content, None) for key, reason, content in rejections]
    for table, files in (
        (RECEIVED_EVENTS, files_of_frame(events, lake, RECEIVED_EVENTS)),
        (REJECTED_EVENTS, files_of_rows(spark, lake, REJECTED_EVENTS, rows)),
    ):
        read_from = current_snapshot(spark, lake, table)
        replace_hours(spark, files, lake=lake, table=table, hours=[hour], read_from=read_from)
    (row,) = read_landing_rows(spark, lake, hour, hour + HOUR)
    unreadable = sum(content is None for _, _, content in rejections)
    lines = len(rejections) - unreadable
    old = replace(
        row,
        input_version=version or row.input_version,
        lines=lines + kept,
        received=kept,
        rejected=lines,
        unreadable_objects=unreadable,
        received_by_event_hour={hour: kept} if kept else {},
    )
    write_landing_rows(spark, lake, [old], read_from=current_snapshot(spark, lake, LANDING_LEDGER))


@pytest.mark.parametrize("version", ["another contract's", None], ids=["contract changed", "a defect was repaired"])
def test_lines_that_are_accepted_now_are_shown_and_then_made_events_as_if_they_had_always_been(
    spark: SparkSession, lake: LakeLocation, tmp_path: Path, capsys: pytest.CaptureFixture[str], version: str | None
) -> None:
    marked = "\ufeff".encode() + line(at(5), "1")  # an older contract refused it for its byte order mark
    key = lay_down(lake, TEN, "a", [marked, line(at(6), "2"), b"not json\n"])
    reconcile(spark, lake)
    expected = table_hashes(spark, lake, TABLES)
    refused = [marked.rstrip(b"\n"), line(at(6), "2").rstrip(b"\n"), b"not json"]
    reasons = ("invalid_timestamp", "invalid_timestamp", "not_json")
    rejections: list[tuple[str, str, bytes | None]] = [(key, *pair) for pair in zip(reasons, refused, strict=True)]
    as_an_older_contract_left_it(spark, lake, rejections, version=version)
    left = table_hashes(spark, lake, TABLES)

    shown = replayed(lake, tmp_path / "report.json")
    assert shown["accepted"] == [
        {
            "landing_hour": "2026-11-22T10",
            "reason": "invalid_timestamp",
            "rejected": 2,
            "accepted": 2,
            "example_object": key,
        }
    ]
    assert (shown["replay"], shown["transformed"]) == (["2026-11-22T10"], [])
    assert table_hashes(spark, lake, TABLES) == left
    assert "--apply would transform 1 landing hours again: 2026-11-22T10" in capsys.readouterr().out

    done = replayed(lake, tmp_path / "report.json", "--apply")
    assert (done["transformed"], done["days"]) == (["2026-11-22T10"], ["2026-11-22"])
    assert done["event_hours"][0] == "2026-11-22T10"
    assert table_hashes(spark, lake, TABLES) == expected
    assert replayed(lake, tmp_path / "report.json", "--apply")["transformed"] == []


def test_sessions_of_the_day_before_reach_into_what_is_replayed(
    spark: SparkSession, lake: LakeLocation, tmp_path: Path
) -> None:
    midnight = TEN + timedelta(hours=14)
    late, early, later = midnight - timedelta(minutes=10), midnight + timedelta(minutes=10), midnight + HOUR / 2
    lay_down(lake, late.replace(minute=0), "a", [line(late, "1")])
    key = lay_down(lake, midnight, "b", [line(early, "2"), line(later, "3")])
    span = ("--from", "2026-11-22T22", "--to", "2026-11-23T02", "--settled-before", "2026-11-25T00:00:00+00:00")
    assert run_reconcile_hours.main(arguments(lake, *span)) == 0
    expected = table_hashes(spark, lake, (SESSIONS, USER_DAYS, DAILY_TRAFFIC))
    as_an_older_contract_left_it(
        spark,
        lake,
        [(key, "invalid_timestamp", line(early, "2").rstrip(b"\n"))],
        hour=midnight,
        received="click_id = '3'",
    )
    aggregate_hours(spark, lake, [midnight, midnight + HOUR], force=True)
    days = [TEN.date(), midnight.date()]
    aggregate_days(spark, lake, days, force=True)
    assert table_hashes(spark, lake, (SESSIONS, USER_DAYS, DAILY_TRAFFIC)) != expected

    done = replayed(lake, tmp_path / "report.json", "--apply", *span)

    assert done["days"] == ["2026-11-22", "2026-11-23"]
    assert table_hashes(spark, lake, (SESSIONS, USER_DAYS, DAILY_TRAFFIC)) == expected


def test_what_a_killed_replay_left_undone_is_made_by_reconcile_hours(
    spark: SparkSession, lake: LakeLocation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The repair raised no version, and no rejected line is left by which another replay would find the hour."""
    key = lay_down(lake, TEN, "a", [line(at(5), "1"), line(at(6), "2")])
    reconcile(spark, lake)
    expected = table_hashes(spark, lake, TABLES)
    refused: list[tuple[str, str, bytes | None]] = [(key, "invalid_timestamp", line(at(6), "2").rstrip(b"\n"))]
    as_an_older_contract_left_it(spark, lake, refused, received="click_id = '1'")
    aggregate_hours(spark, lake, [TEN, TEN + HOUR], force=True)
    aggregate_days(spark, lake, [TEN.date()], force=True)
    monkeypatch.setattr(operation, "aggregate_hours", dies)
    with pytest.raises(KilledError):
        replayed(lake, tmp_path / "report.json", "--apply")

    reconcile(spark, lake)

    assert table_hashes(spark, lake, TABLES) == expected


def test_an_object_that_could_not_be_read_is_tried_again(
    spark: SparkSession, lake: LakeLocation, tmp_path: Path
) -> None:
    key = lay_down(lake, TEN, "a", [line(at(5), "1"), line(at(6), "2")])
    reconcile(spark, lake)
    as_an_older_contract_left_it(spark, lake, [(key, "unreadable_object", None)])
    shown = replayed(lake, tmp_path / "report.json")
    assert [(found["rejected"], found["accepted"]) for found in shown["accepted"]] == [(1, 2)]
    replayed(lake, tmp_path / "report.json", "--apply")
    assert len(table_rows(spark, lake, RECEIVED_EVENTS)) == 2
    assert table_rows(spark, lake, REJECTED_EVENTS) == []


def test_only_the_reasons_that_were_asked_for_are_looked_at(
    spark: SparkSession, lake: LakeLocation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = lay_down(lake, TEN, "a", [line(at(5), "1")])
    reconcile(spark, lake)
    as_an_older_contract_left_it(spark, lake, [(key, "invalid_timestamp", line(at(5), "1").rstrip(b"\n"))])
    assert replayed(lake, tmp_path / "report.json", "--reason", "negative_price")["accepted"] == []
    assert "nothing to replay" in capsys.readouterr().out
    assert replayed(lake, tmp_path / "report.json", "--reason", "invalid_timestamp")["replay"] == ["2026-11-22T10"]


def test_an_hour_whose_raw_objects_have_expired_is_named_and_left(
    spark: SparkSession, lake: LakeLocation, tmp_path: Path
) -> None:
    key = lay_down(lake, TEN, "a", [line(at(5), "1")])
    reconcile(spark, lake)
    as_an_older_contract_left_it(spark, lake, [(key, "invalid_timestamp", line(at(5), "1").rstrip(b"\n"))])
    for path in Path(lake.raw_uri).rglob("*.gz"):
        path.unlink()
    left = table_hashes(spark, lake, TABLES)
    done = replayed(lake, tmp_path / "report.json", "--apply")
    assert done["left"]["2026-11-22T10"].startswith("1 of its 1 raw objects have expired")
    assert done["transformed"] == []
    assert table_hashes(spark, lake, TABLES) == left


def test_an_hour_that_is_not_settled_is_left_to_its_own_run(
    spark: SparkSession, lake: LakeLocation, tmp_path: Path
) -> None:
    key = lay_down(lake, TEN, "a", [line(at(5), "1")])
    reconcile(spark, lake)
    as_an_older_contract_left_it(spark, lake, [(key, "invalid_timestamp", line(at(5), "1").rstrip(b"\n"))])
    done = replayed(lake, tmp_path / "report.json", "--apply", "--settled-before", "2026-11-22T10:30:00+00:00")
    assert "not settled yet" in done["left"]["2026-11-22T10"]
    assert done["transformed"] == []


def test_a_range_without_landing_hours_and_an_unknown_reason_are_told_what_there_is(
    spark: SparkSession, lake: LakeLocation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_replay_rejected.main(arguments(lake)) == 1
    assert "landing_ledger has no landing hour from the first to the last; it is empty" in capsys.readouterr().err
    lay_down(lake, TEN, "a", [line(at(5), "1")])
    reconcile(spark, lake)
    assert run_replay_rejected.main(arguments(lake, "--from", "2026-11-01T00", "--to", "2026-11-02T00")) == 1
    shown = capsys.readouterr().err
    assert "no landing hour from 2026-11-01T00 to 2026-11-02T00; it has 2026-11-22T10 to 2026-11-22T10" in shown
    with pytest.raises(SystemExit) as ended:
        run_replay_rejected.main(arguments(lake, "--reason", "too_ugly"))
    assert ended.value.code == 2
    assert "invalid choice: 'too_ugly' (choose from 'unreadable_object'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run_replay_rejected.main(arguments(lake, "--from", "2026-11-02T00", "--to", "2026-11-01T00"))
    assert "--to 2026-11-01T00 is before --from 2026-11-02T00" in capsys.readouterr().err


def test_an_open_day_that_nobody_made_yet_is_left_to_its_own_run(
    spark: SparkSession, lake: LakeLocation, tmp_path: Path
) -> None:
    key = lay_down(lake, TEN, "a", [line(at(5), "1")])
    open_day = ("--settled-before", "2026-11-22T12:00:00+00:00")
    span = ("--from", "2026-11-22T10", "--to", "2026-11-22T10")
    assert run_reconcile_hours.main(arguments(lake, *span, *open_day)) == 0
    as_an_older_contract_left_it(spark, lake, [(key, "invalid_timestamp", line(at(5), "1").rstrip(b"\n"))])

    done = replayed(lake, tmp_path / "report.json", "--apply", *open_day)

    assert (done["event_hours"], done["days"]) == (["2026-11-22T10"], [])


def test_what_a_failed_data_check_holds_back_is_not_made(
    spark: SparkSession, lake: LakeLocation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = lay_down(lake, TEN, "a", [line(at(5), "1")])
    reconcile(spark, lake)
    as_an_older_contract_left_it(spark, lake, [(key, "invalid_timestamp", line(at(5), "1").rstrip(b"\n"))])
    right = landing_figures.landing_figures
    lost = {"lines_lost": Figure(value=1, detail="one is lost")}
    monkeypatch.setattr(landing_figures, "landing_figures", lambda *given: {**right(*given), **lost})

    done = replayed(lake, tmp_path / "report.json", "--apply")

    assert (done["transformed"], done["event_hours"], done["days"]) == (["2026-11-22T10"], [], [])
    assert done["held_back"] == ["2026-11-22T10"]
