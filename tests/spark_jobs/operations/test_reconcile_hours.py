"""Rules of the safety net, from raw objects in a directory: it makes what is stale, and only that, and says so."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts import late_events
from contracts.ledger import UNFINISHED
from contracts.partitions import DAY, HOUR, hour_of, landing_prefix
from contracts.tables import (
    CLEAN_EVENTS,
    DAY_LEDGER,
    EVENT_LEDGER,
    HOURLY_TRAFFIC,
    LANDING_LEDGER,
    RECEIVED_EVENTS,
    REJECTED_EVENTS,
)
from contracts.versions import RawObject
from spark_jobs import run_aggregate_days, run_aggregate_hours, run_reconcile_hours, run_transform_events
from spark_jobs.daily import aggregate_days
from spark_jobs.hourly import aggregate_hours
from spark_jobs.hourly.computed_hours import ComputedHours, run_hour_tasks
from spark_jobs.lake import retries
from spark_jobs.lake.lake import Lake
from spark_jobs.landing import transform_events
from spark_jobs.operations import reconcile_hours
from storage.by_hour import LandedObjects, landed_objects
from storage.object_store import ObjectStore
from tests.spark_jobs.conftest import NewLake
from tests.spark_jobs.copied_lake import copy_lake
from tests.spark_jobs.raw_lake import arguments, lay_down, line
from tests.spark_jobs.table_rows import table_rows

pytestmark = pytest.mark.spark

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
ELEVEN = TEN + HOUR
NEXT_DAY = TEN + DAY


@pytest.fixture
def lake(lake_with_tables: Lake) -> Lake:
    return lake_with_tables


@pytest.fixture(scope="module")
def one_hour_once(empty_tables: Lake, new_lake: NewLake, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    made = copy_lake(empty_tables, new_lake())
    lay_down(made, TEN, "a", [line(at(5), "1")])
    reconciled(made, tmp_path_factory.mktemp("reports") / "report.json")
    return made


@pytest.fixture
def one_hour(one_hour_once: Lake, new_lake: NewLake) -> Lake:
    """Return a lake of one landing hour with one event, which is in every table."""
    return copy_lake(one_hour_once, new_lake())


@pytest.fixture(scope="module")
def open_day_once(empty_tables: Lake, new_lake: NewLake, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    made = copy_lake(empty_tables, new_lake())
    lay_down(made, TEN, "a", [line(at(5), "1")])
    report = tmp_path_factory.mktemp("reports") / "report.json"
    reconciled(made, report, "--settled-before", "2026-11-22T23:00:00+00:00")
    return made


@pytest.fixture
def open_day(open_day_once: Lake, new_lake: NewLake) -> Lake:
    """Return a lake of one landing hour with one event, made while its day was not over."""
    return copy_lake(open_day_once, new_lake())


def at(minute: int) -> datetime:
    return TEN + timedelta(minutes=minute)


def reconciled(lake: Lake, report: Path, *more: str) -> dict[str, Any]:
    span = ["--from", "2026-11-22T09", "--to", "2026-11-22T12", "--json", str(report)]
    assert run_reconcile_hours.main(arguments(lake, *span, *more)) == 0
    made: dict[str, Any] = json.loads(report.read_text())
    return made


def the_day(*, events: int, sessions: int) -> dict[str, object]:
    """Return what a report says of the 22nd, on which user 1 alone was there."""
    return {"day": "2026-11-22", "events": events, "users": 1, "sessions": sessions}


def test_what_is_stale_is_made_and_a_late_object_makes_its_hours_stale_again(
    lake: Lake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.json"
    lay_down(lake, TEN, "a", [line(at(5), "1"), line(at(5), "1"), b"not json\n"])
    lay_down(lake, ELEVEN, "b", [line(at(70), "2")])
    first = reconciled(lake, report)
    assert first["transformed"] == ["2026-11-22T10", "2026-11-22T11"]
    assert [(row["event_hour"], row["received"], row["clean"]) for row in first["aggregated"]] == [
        ("2026-11-22T10", 2, 1),
        ("2026-11-22T11", 1, 1),
    ]
    assert len(table_rows(lake, REJECTED_EVENTS)) == 1

    snapshot = lake.snapshot(CLEAN_EVENTS)
    again = reconciled(lake, report)
    assert (again["transformed"], again["aggregated"]) == ([], [])
    assert lake.snapshot(CLEAN_EVENTS) == snapshot

    lay_down(lake, ELEVEN, "late", [line(at(50), "late", received_at=at(110))])
    late = reconciled(lake, report)
    assert late["transformed"] == ["2026-11-22T11"]
    assert [row["event_hour"] for row in late["aggregated"]] == ["2026-11-22T10", "2026-11-22T11"]
    traffic = table_rows(lake, HOURLY_TRAFFIC)
    assert [row[:4] for row in traffic] == [(TEN, 2, 1, 2), (ELEVEN, 1, 1, 0)]
    assert "made 2026-11-22T10: 3 received" in capsys.readouterr().out


def test_what_lacks_few_late_events_is_deferred_and_counted_until_a_run_by_hand_makes_it(
    one_hour: Lake, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late_events, "WORTH", 1)  # one of two events is few
    report, settled = tmp_path / "report.json", ["--settled-before", "2026-11-23T12:00:00+00:00"]
    lay_down(one_hour, ELEVEN, "late", [line(at(50), "late", received_at=at(110))])
    scheduled = reconciled(one_hour, report, "--defer", *settled)
    assert (scheduled["transformed"], scheduled["aggregated"]) == (["2026-11-22T11"], [])
    assert scheduled["event_hours_deferred"] == {"2026-11-22T10": 1}
    assert "deferred 1 event hours, stale until they are worth" in capsys.readouterr().out
    assert len(table_rows(one_hour, CLEAN_EVENTS)) == 1

    assert run_aggregate_hours.main(arguments(one_hour, "--event-hour", "2026-11-22T10")) == 0
    scheduled = reconciled(one_hour, report, "--defer", *settled)
    assert (scheduled["event_hours_deferred"], scheduled["days_deferred"]) == ({}, {"2026-11-22": 1})
    assert (scheduled["days"], scheduled["days_open"]) == ([], [])
    by_hand = reconciled(one_hour, report, *settled)
    assert (by_hand["days"], by_hand["days_deferred"]) == ([the_day(events=2, sessions=2)], {})


def test_a_range_without_data_is_said_by_each_job_and_strays_are_named_once(
    lake: Lake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lay_down(lake, TEN, "a", [line(at(5), "1")])
    (Path(lake.raw_uri) / "notes.txt").write_text("beside the hours")
    hours, days = ["--from", "2025-11-22T10", "--to", "2025-11-22T12"], ["--from", "2025-11-22", "--to", "2025-11-23"]
    nothing = "WARNING: no raw objects between 2025-11-22T10 and 2025-11-22T12 under"
    assert run_reconcile_hours.main(arguments(lake, *hours)) == 0
    shown = capsys.readouterr().err
    assert f"reconcile_hours: {nothing} {lake.raw_uri}; the landing days that there are: 2026-11-22 to" in shown
    assert f"reconcile_hours: WARNING: 1 objects under {lake.raw_uri} lie outside of" in shown
    assert "so no job reads them: raw/notes.txt; move them" in shown
    for job, span, warning in (
        (run_transform_events, hours, f"transform_events: {nothing}"),
        (run_aggregate_hours, hours, "aggregate_hours: WARNING: no received events between 2025-11-22T10 and"),
        (run_aggregate_days, days, "aggregate_days: WARNING: no clean events between 2025-11-22 and 2025-11-23:"),
    ):
        assert job.main(arguments(lake, *span)) == 0
        assert warning in capsys.readouterr().err

    reconciled(lake, tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text())["stray_objects"] == 1
    shown = capsys.readouterr().err
    assert "no raw objects" not in shown
    assert shown.count("notes.txt") == 1


def test_an_open_hour_is_left_to_its_own_run(lake: Lake, tmp_path: Path) -> None:
    lay_down(lake, TEN, "a", [line(at(5), "1")])
    lay_down(lake, ELEVEN, "b", [line(at(70), "2")])
    made = reconciled(lake, tmp_path / "report.json", "--settled-before", "2026-11-22T11:30:00+00:00")
    assert made["transformed"] == ["2026-11-22T10"]
    assert made["open"] == ["2026-11-22T11", "2026-11-22T12"]
    assert [hour_of(row[0]) for row in table_rows(lake, LANDING_LEDGER)] == [TEN]


def test_an_hour_whose_raw_objects_are_gone_fails_the_run_but_the_others_are_made(
    one_hour: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    for table in (CLEAN_EVENTS, EVENT_LEDGER):
        one_hour.spark.sql(f"DELETE FROM {one_hour.table(table.name)}")
    for path in Path(one_hour.raw_uri).rglob("*.gz"):
        path.unlink()
    lay_down(one_hour, ELEVEN, "b", [line(at(70), "2")])
    span = ["--from", "2026-11-22T09", "--to", "2026-11-22T12"]
    assert run_reconcile_hours.main(arguments(one_hour, *span)) == 1
    shown = capsys.readouterr().err
    assert "landing hours 2026-11-22T10 were not transformed: 1 raw objects that the ledger names are gone" in shown
    assert len(table_rows(one_hour, CLEAN_EVENTS)) == 2


def test_an_event_hour_whose_input_is_between_commits_fails_the_run_but_the_others_are_made(
    one_hour: Lake,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retries, "FIRST_WAIT_SECONDS", 0.0)
    monkeypatch.setattr(reconcile_hours, "PASSES", 1)
    received = one_hour.table(RECEIVED_EVENTS.name)
    one_hour.spark.sql(f"INSERT INTO {received} SELECT * FROM {received}")  # as a transform does that then dies
    one_hour.spark.sql(f"DELETE FROM {one_hour.table(EVENT_LEDGER.name)}")
    lay_down(one_hour, ELEVEN, "b", [line(at(70), "2")])
    span = ["--from", "2026-11-22T09", "--to", "2026-11-22T12"]
    assert run_reconcile_hours.main(arguments(one_hour, *span)) == 1
    shown = capsys.readouterr()
    assert "event hours 2026-11-22T10 were not made" in shown.err
    assert "made 2026-11-22T11: 1 received" in shown.out
    assert [hour_of(row[0]) for row in table_rows(one_hour, EVENT_LEDGER)] == [ELEVEN]


def test_an_event_hour_that_does_not_add_up_fails_the_run_but_the_others_are_made(
    lake: Lake, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lossy(*arguments: Any) -> ComputedHours:
        made = run_hour_tasks(*arguments)
        return replace(made, counts={hour: of for hour, of in made.counts.items() if hour != TEN})

    lay_down(lake, TEN, "a", [line(at(5), "1"), line(at(70), "2")])
    monkeypatch.setattr(aggregate_hours, "run_hour_tasks", lossy)
    span = ["--from", "2026-11-22T09", "--to", "2026-11-22T12"]
    assert run_reconcile_hours.main(arguments(lake, *span)) == 1
    shown = capsys.readouterr()
    assert "event hours 2026-11-22T10 were not made: received = clean + duplicates does not hold" in shown.err
    assert [hour_of(row[0]) for row in table_rows(lake, EVENT_LEDGER)] == [ELEVEN]


def test_a_day_is_made_when_it_is_over_and_again_when_the_next_one_is(
    lake: Lake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.json"
    lay_down(lake, TEN, "a", [line(at(5), "1")])
    open_day = reconciled(lake, report, "--settled-before", "2026-11-22T23:59:00+00:00")
    assert (open_day["days"], open_day["days_open"]) == ([], ["2026-11-22"])
    assert "left open 2026-11-22: stale until it is made once 2026-11-22 is over and settled" in capsys.readouterr().out
    over = reconciled(lake, report, "--settled-before", "2026-11-23T00:00:00+00:00")
    assert (over["days"], over["days_open"]) == ([the_day(events=1, sessions=1)], [])

    lay_down(lake, NEXT_DAY, "b", [line(NEXT_DAY, "2")])
    span = ["--to", "2026-11-23T12", "--settled-before"]
    next_day = reconciled(lake, report, *span, "2026-11-23T23:59:00+00:00")
    assert len(next_day["aggregated"]) == 1
    assert (next_day["days"], next_day["days_open"]) == ([], ["2026-11-22", "2026-11-23"])
    assert "left open 2026-11-22: stale until it is made once 2026-11-23 is over" in capsys.readouterr().out
    next_over = reconciled(lake, report, *span, "2026-11-24T00:00:00+00:00")
    assert next_over["days"] == [
        the_day(events=1, sessions=1),
        {"day": "2026-11-23", "events": 1, "users": 1, "sessions": 1},
    ]
    assert next_over["days_refreshed"] == []


@pytest.mark.slow
def test_a_day_that_was_made_is_made_with_its_event_hours_while_it_or_the_next_one_is_open(
    lake: Lake, tmp_path: Path
) -> None:
    report, settled = tmp_path / "report.json", "--settled-before"
    lay_down(lake, TEN, "a", [line(at(5), "1")])
    assert reconciled(lake, report, settled, "2026-11-22T11:02:00+00:00")["days"] == []
    assert run_aggregate_days.main(arguments(lake, "--day", "2026-11-22")) == 0

    lay_down(lake, ELEVEN, "b", [line(at(70), "2")])
    still_open = reconciled(lake, report, settled, "2026-11-22T12:02:00+00:00")
    assert (still_open["days"], still_open["days_open"]) == ([the_day(events=2, sessions=2)], [])
    lay_down(lake, ELEVEN, "late", [line(at(75), "3")])
    over = reconciled(lake, report, settled, "2026-11-23T12:02:00+00:00")
    assert (over["days"], over["days_open"]) == ([the_day(events=3, sessions=2)], [])


def test_a_day_whose_first_run_died_is_made_as_soon_as_it_is_over(
    open_day: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report, settled = tmp_path / "report.json", ["--settled-before", "2026-11-23T00:02:00+00:00"]

    def dying(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(aggregate_days, "funnel_rows", dying)
        with pytest.raises(KeyboardInterrupt):
            reconciled(open_day, report, *settled)
    assert [row[1] for row in table_rows(open_day, DAY_LEDGER)] == [UNFINISHED]
    assert reconciled(open_day, report, *settled)["days"] == [the_day(events=1, sessions=1)]


def test_a_day_whose_events_are_between_commits_fails_the_run_and_is_named(
    open_day: Lake,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retries, "FIRST_WAIT_SECONDS", 0.0)
    monkeypatch.setattr(reconcile_hours, "PASSES", 1)
    clean = open_day.table(CLEAN_EVENTS.name)
    open_day.spark.sql(f"INSERT INTO {clean} SELECT * FROM {clean}")  # as an aggregation does that then dies
    span = ["--from", "2026-11-22T09", "--to", "2026-11-22T12", "--settled-before", "2026-11-23T00:00:00+00:00"]
    assert run_reconcile_hours.main(arguments(open_day, *span)) == 1
    shown = capsys.readouterr().err
    assert "days 2026-11-22 were not made: clean_events and event_ledger disagree in 1 event hours" in shown
    assert run_aggregate_days.main(arguments(open_day, "--day", "2026-11-22")) == 1


def test_an_object_that_cant_be_read_is_named_in_one_sentence_and_keeps_no_other_hour(
    lake: Lake,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lay_down(lake, TEN, "a", [line(at(5), "1")])
    lay_down(lake, ELEVEN, "b", [line(at(70), "2")])
    lay_down(lake, ELEVEN + HOUR, "c", [line(at(130), "3")])

    def listed_before_it_went(store: ObjectStore, hours: list[datetime]) -> LandedObjects:
        gone = RawObject(key=f"{landing_prefix(ELEVEN)}gone.gz", etag="0", size=1)
        return {
            hour: (*objects, gone) if hour == ELEVEN else objects
            for hour, objects in landed_objects(store, hours).items()
        }

    monkeypatch.setattr(transform_events, "landed_objects", listed_before_it_went)
    span = ["--from", "2026-11-22T09", "--to", "2026-11-22T13"]
    assert run_reconcile_hours.main(arguments(lake, *span)) == 1
    (sentence,) = [text for text in capsys.readouterr().err.splitlines() if text.startswith("reconcile_hours:")]
    assert sentence.startswith("reconcile_hours: landing hours 2026-11-22T11 were not transformed: can't read ")
    assert sentence.endswith("gone.gz: No such file or directory; transform its hour again")
    assert [row[0] for row in table_rows(lake, LANDING_LEDGER)] == [TEN, ELEVEN + HOUR]
    assert len(table_rows(lake, CLEAN_EVENTS)) == 2


def test_a_single_hour_or_day_and_a_range_are_made_by_command_and_say_so(
    lake: Lake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lay_down(lake, TEN, "a", [line(at(5), "1"), line(at(70), "2")])
    reconciled(lake, tmp_path / "report.json")
    capsys.readouterr()
    assert run_aggregate_hours.main(arguments(lake, "--event-hour", "2026-11-22T10", "--force")) == 0
    assert "1 event hours made (2026-11-22T10 … 2026-11-22T10), 0 unchanged" in capsys.readouterr().out
    assert run_aggregate_hours.main(arguments(lake, "--from", "2026-11-01T00", "--to", "2026-11-22T10")) == 0
    assert "0 event hours made, 1 unchanged" in capsys.readouterr().out
    assert run_aggregate_days.main(arguments(lake, "--day", "2026-11-22", "--force")) == 0
    assert "1 days made (2026-11-22 … 2026-11-22), 0 later days refreshed" in capsys.readouterr().out
    assert run_aggregate_days.main(arguments(lake, "--from", "2026-11-01", "--to", "2026-11-22")) == 0
    assert "0 days made, 0 later days refreshed, 1 unchanged" in capsys.readouterr().out
