"""Rules of making event hours: what is made, what is left alone, in which order, and what stops a run."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zlib import crc32

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession

from contracts.names import LakeLocation
from contracts.partitions import HOUR, hour_of
from contracts.tables import (
    CLEAN_EVENTS,
    EVENT_LEDGER,
    HOURLY_EVENT_COUNTS,
    HOURLY_PRODUCT_STATS,
    HOURLY_TRAFFIC,
    RECEIVED_EVENTS,
    Table,
)
from spark_jobs.errors import InputChangedError, LedgerImbalanceError, UnsettledInputError
from spark_jobs.hourly import aggregate_hours as job
from spark_jobs.hourly import bot_flags
from spark_jobs.hourly.aggregate_hours import aggregate_hours
from spark_jobs.hourly.deduplicate_events import ROW_ADDRESS, RepeatedRows, repeated_hashes, repeated_rows
from spark_jobs.hourly.hourly_tables import name_totals
from spark_jobs.hourly.hours_to_make import known_event_hours, stale_event_hours_around
from spark_jobs.tables.table_io import current_snapshot, ensure_tables, replace_hours
from tests.spark_jobs.conftest import NewLake
from tests.spark_jobs.received_rows import Landing, ReceivedEvent, land, land_events
from tests.spark_jobs.reference_tables import reference_tables
from tests.spark_jobs.table_rows import MADE_TABLES, table_hashes, table_rows

pytestmark = pytest.mark.spark

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
ELEVEN, TWELVE = TEN + HOUR, TEN + 2 * HOUR
MINUTE = timedelta(minutes=1)


def event(minute: float, click_id: str, user_id: str = "ann", **other: object) -> ReceivedEvent:
    return ReceivedEvent(event_time=TEN + minute * MINUTE, click_id=click_id, user_id=user_id, **other)  # type: ignore[arg-type]


FIRST = Landing(landing_hour=TEN, events=[event(5, "a"), event(5, "a"), event(50, "b"), event(70, "c")])


@pytest.fixture
def landed(spark: SparkSession, lake: LakeLocation) -> LakeLocation:
    """Return a lake with events of ten and eleven o'clock, not aggregated yet."""
    ensure_tables(spark, lake)
    land(spark, lake, [FIRST])
    return lake


def rows_by_hour(spark: SparkSession, lake: LakeLocation, table: Table, hour: datetime) -> list[object]:
    return [row for row in table_rows(spark, lake, table) if hour_of(row[0]) == hour]


def test_a_rerun_skips_what_has_not_changed_and_forced_gives_the_same_rows(
    spark: SparkSession, landed: LakeLocation
) -> None:
    first = aggregate_hours(spark, landed, [TEN, ELEVEN])
    before = table_hashes(spark, landed)
    assert [row.event_hour for row in first.made] == [TEN, ELEVEN]

    snapshots = [current_snapshot(spark, landed, table) for table in MADE_TABLES]
    again = aggregate_hours(spark, landed, [ELEVEN, TEN])
    assert again.made == ()
    assert again.unchanged == (TEN, ELEVEN)
    assert [current_snapshot(spark, landed, table) for table in MADE_TABLES] == snapshots

    forced = aggregate_hours(spark, landed, [ELEVEN, TEN], force=True)
    assert forced.made == first.made
    assert table_hashes(spark, landed) == before


def test_an_hour_made_alone_looks_back_into_the_hour_before(spark: SparkSession, landed: LakeLocation) -> None:
    """Ann's event at 11:10 goes on with the session of 10:50, although ten o'clock is not made."""
    aggregate_hours(spark, landed, [ELEVEN])
    assert [row[:4] for row in table_rows(spark, landed, HOURLY_TRAFFIC)] == [(ELEVEN, 1, 1, 0)]


def test_late_data_makes_stale_its_hour_and_the_next_and_changes_no_other(
    spark: SparkSession, landed: LakeLocation
) -> None:
    far = Landing(landing_hour=TEN + 30 * HOUR, events=[event(30 * 60, "far")])
    land(spark, landed, [far])
    hours = known_event_hours(spark, landed, TEN - 5 * HOUR, TEN + 50 * HOUR)
    assert hours == [TEN, ELEVEN, TEN + 30 * HOUR]
    aggregate_hours(spark, landed, hours)
    assert stale_event_hours_around(spark, landed, TEN, TEN + HOUR) == []
    untouched = {table: rows_by_hour(spark, landed, table, TEN + 30 * HOUR) for table in MADE_TABLES}

    land(spark, landed, [Landing(landing_hour=ELEVEN, events=[event(45, "late", received_at=ELEVEN + MINUTE)])])
    stale = stale_event_hours_around(spark, landed, ELEVEN, ELEVEN + HOUR)
    assert stale == [TEN, ELEVEN]
    aggregate_hours(spark, landed, stale)
    assert len(rows_by_hour(spark, landed, CLEAN_EVENTS, TEN)) == 3
    assert {table: rows_by_hour(spark, landed, table, TEN + 30 * HOUR) for table in MADE_TABLES} == untouched


def test_an_hour_that_no_landing_hour_feeds_any_more_is_emptied(spark: SparkSession, landed: LakeLocation) -> None:
    aggregate_hours(spark, landed, [TEN, ELEVEN])
    land(spark, landed, [Landing(landing_hour=TEN, version="v2", events=[event(70, "c")])])
    assert stale_event_hours_around(spark, landed, TEN, ELEVEN) == [TEN, ELEVEN]
    aggregate_hours(spark, landed, [TEN, ELEVEN])
    assert all(rows_by_hour(spark, landed, table, TEN) == [] for table in MADE_TABLES if table is not EVENT_LEDGER)
    (ten, eleven) = table_rows(spark, landed, EVENT_LEDGER)
    assert ten[2:] == (0, 0, 0)
    assert eleven[2:] == (1, 1, 0)
    assert stale_event_hours_around(spark, landed, TEN, ELEVEN) == []


def test_rows_of_a_first_run_that_died_are_removed_when_the_hour_then_loses_its_events(
    spark: SparkSession, landed: LakeLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as dying:
        dying.setattr(job, "hourly_event_counts", _die)
        with pytest.raises(KeyboardInterrupt):
            aggregate_hours(spark, landed, [TEN])
    assert len(rows_by_hour(spark, landed, CLEAN_EVENTS, TEN)) == 2
    land(spark, landed, [Landing(landing_hour=TEN, version="v2", events=[])])
    stale = stale_event_hours_around(spark, landed, TEN, ELEVEN)
    assert stale == [TEN]
    aggregate_hours(spark, landed, stale)
    assert table_rows(spark, landed, CLEAN_EVENTS) == []
    assert stale_event_hours_around(spark, landed, TEN, ELEVEN) == []


def _die(*_: object) -> DataFrame:
    raise KeyboardInterrupt


def test_an_hour_without_events_leaves_no_rows_and_no_ledger_row(spark: SparkSession, landed: LakeLocation) -> None:
    assert aggregate_hours(spark, landed, [TEN - 5 * HOUR]).made == ()
    assert all(table_rows(spark, landed, table) == [] for table in MADE_TABLES)


def test_a_run_between_two_commits_of_a_transform_writes_nothing(spark: SparkSession, landed: LakeLocation) -> None:
    land_events(spark, landed, [Landing(landing_hour=ELEVEN, events=[event(6, "new")])])
    with pytest.raises(UnsettledInputError, match="2026-11-22T10 has 4, noted 3"):
        aggregate_hours(spark, landed, [TEN], tries=1)
    assert all(table_rows(spark, landed, table) == [] for table in MADE_TABLES)


def test_a_run_that_loses_rows_writes_nothing(
    spark: SparkSession, landed: LakeLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "name_totals", lambda events, hours: name_totals(events.where("click_id != 'b'"), hours))
    with pytest.raises(LedgerImbalanceError, match="2026-11-22T10: 3 received, 1 clean, 1 duplicates"):
        aggregate_hours(spark, landed, [TEN])
    assert all(table_rows(spark, landed, table) == [] for table in MADE_TABLES)


def test_a_run_that_writes_fewer_events_than_it_counted_is_not_noted(
    spark: SparkSession, landed: LakeLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced: list[str] = []

    def lossy(frame: DataFrame, *, table: Table, **others: object) -> None:
        replaced.append(table.name)
        replace_hours(frame.limit(1), table=table, **others)  # type: ignore[arg-type]

    monkeypatch.setattr(job, "replace_hours", lossy)
    with pytest.raises(LedgerImbalanceError, match="2 clean events were counted, but 1 rows written"):
        aggregate_hours(spark, landed, [TEN])
    assert replaced == ["clean_events"]
    assert stale_event_hours_around(spark, landed, TEN, ELEVEN) == [TEN, ELEVEN]


def test_no_whole_row_is_shuffled(spark: SparkSession, landed: LakeLocation) -> None:
    """Of all rows, only hashes of ids travel; what is left out is a broadcast list of addresses."""
    received = spark.table(landed.table(RECEIVED_EVENTS.name)).select("*", *ROW_ADDRESS)
    assert repeated_hashes(received).columns == ["click_hash"]
    repeated = RepeatedRows(rows=received.select(*ROW_ADDRESS), by_hour={TEN: 1})
    spark.conf.set("spark.sql.autoBroadcastJoinThreshold", "-1")  # small by size would be broadcast anyhow
    try:
        clean = repeated.left_out_of(received)
        plan = clean._jdf.queryExecution().executedPlan().toString()
    finally:
        spark.conf.unset("spark.sql.autoBroadcastJoinThreshold")
    assert "BroadcastHashJoin" in plan
    assert "hashpartitioning" not in plan
    assert "rangepartitioning" not in plan


def test_a_run_whose_hours_were_made_by_another_meanwhile_computes_again(
    spark: SparkSession, landed: LakeLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other run reads later input: its rows must stand in the end."""
    others = iter([True])
    retried: list[int] = []

    def overtaken(*arguments: object) -> object:
        retried.append(1)
        if next(others, False):
            land(spark, landed, [Landing(landing_hour=ELEVEN, events=[event(45, "late")])])
            aggregate_hours(spark, landed, [TEN, ELEVEN])
        return repeated_rows(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(job, "repeated_rows", overtaken)
    made = aggregate_hours(spark, landed, [TEN, ELEVEN], force=True).made
    assert len(retried) == 3
    assert [(row.received, row.clean) for row in made] == [(4, 3), (1, 1)]
    assert stale_event_hours_around(spark, landed, TEN, TWELVE) == []


def test_a_run_that_is_overtaken_every_time_gives_up_with_the_conflict(
    spark: SparkSession, landed: LakeLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = iter([False, True])

    def overtaken(*arguments: object) -> object:
        if not next(inner, True):
            aggregate_hours(spark, landed, [TEN])
        return repeated_rows(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(job, "repeated_rows", overtaken)
    with pytest.raises(InputChangedError):
        aggregate_hours(spark, landed, [TEN], tries=1)


CLOCK = st.sampled_from([0, 10, 29, 30, 31, 45, 59.999, 60, 60.001, 89.999, 90, 120, 179])
STREAM: st.SearchStrategy[list[dict[str, object]]] = st.lists(
    st.builds(
        dict,
        minute=CLOCK,
        user_id=st.sampled_from(["ann", "bob"]),
        click_id=st.integers(0, 6).map(str),
        event_name=st.sampled_from(["Search", "ViewContent", "AddToCart", "Purchase", "Sign up"]),
        product_id=st.sampled_from([None, "p", "q"]),
        price=st.sampled_from([None, Decimal("0.10"), Decimal("9999999999999.99")]),
        delay=st.sampled_from([0, 1, 70]),
        queued=st.sampled_from([None, 0, 1]),
        user_agent=st.sampled_from([None, "Mozilla/5.0 Firefox/145.0", "Googlebot/2.1"]),
    ),
    max_size=14,
)


def received(stream: int, drawn: dict[str, object]) -> ReceivedEvent:
    """Return a drawn event at its place in time: each stream has a day of its own."""
    happened = TEN + timedelta(days=stream) + drawn["minute"] * MINUTE  # type: ignore[operator]
    queued = None if drawn["queued"] is None else happened + drawn["queued"] * MINUTE  # type: ignore[operator]
    return ReceivedEvent(
        event_time=happened,
        received_at=happened + drawn["delay"] * MINUTE,  # type: ignore[operator]
        insertion_timestamp=queued,
        user_id=str(drawn["user_id"]),
        click_id=str(drawn["click_id"]),
        event_name=str(drawn["event_name"]),
        product_id=drawn["product_id"],  # type: ignore[arg-type]
        price=drawn["price"],  # type: ignore[arg-type]
        user_agent=drawn["user_agent"],  # type: ignore[arg-type]
        event_hash=crc32(repr(sorted(drawn.items())).encode()),
    )


# Each example is many streams in one run of Spark; to shrink one that fails would take an hour.
@settings(max_examples=2, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(streams=st.lists(STREAM, min_size=30, max_size=30), dice=st.randoms(use_true_random=False))
def test_hours_made_in_any_order_are_what_the_reference_says(
    spark: SparkSession, new_lake: NewLake, streams: list[list[dict[str, object]]], dice: random.Random
) -> None:
    events = [received(number, drawn) for number, stream in enumerate(streams) for drawn in stream]
    landed: dict[datetime, list[ReceivedEvent]] = {}
    for item in events:
        landed.setdefault(hour_of(item.arrival), []).append(item)
    lake = new_lake()
    ensure_tables(spark, lake)
    land(spark, lake, [Landing(landing_hour=hour, events=own) for hour, own in landed.items()])

    hours = sorted({item.event_hour for item in events})
    dice.shuffle(hours)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bot_flags, "BOT_EVENTS_PER_HOUR", 3)
        for part in (hours[::2], hours[1::2]):
            aggregate_hours(spark, lake, part)

    expected = reference_tables(events, bot_events_per_hour=3)
    clean = table_rows(spark, lake, CLEAN_EVENTS)
    assert sorted(((row[0], row[2], row[3], tuple(row[-1])) for row in clean), key=repr) == expected.clean_events
    assert table_rows(spark, lake, HOURLY_EVENT_COUNTS) == expected.hourly_event_counts
    assert table_rows(spark, lake, HOURLY_TRAFFIC) == expected.hourly_traffic
    assert table_rows(spark, lake, HOURLY_PRODUCT_STATS) == expected.hourly_product_stats
