"""Rules of making days: what is made, what is left alone, in which order, and what stops a run."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import SparkSession

from contracts.partitions import DAY, HOUR, hours_of_day
from contracts.stages import DAYS
from contracts.tables import (
    CLEAN_EVENTS,
    DAILY_FUNNEL,
    DAILY_RETENTION,
    DAILY_TRAFFIC,
    DATA_CHECKS,
    DAY_LEDGER,
    EVENT_LEDGER,
    SESSIONS,
    USER_DAYS,
    Table,
)
from spark_jobs.daily import aggregate_days as job
from spark_jobs.daily import cut_days
from spark_jobs.daily.aggregate_days import TARGETS, DayAggregation, aggregate_days
from spark_jobs.daily.day_plan import read_ledgers
from spark_jobs.errors import InputChangedError, UnsettledInputError
from spark_jobs.hourly.aggregate_hours import aggregate_hours
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.ledgers import known_keys, stale_between
from spark_jobs.lake.revision import Revision
from tests.spark_jobs.conftest import NewLake
from tests.spark_jobs.copied_lake import copy_lake
from tests.spark_jobs.received_rows import Landing, ReceivedEvent, land
from tests.spark_jobs.table_rows import table_hashes, table_rows

pytestmark = pytest.mark.spark

MONDAY = date(2026, 11, 23)
SUNDAY, TUESDAY = MONDAY - DAY, MONDAY + DAY
SATURDAY = MONDAY + 5 * DAY
#: What is the same however it came about; the other two name versions of the input.
DAILY_TABLES = tuple(table for table in TARGETS if table not in (DATA_CHECKS, DAY_LEDGER))
#: All events of a test land in one hour, which a later landing replaces.
LANDING_HOUR = datetime(2026, 11, 28, 12, tzinfo=UTC)


def event(day: date, clock: str, user_id: str = "ann", **other: object) -> ReceivedEvent:
    happened = datetime.fromisoformat(f"{day}T{clock}+00:00")
    return ReceivedEvent(event_time=happened, user_id=user_id, click_id=f"{user_id} {happened}", **other)  # type: ignore[arg-type]


ANN = [
    event(SUNDAY, "23:50:00"),
    event(MONDAY, "00:10:00", event_name="Purchase", price=Decimal("2.50")),
    event(TUESDAY, "12:00:00"),
    event(SATURDAY, "12:00:00"),
]
BOB = event(SATURDAY, "12:00:00", "bob")
ALL_DAYS = [SUNDAY, MONDAY, TUESDAY, SATURDAY]


def made_hours(lake: Lake, events: list[ReceivedEvent], version: str = "v1") -> None:
    """Land the events in place of those that landed before, and make their hours, as jobs 1 and 2 do."""
    before = {datetime.fromtimestamp(row[0].timestamp(), UTC) for row in table_rows(lake, EVENT_LEDGER)}
    land(lake, [Landing(landing_hour=LANDING_HOUR, version=version, events=events)])
    aggregate_hours(lake, before | {each.event_hour for each in events})


def land_late(lake: Lake, late: list[ReceivedEvent]) -> None:
    """Land late events in an hour of their own, so that no other event hour has another version."""
    land(lake, [Landing(landing_hour=LANDING_HOUR + HOUR, events=late)])
    aggregate_hours(lake, {each.event_hour for each in late})


@pytest.fixture(scope="module")
def made_once(empty_tables: Lake, new_lake: NewLake) -> Lake:
    lake = copy_lake(empty_tables, new_lake())
    made_hours(lake, [*ANN, BOB])
    aggregate_days(lake, ALL_DAYS)
    return lake


@pytest.fixture
def four_days(made_once: Lake, lake: Lake) -> Lake:
    """Return a lake with Ann's events on four days and Bob's on the last, whose days are made."""
    return copy_lake(made_once, lake)


def days_made(done: DayAggregation) -> list[date]:
    return [row.day for row in done.written]


def days_refreshed(done: DayAggregation) -> list[date]:
    return [row.day for row in done.refreshed]


def traffic(lake: Lake) -> dict[date, tuple[object, ...]]:
    """Return (events, new users, returning users, sessions, revenue) of each day."""
    return {row[0]: (row[1], row[3], row[4], row[5], row[11]) for row in table_rows(lake, DAILY_TRAFFIC)}


@pytest.mark.slow
def test_days_are_made_together_and_a_rerun_changes_nothing_also_in_parts(
    spark: SparkSession, four_days: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert traffic(four_days) == {
        SUNDAY: (1, 1, 0, 1, Decimal("0.00")),
        MONDAY: (1, 0, 1, 0, Decimal("2.50")),
        TUESDAY: (1, 0, 1, 1, Decimal("0.00")),
        SATURDAY: (2, 1, 1, 2, Decimal("0.00")),
    }
    (monday,) = (row for row in table_rows(four_days, DAILY_TRAFFIC) if row[0] == MONDAY)
    no_sessions = (0, 0, None, 0, None)
    assert monday[5:10] == no_sessions

    before = table_hashes(four_days, TARGETS)
    snapshots = [four_days.snapshot(table) for table in TARGETS]
    again = aggregate_days(four_days, [SATURDAY, *ALL_DAYS])
    assert again == DayAggregation(unchanged=tuple(ALL_DAYS))
    assert [four_days.snapshot(table) for table in TARGETS] == snapshots

    monkeypatch.setattr(cut_days, "EVENTS_OF_A_TASK", 1)
    forced = aggregate_days(four_days, ALL_DAYS, force=True)
    assert days_made(forced) == ALL_DAYS
    assert table_hashes(four_days, TARGETS) == before


def test_a_late_event_of_a_known_user_changes_its_day_and_the_one_to_each_side(
    spark: SparkSession, four_days: Lake
) -> None:
    land_late(four_days, [event(MONDAY, "00:35:00")])
    done = aggregate_days(four_days, [MONDAY])
    assert days_made(done) == [SUNDAY, MONDAY, TUESDAY]
    assert days_refreshed(done) == []
    assert traffic(four_days)[MONDAY] == (2, 0, 1, 0, Decimal("2.50"))
    (sunday,) = (row for row in table_rows(four_days, SESSIONS) if row[0].date() == SUNDAY)
    assert sunday[1] == datetime(2026, 11, 23, 0, 35, tzinfo=UTC)


def test_a_late_event_of_another_user_also_changes_what_later_days_say_of_who_is_new(
    spark: SparkSession, four_days: Lake
) -> None:
    land_late(four_days, [event(MONDAY, "10:00:00", "bob")])
    assert stale_between(four_days, DAYS, SUNDAY, SATURDAY + DAY) == [SUNDAY, MONDAY, TUESDAY]
    untouched = (SESSIONS, USER_DAYS, DAILY_FUNNEL)
    of_saturday = {table.name: _on(four_days, table, SATURDAY) for table in untouched}

    done = aggregate_days(four_days, [MONDAY])
    assert days_made(done) == [SUNDAY, MONDAY, TUESDAY]
    assert days_refreshed(done) == [SATURDAY]
    assert traffic(four_days)[SATURDAY] == (2, 0, 2, 2, Decimal("0.00"))
    assert (SATURDAY, MONDAY, 5, 1, 1) in table_rows(four_days, DAILY_RETENTION)
    assert {table.name: _on(four_days, table, SATURDAY) for table in untouched} == of_saturday
    assert stale_between(four_days, DAYS, SUNDAY, SATURDAY + DAY) == []


def _on(lake: Lake, table: object, day: date) -> list[object]:
    return [row for row in table_rows(lake, table) if str(row[0]).startswith(str(day))]  # type: ignore[arg-type]


def test_days_made_in_any_order_equal_a_rebuild_in_one_go(
    four_days: Lake, empty_tables: Lake, new_lake: NewLake
) -> None:
    other = copy_lake(empty_tables, new_lake())
    made_hours(other, [*ANN[1:], BOB])
    for days in ([SATURDAY], [MONDAY, TUESDAY]):
        aggregate_days(other, days)
    land_late(other, ANN[:1])
    aggregate_days(other, [SUNDAY])
    assert table_hashes(other, DAILY_TABLES) == table_hashes(four_days, DAILY_TABLES)


def test_a_day_that_loses_its_events_becomes_empty_and_its_users_are_new_later(
    spark: SparkSession, four_days: Lake
) -> None:
    made_hours(four_days, [ANN[0], ANN[3], BOB], "v2")
    assert known_keys(four_days, DAYS, SUNDAY, SATURDAY) == [SUNDAY, MONDAY, TUESDAY]
    aggregate_days(four_days, ALL_DAYS)
    made_hours(four_days, [ANN[3], BOB], "v3")
    aggregate_days(four_days, ALL_DAYS)
    assert traffic(four_days) == {SATURDAY: (2, 2, 0, 2, Decimal("0.00"))}
    assert {row[0] for row in table_rows(four_days, USER_DAYS)} == {SATURDAY}
    assert len(table_rows(four_days, DAILY_FUNNEL)) == 4
    emptied = [row[3:7] for row in table_rows(four_days, DAY_LEDGER) if row[0] != SATURDAY]
    assert emptied == [(0, 0, 0, "")] * 3


def test_a_day_that_never_had_an_event_stays_without_rows(lake_with_tables: Lake) -> None:
    lake = lake_with_tables
    made_hours(lake, ANN[3:])
    assert aggregate_days(lake, [MONDAY], force=True) == DayAggregation(unchanged=(MONDAY,))
    assert all(table_rows(lake, table) == [] for table in (*DAILY_TABLES, DAY_LEDGER))


class KilledError(Exception):
    """The run ends here."""


def test_a_first_run_that_died_leaves_nothing_for_good(lake_with_tables: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = lake_with_tables
    """Not even if the day has lost its events since: the ledger knows that the run had begun."""
    made_hours(lake, [*ANN[2:], BOB])

    replace_days = Revision.replace_days

    def killed_at_the_funnel(base: Revision, table: Table, *arguments: Any, **named: Any) -> None:
        if table is DAILY_FUNNEL:
            raise KilledError
        replace_days(base, table, *arguments, **named)

    monkeypatch.setattr(Revision, "replace_days", killed_at_the_funnel)
    with pytest.raises(KilledError):
        aggregate_days(lake, [TUESDAY])
    monkeypatch.undo()
    assert table_rows(lake, USER_DAYS) != []
    made_hours(lake, [BOB], "v2")
    assert stale_between(lake, DAYS, TUESDAY, SATURDAY) == [TUESDAY]
    aggregate_days(lake, [TUESDAY])
    assert all(table_rows(lake, table) == [] for table in DAILY_TABLES)


def test_a_day_that_another_run_made_meanwhile_is_computed_again(
    spark: SparkSession, four_days: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    overtaken: list[DayAggregation] = []

    def overtaken_once(*arguments: object) -> object:
        ledgers = read_ledgers(*arguments)  # type: ignore[arg-type]
        if not overtaken:
            overtaken.append(DayAggregation())
            overtaken[0] = aggregate_days(four_days, [TUESDAY], force=True)
        return ledgers

    before = table_hashes(four_days, TARGETS)
    monkeypatch.setattr(job, "read_ledgers", overtaken_once)
    with pytest.raises(InputChangedError, match="another run replaced 2026-11-24T00/2026-11-25T00"):
        aggregate_days(four_days, [TUESDAY], force=True, tries=1)
    assert days_made(overtaken[0]) == [TUESDAY]
    assert table_hashes(four_days, TARGETS) == before


def test_what_compaction_did_meanwhile_is_no_conflict(spark: SparkSession, four_days: Lake) -> None:
    base = Revision.of(four_days, SESSIONS)
    rows = table_rows(four_days, SESSIONS)
    name = four_days.table(SESSIONS.name)
    spark.sql(f"CALL glue.system.rewrite_data_files(table => '{name}', options => map('rewrite-all', 'true'))")
    assert four_days.snapshot(SESSIONS) != base.base[SESSIONS]
    monday = spark.table(name).where("session_start >= '2026-11-24' AND session_start < '2026-11-25'")
    files = four_days.write_frame(SESSIONS, monday)
    base.replace_days(SESSIONS, files, [TUESDAY])
    assert table_rows(four_days, SESSIONS) == rows


def test_clean_events_that_are_not_those_of_the_ledger_stop_the_run(spark: SparkSession, four_days: Lake) -> None:
    clean = four_days.table(CLEAN_EVENTS.name)
    spark.sql(f"INSERT INTO {clean} SELECT * FROM {clean} WHERE user_id = 'bob'")
    with pytest.raises(UnsettledInputError, match="2026-11-28T12 has 3, noted 2") as stopped:
        aggregate_days(four_days, [SATURDAY], force=True, tries=1)
    assert stopped.value.hours <= set(hours_of_day(SATURDAY))
