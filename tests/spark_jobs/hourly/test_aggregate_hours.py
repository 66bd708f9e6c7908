"""Rules of making event hours: what is made, what is left alone, in which order, and what stops a run."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from contracts.partitions import DAY, HOUR, hour_of, hour_of_ordinal
from contracts.stages import EVENT_HOURS
from contracts.tables import (
    CLEAN_EVENTS,
    EVENT_LEDGER,
    HOURLY_EVENT_COUNTS,
    HOURLY_PRODUCT_STATS,
    HOURLY_TRAFFIC,
    Table,
)
from spark_jobs.checks.figures import HourCounts
from spark_jobs.errors import InputChangedError, LedgerImbalanceError, UnsettledInputError
from spark_jobs.hourly import aggregate_hours as job
from spark_jobs.hourly import computed_hours, cut_hours
from spark_jobs.hourly.aggregate_hours import aggregate_hours
from spark_jobs.hourly.computed_hours import ComputedHours, run_hour_tasks
from spark_jobs.hourly.cut_hours import HourCut, run_cut_hour
from spark_jobs.hourly.hour_task import HourTask
from spark_jobs.lake.data_files import DataFile
from spark_jobs.lake.duckdb_tasks import TaskResults
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.ledgers import known_keys, stale_between
from spark_jobs.lake.revision import Revision
from tests.spark_jobs.conftest import NewLake
from tests.spark_jobs.copied_lake import copy_lake
from tests.spark_jobs.drawn_events import STREAM, Stream, drawn_events
from tests.spark_jobs.received_rows import Landing, ReceivedEvent, land, land_events
from tests.spark_jobs.reference_tables import reference_tables
from tests.spark_jobs.table_rows import HOUR_TABLES, table_hashes, table_rows

pytestmark = pytest.mark.spark

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
ELEVEN, TWELVE = TEN + HOUR, TEN + 2 * HOUR
MINUTE = timedelta(minutes=1)


def event(minute: float, click_id: str, user_id: str = "ann", **other: object) -> ReceivedEvent:
    return ReceivedEvent(event_time=TEN + minute * MINUTE, click_id=click_id, user_id=user_id, **other)  # type: ignore[arg-type]


FIRST = Landing(landing_hour=TEN, events=[event(5, "a"), event(5, "a"), event(50, "b"), event(70, "c")])


@pytest.fixture(scope="module")
def landed_once(empty_tables: Lake, new_lake: NewLake) -> Lake:
    lake = copy_lake(empty_tables, new_lake())
    land(lake, [FIRST])
    return lake


@pytest.fixture
def landed(landed_once: Lake, lake: Lake) -> Lake:
    """Return a lake with events of ten and eleven o'clock, not aggregated yet."""
    return copy_lake(landed_once, lake)


def rows_by_hour(lake: Lake, table: Table, hour: datetime) -> list[object]:
    return [row for row in table_rows(lake, table) if hour_of(row[0]) == hour]


def test_a_rerun_skips_what_has_not_changed_and_forced_gives_the_same_rows(spark: SparkSession, landed: Lake) -> None:
    first = aggregate_hours(landed, [TEN, ELEVEN])
    before = table_hashes(landed)
    assert [row.event_hour for row in first.written] == [TEN, ELEVEN]

    snapshots = [landed.snapshot(table) for table in HOUR_TABLES]
    again = aggregate_hours(landed, [ELEVEN, TEN])
    assert again.written == ()
    assert again.unchanged == (TEN, ELEVEN)
    assert [landed.snapshot(table) for table in HOUR_TABLES] == snapshots

    forced = aggregate_hours(landed, [ELEVEN, TEN], force=True)
    assert forced.written == first.written
    assert table_hashes(landed) == before


def test_an_hour_made_alone_looks_back_into_the_hour_before(spark: SparkSession, landed: Lake) -> None:
    """Ann's event at 11:10 goes on with the session of 10:50, although ten o'clock is not made."""
    aggregate_hours(landed, [ELEVEN])
    assert [row[:4] for row in table_rows(landed, HOURLY_TRAFFIC)] == [(ELEVEN, 1, 1, 0)]


def test_an_hour_finds_its_events_in_the_object_of_a_delivery_that_stood_still(
    spark: SparkSession, lake_with_tables: Lake
) -> None:
    """The object lies under the hour of its oldest record; that hour must be seen from each hour alone."""
    lake = lake_with_tables
    caught_up = [event(5 + 60 * hours, f"{hours}") for hours in range(0, 70, 23)]
    land(lake, [Landing(landing_hour=TEN, events=caught_up)])
    last = TEN + 69 * HOUR
    (alone,) = aggregate_hours(lake, [last]).written
    assert (alone.event_hour, alone.received) == (last, 1)
    assert stale_between(lake, EVENT_HOURS, *EVENT_HOURS.fed_by_landing(TEN, ELEVEN)) == [
        TEN,
        TEN + 23 * HOUR,
        TEN + 46 * HOUR,
    ]
    assert aggregate_hours(lake, [TEN, last]).unchanged == (last,)


def test_late_data_makes_stale_its_hour_and_the_next_and_changes_no_other(spark: SparkSession, landed: Lake) -> None:
    far = Landing(landing_hour=TEN + 30 * HOUR, events=[event(30 * 60, "far")])
    land(landed, [far])
    hours = known_keys(landed, EVENT_HOURS, TEN - 5 * HOUR, TEN + 50 * HOUR)
    assert hours == [TEN, ELEVEN, TEN + 30 * HOUR]
    aggregate_hours(landed, hours)
    assert stale_between(landed, EVENT_HOURS, *EVENT_HOURS.fed_by_landing(TEN, TEN + HOUR)) == []
    untouched = {table: rows_by_hour(landed, table, TEN + 30 * HOUR) for table in HOUR_TABLES}

    land(landed, [Landing(landing_hour=ELEVEN, events=[event(45, "late", received_at=ELEVEN + MINUTE)])])
    stale = stale_between(landed, EVENT_HOURS, *EVENT_HOURS.fed_by_landing(ELEVEN, ELEVEN + HOUR))
    assert stale == [TEN, ELEVEN]
    aggregate_hours(landed, stale)
    assert len(rows_by_hour(landed, CLEAN_EVENTS, TEN)) == 3
    assert {table: rows_by_hour(landed, table, TEN + 30 * HOUR) for table in HOUR_TABLES} == untouched


def test_an_hour_that_no_landing_hour_feeds_any_more_is_emptied(spark: SparkSession, landed: Lake) -> None:
    aggregate_hours(landed, [TEN, ELEVEN])
    land(landed, [Landing(landing_hour=TEN, version="v2", events=[event(70, "c")])])
    assert stale_between(landed, EVENT_HOURS, *EVENT_HOURS.fed_by_landing(TEN, ELEVEN)) == [TEN, ELEVEN]
    aggregate_hours(landed, [TEN, ELEVEN])
    assert all(rows_by_hour(landed, table, TEN) == [] for table in HOUR_TABLES if table is not EVENT_LEDGER)
    (ten, eleven) = table_rows(landed, EVENT_LEDGER)
    assert ten[2:5] == (0, 0, 0)
    assert eleven[2:5] == (1, 1, 0)
    assert stale_between(landed, EVENT_HOURS, *EVENT_HOURS.fed_by_landing(TEN, ELEVEN)) == []


def test_rows_of_a_first_run_that_died_are_removed_when_the_hour_then_loses_its_events(
    spark: SparkSession, landed: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as dying:
        lives = iter([Revision.replace] * 2)  # of the ledger, which notes that the run has begun, and of clean_events
        dying.setattr(Revision, "replace", lambda *a, **k: next(lives, _die)(*a, **k))
        with pytest.raises(KeyboardInterrupt):
            aggregate_hours(landed, [TEN])
    assert len(rows_by_hour(landed, CLEAN_EVENTS, TEN)) == 2
    land(landed, [Landing(landing_hour=TEN, version="v2", events=[])])
    stale = stale_between(landed, EVENT_HOURS, *EVENT_HOURS.fed_by_landing(TEN, ELEVEN))
    assert stale == [TEN]
    aggregate_hours(landed, stale)
    assert table_rows(landed, CLEAN_EVENTS) == []
    assert stale_between(landed, EVENT_HOURS, *EVENT_HOURS.fed_by_landing(TEN, ELEVEN)) == []


def _die(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_an_hour_without_events_leaves_no_rows_and_no_ledger_row(spark: SparkSession, landed: Lake) -> None:
    assert aggregate_hours(landed, [TEN - 5 * HOUR]).written == ()
    assert all(table_rows(landed, table) == [] for table in HOUR_TABLES)


def test_a_run_between_two_commits_of_a_transform_writes_nothing(spark: SparkSession, landed: Lake) -> None:
    land_events(landed, [Landing(landing_hour=ELEVEN, events=[event(6, "new")])])
    with pytest.raises(UnsettledInputError, match="landed in 2026-11-22T11, other hours of 2026-11-22 have 1, noted 0"):
        aggregate_hours(landed, [TEN], tries=1)
    assert all(table_rows(landed, table) == [] for table in HOUR_TABLES)


def test_a_run_that_loses_rows_writes_nothing(
    spark: SparkSession, landed: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lossy(*arguments: Any) -> ComputedHours:
        return replace(run_hour_tasks(*arguments), counts={TEN: HourCounts(clean=1, duplicates=1)})

    monkeypatch.setattr(job, "run_hour_tasks", lossy)
    with pytest.raises(LedgerImbalanceError, match="2026-11-22T10: 3 received, 1 clean, 1 duplicates"):
        aggregate_hours(landed, [TEN])
    assert all(table_rows(landed, table) == [] for table in HOUR_TABLES)


def test_a_run_that_loses_an_hour_of_the_traffic_writes_nothing(
    spark: SparkSession, landed: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lossy(*arguments: Any) -> ComputedHours:
        made = run_hour_tasks(*arguments)
        return replace(made, files={**made.files, HOURLY_TRAFFIC: []})

    monkeypatch.setattr(job, "run_hour_tasks", lossy)
    with pytest.raises(LedgerImbalanceError, match="1 event hours have events, but hourly_traffic got 0 rows"):
        aggregate_hours(landed, [TEN])
    assert all(table_rows(landed, table) == [] for table in HOUR_TABLES)


def test_a_run_that_writes_fewer_events_than_it_counted_is_not_noted(
    spark: SparkSession, landed: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete = Revision.replace

    def lossy(base: Revision, table: Table, files: list[DataFile], *more: Any, **others: Any) -> None:
        complete(base, table, [] if table is CLEAN_EVENTS else files, *more, **others)

    monkeypatch.setattr(Revision, "replace", lossy)
    with pytest.raises(LedgerImbalanceError, match="2 rows were counted for clean_events, but 0 were written"):
        aggregate_hours(landed, [TEN])
    assert table_rows(landed, HOURLY_TRAFFIC) == []
    assert stale_between(landed, EVENT_HOURS, *EVENT_HOURS.fed_by_landing(TEN, ELEVEN)) == [TEN, ELEVEN]


def test_a_large_hour_is_computed_in_parts_and_no_table_tells(
    spark: SparkSession, lake_with_tables: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row of the ledger, with the version, is the same as well, and so are the checks'."""
    names = ("ViewContent", "Purchase", "add-to-cart", "Refund", "Search")
    events = [
        event(
            number * 7 % 120,
            str(number % 40),
            f"user {number % 6}",
            event_name=names[number % 5],
            product_id=f"product {number % 3}",
            price=Decimal(number),
            user_agent="Googlebot/2.1" if number % 7 == 0 else "Mozilla/5.0",
        )
        for number in range(60)
    ]
    land(lake_with_tables, [Landing(landing_hour=TEN, events=events)])
    whole = aggregate_hours(lake_with_tables, [TEN, ELEVEN]).written
    assert sum(row.duplicates for row in whole) > 0
    before = table_hashes(lake_with_tables, job.TARGETS)

    cut: list[HourCut] = []

    def noted(lake: Lake, hour: HourCut, task: HourTask) -> TaskResults:
        cut.append(hour)
        return run_cut_hour(lake, hour, task)

    monkeypatch.setattr(cut_hours, "EVENTS_OF_A_TASK", 10)
    monkeypatch.setattr(computed_hours, "run_cut_hour", noted)
    assert aggregate_hours(lake_with_tables, [TEN, ELEVEN], force=True).written == whole
    assert [(hour_of_ordinal(hour.hour), hour.parts) for hour in cut] == [(TEN, 4), (ELEVEN, 6)]
    assert table_hashes(lake_with_tables, job.TARGETS) == before


def test_no_row_of_an_hour_of_ordinary_size_is_shuffled(spark: SparkSession, landed: Lake) -> None:
    """A shuffle would be a boundary between two stages of a job."""
    context, group = spark.sparkContext, "an aggregation"
    context.setJobGroup(group, "test_no_row_of_an_hour_of_ordinary_size_is_shuffled")
    aggregate_hours(landed, [TEN])
    context.setLocalProperty("spark.jobGroup.id", None)  # type: ignore[arg-type]
    tracker = context.statusTracker()
    jobs = [tracker.getJobInfo(job) for job in tracker.getJobIdsForGroup(group)]
    assert jobs
    assert [len(job.stageIds) for job in jobs if job] == [1] * len(jobs)


def test_a_run_whose_hours_were_made_by_another_meanwhile_computes_again(
    spark: SparkSession, landed: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other run reads later input: its rows must stand in the end."""
    others = iter([True])
    retried: list[int] = []

    def overtaken(*arguments: Any) -> ComputedHours:
        retried.append(1)
        if next(others, False):
            land(landed, [Landing(landing_hour=ELEVEN, events=[event(45, "late")])])
            aggregate_hours(landed, [TEN, ELEVEN])
        return run_hour_tasks(*arguments)

    monkeypatch.setattr(job, "run_hour_tasks", overtaken)
    made = aggregate_hours(landed, [TEN, ELEVEN], force=True).written
    assert len(retried) == 3
    assert [(row.received, row.clean) for row in made] == [(4, 3), (1, 1)]
    assert stale_between(landed, EVENT_HOURS, *EVENT_HOURS.fed_by_landing(TEN, TWELVE)) == []


def test_a_run_that_is_overtaken_every_time_gives_up_with_the_conflict(
    spark: SparkSession, landed: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = iter([False, True])

    def overtaken(*arguments: Any) -> ComputedHours:
        if not next(inner, True):
            aggregate_hours(landed, [TEN])
        return run_hour_tasks(*arguments)

    monkeypatch.setattr(job, "run_hour_tasks", overtaken)
    with pytest.raises(InputChangedError):
        aggregate_hours(landed, [TEN], tries=1)


# Each example is many streams in one run of Spark; to shrink one that fails would take an hour.
@settings(max_examples=1, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(streams=st.lists(STREAM, min_size=40, max_size=40), dice=st.randoms(use_true_random=False))
def test_hours_made_in_any_order_are_what_the_reference_says(
    spark: SparkSession,
    empty_tables: Lake,
    new_lake: NewLake,
    streams: list[Stream],
    dice: random.Random,
) -> None:
    events = drawn_events(streams)
    landed: dict[datetime, list[ReceivedEvent]] = {}
    for item in events:
        landed.setdefault(hour_of(item.arrival), []).append(item)
    lake = copy_lake(empty_tables, new_lake())
    land(lake, [Landing(landing_hour=hour, events=own) for hour, own in landed.items()])

    hours = sorted({item.event_hour for item in events})
    dice.shuffle(hours)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(computed_hours, "BOT_EVENTS_PER_HOUR", 3)
        patch.setattr(computed_hours, "BOT_EVENTS_AT_ONCE", 1)
        for part in (hours[::2], hours[1::2]):
            aggregate_hours(lake, part)

    expected = reference_tables(events, bot_events_per_hour=3, bot_events_at_once=1)
    clean = table_rows(lake, CLEAN_EVENTS)
    assert sorted(((row[0], row[2], row[3], tuple(row[-1])) for row in clean), key=repr) == expected.clean_events
    assert table_rows(lake, HOURLY_EVENT_COUNTS) == expected.hourly_event_counts
    assert table_rows(lake, HOURLY_TRAFFIC) == expected.hourly_traffic
    assert table_rows(lake, HOURLY_PRODUCT_STATS) == expected.hourly_product_stats


def test_an_hour_is_computed_whatever_came_late_of_the_other_hours_of_its_day(lake_with_tables: Lake) -> None:
    lake, midnight = lake_with_tables, TEN.replace(hour=0)
    first = ReceivedEvent(event_time=midnight, click_id="first")
    last = ReceivedEvent(event_time=midnight + 23 * HOUR, click_id="a week later")
    # What fed the day's last hour then is nothing that can have fed its first.
    land(lake, [Landing(landing_hour=midnight, events=[first])])
    land(lake, [Landing(landing_hour=midnight + 7 * DAY + 23 * HOUR, events=[last])])
    assert [row.received for row in aggregate_hours(lake, [midnight]).written] == [1]
    assert [row.received for row in aggregate_hours(lake, [midnight + 23 * HOUR]).written] == [1]
