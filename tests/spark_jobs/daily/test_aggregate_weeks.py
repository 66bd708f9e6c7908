"""Rules of making weeks: what is counted, what is left alone, and what a late event changes."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import SparkSession

from contracts.partitions import DAY
from contracts.stages import WEEKS
from contracts.tables import DAILY_TRAFFIC, DATA_CHECKS, USER_DAYS
from contracts.tables.weekly import WEEK_LEDGER, WEEKLY_TRAFFIC
from spark_jobs.daily import aggregate_weeks as job
from spark_jobs.daily.aggregate_days import aggregate_days
from spark_jobs.daily.aggregate_weeks import WeekAggregation, aggregate_weeks
from spark_jobs.errors import UnsettledInputError
from spark_jobs.hourly.aggregate_hours import aggregate_hours
from spark_jobs.lake import duckdb_tasks
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.ledgers import known_inputs, stale_between
from spark_jobs.lake.revision import Revision
from tests.spark_jobs.conftest import NewLake
from tests.spark_jobs.copied_lake import copy_lake
from tests.spark_jobs.received_rows import Landing, ReceivedEvent, land
from tests.spark_jobs.table_rows import table_rows

pytestmark = pytest.mark.spark

#: The week over the year's end.
MONDAY = date(2026, 12, 28)
NEXT_MONDAY = MONDAY + 7 * DAY
#: All events but late ones land in one hour, within a week of the first.
LANDING_HOUR = datetime(2027, 1, 4, 0, tzinfo=UTC)
EARLIER_LANDING_HOUR = datetime(2026, 12, 29, 0, tzinfo=UTC)


def event(day: date, clock: str, user_id: str, **other: object) -> ReceivedEvent:
    happened = datetime.fromisoformat(f"{day}T{clock}+00:00")
    return ReceivedEvent(event_time=happened, user_id=user_id, click_id=f"{user_id} {happened}", **other)  # type: ignore[arg-type]


EVENTS = [
    event(MONDAY - DAY, "23:50:00", "ann"),
    event(MONDAY, "12:00:00", "ann"),
    event(MONDAY + 4 * DAY, "12:00:00", "ann"),
    event(MONDAY + 4 * DAY, "12:00:00", "bob", event_name="Purchase", price=Decimal("2.50")),
    event(MONDAY + 6 * DAY, "23:59:59", "bob"),
    event(NEXT_MONDAY, "00:00:00", "bob"),
]
DAYS = sorted({each.event_time.date() for each in EVENTS})


def land_and_aggregate(lake: Lake, hour: datetime, events: list[ReceivedEvent]) -> None:
    land(lake, [Landing(landing_hour=hour, events=events)])
    aggregate_hours(lake, {each.event_hour for each in events})
    aggregate_days(lake, {each.event_time.date() for each in events})


@pytest.fixture(scope="module")
def made_once(empty_tables: Lake, new_lake: NewLake) -> Lake:
    lake = copy_lake(empty_tables, new_lake())
    land_and_aggregate(lake, LANDING_HOUR, EVENTS)
    return lake


@pytest.fixture
def days(made_once: Lake, lake: Lake) -> Lake:
    """Return a lake whose days are made, and whose weeks are not."""
    return copy_lake(made_once, lake)


def traffic(lake: Lake) -> dict[date, tuple[Any, ...]]:
    """Return (events, users, new, returning, sessions, converted, conversion, purchases, revenue) of each week."""
    return {row[0]: tuple(row[1:10]) for row in table_rows(lake, WEEKLY_TRAFFIC)}


def test_users_of_a_week_are_counted_once_and_sessions_by_their_start(
    spark: SparkSession, days: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duckdb_tasks, "SMALLEST_BATCH", 1)  # each week in a task of its own
    weeks = [MONDAY - 7 * DAY, MONDAY, NEXT_MONDAY]
    assert stale_between(days, WEEKS, weeks[0], weeks[-1] + 7 * DAY) == weeks
    done = aggregate_weeks(days, weeks)
    assert [(row.week, row.events, row.users, row.sessions) for row in done.written] == [
        (weeks[0], 1, 1, 1),
        (MONDAY, 4, 2, 4),
        (NEXT_MONDAY, 1, 1, 0),
    ]
    assert traffic(days) == {
        weeks[0]: (1, 1, 1, 0, 1, 0, 0.0, 0, Decimal("0.00")),
        MONDAY: (4, 2, 1, 1, 4, 1, 0.25, 1, Decimal("2.50")),
        NEXT_MONDAY: (1, 1, 0, 1, 0, 0, None, 0, Decimal("0.00")),
    }
    assert {row[2] for row in table_rows(days, DATA_CHECKS) if row[1] == "week"} == {c.name for c in WEEKS.checks}
    assert aggregate_weeks(days, weeks) == WeekAggregation(unchanged=tuple(weeks))
    assert [row.week for row in aggregate_weeks(days, weeks, force=True).written] == weeks


def test_a_late_event_makes_its_week_stale_and_those_that_look_back_at_its_day(spark: SparkSession, days: Lake) -> None:
    """Bob's late event of the week before takes his being new from the week that was made."""
    weeks = [MONDAY - 7 * DAY, MONDAY, NEXT_MONDAY]
    aggregate_weeks(days, weeks)
    land_and_aggregate(days, EARLIER_LANDING_HOUR, [event(MONDAY - 2 * DAY, "10:00:00", "bob")])
    stale = stale_between(days, WEEKS, weeks[0], weeks[-1] + 7 * DAY)
    assert stale[:2] == weeks[:2]
    aggregate_weeks(days, stale)
    assert {week: row[:4] for week, row in traffic(days).items()} == {
        weeks[0]: (2, 2, 2, 0),
        MONDAY: (4, 2, 0, 2),
        NEXT_MONDAY: (1, 1, 0, 1),
    }
    assert stale_between(days, WEEKS, weeks[0], weeks[-1] + 7 * DAY) == []


def test_a_week_without_events_is_left_alone(spark: SparkSession, days: Lake) -> None:
    empty = MONDAY - 70 * DAY
    assert aggregate_weeks(days, [empty], force=True) == WeekAggregation(unchanged=(empty,))
    assert aggregate_weeks(days, []) == WeekAggregation()
    assert table_rows(days, WEEK_LEDGER) == []


def test_a_week_that_a_days_failed_check_holds_back_is_made_only_if_it_is_named(
    spark: SparkSession, days: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failed(*arguments: Any) -> Any:
        inputs, stored = known_inputs(*arguments)
        return {week: replace(found, held_back=True) for week, found in inputs.items()}, stored

    monkeypatch.setattr(job, "known_inputs", failed)
    assert aggregate_weeks(days, [MONDAY], hold_back=True) == WeekAggregation(held_back=(MONDAY,))
    assert [row.week for row in aggregate_weeks(days, [MONDAY]).written] == [MONDAY]


def test_a_day_that_is_between_two_commits_is_waited_for(spark: SparkSession, days: Lake) -> None:
    Revision.of(days, DAILY_TRAFFIC).replace_days(DAILY_TRAFFIC, [], [MONDAY])
    with pytest.raises(UnsettledInputError, match=r"daily_traffic and day_ledger disagree in 2026-12-28; an aggreg"):
        aggregate_weeks(days, [MONDAY], tries=1)
    assert table_rows(days, WEEKLY_TRAFFIC) == []


def test_a_week_whose_first_run_died_is_stale_and_its_row_is_removed_with_its_events(
    spark: SparkSession, days: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    class DiedError(Exception):
        pass

    def dying(*arguments: Any, **others: Any) -> Any:
        raise DiedError

    with monkeypatch.context() as patch:
        patch.setattr(job, "check_keys", dying)
        with pytest.raises(DiedError):
            aggregate_weeks(days, [NEXT_MONDAY])
    assert NEXT_MONDAY in traffic(days)
    # Bob's event of that week is gone again: the landing hour has others now.
    land(days, [Landing(landing_hour=LANDING_HOUR, version="v2", events=EVENTS[:-1])])
    aggregate_hours(days, {each.event_hour for each in EVENTS})
    aggregate_days(days, DAYS)
    assert stale_between(days, WEEKS, NEXT_MONDAY, NEXT_MONDAY + 7 * DAY) == [NEXT_MONDAY]
    aggregate_weeks(days, [NEXT_MONDAY])
    assert NEXT_MONDAY not in traffic(days)


def test_a_week_reads_the_files_of_its_own_days_only(spark: SparkSession, days: Lake) -> None:
    assert {row[0] for row in table_rows(days, USER_DAYS)} == set(DAYS)
    aggregate_weeks(days, [MONDAY])
    assert list(traffic(days)) == [MONDAY]
