"""Two reconciles at once: one stands still before a commit, until another has made all that came in between.

Whoever commits last has seen what the other did, or computes again. So nothing is stale once both have ended, and no
third run is needed.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any, Final

import pytest
from pyspark.sql import SparkSession

from contracts.names import LakeLocation
from contracts.partitions import DAY, HOUR, day_of
from contracts.tables import DAY_LEDGER, EVENT_LEDGER, TABLES, USER_DAYS, Table
from spark_jobs.daily import aggregate_days
from spark_jobs.daily.aggregate_days import aggregate_days as make_days
from spark_jobs.daily.days_to_make import stale_days_between
from spark_jobs.hourly import aggregate_hours
from spark_jobs.hourly.hours_to_make import stale_event_hours_around
from spark_jobs.hourly.made_hours import MadeHours, make_hours
from spark_jobs.landing import transform_events
from spark_jobs.landing.landing_plan import LandingRules
from spark_jobs.landing.transform_events import transform_landing_hours
from spark_jobs.operations import reconcile_hours as reconciling
from spark_jobs.operations.erasure.table_history import expire_history
from spark_jobs.operations.reconcile_hours import Reconciliation, reconcile_hours
from spark_jobs.tables import day_ledger, ledger, retries
from tests.spark_jobs.conftest import NewLake
from tests.spark_jobs.raw_lake import lay_down, line
from tests.spark_jobs.table_rows import table_rows

pytestmark = [pytest.mark.spark, pytest.mark.timeout(900)]

TEN: Final = datetime(2026, 11, 22, 10, tzinfo=UTC)
#: The day is open, and was made by hand.
SETTLED: Final = TEN + 6 * HOUR

#: Where the first of the two stands still: the name by which a module commits, and the table.
PAUSES: Final[list[tuple[ModuleType, str, Table]]] = [
    (ledger, "replace_hours", EVENT_LEDGER),
    (aggregate_days, "replace_days", USER_DAYS),
    (day_ledger, "replace_days", DAY_LEDGER),
]


def reconciled(spark: SparkSession, lake: LakeLocation) -> Reconciliation:
    done = reconcile_hours(spark, lake, TEN - 2 * HOUR, TEN + 4 * HOUR, SETTLED)
    assert done.errors == ()
    return done


def lay_down_late(lake: LakeLocation, name: str, user: str) -> None:
    """Give an hour that was made another object, with an event of a user who was not there on that day."""
    lay_down(lake, TEN, name, [line(TEN + timedelta(minutes=30), name, user_id=user)])


def pausing_once(commit: Callable[..., None], table: Table, other: Callable[[], object]) -> Callable[..., None]:
    """Return the commit, before which the other run comes the first time that it is called for the table."""
    runs = [other]

    def paused(*given: Any, **named: Any) -> None:
        if named["table"] == table and runs:
            runs.pop()()
        commit(*given, **named)

    return paused


def test_wherever_another_reconcile_comes_in_between_nothing_is_stale_once_both_have_ended(
    spark: SparkSession, lake_with_tables: LakeLocation, new_lake: NewLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, day = lake_with_tables, day_of(TEN)
    monkeypatch.setattr(retries, "FIRST_WAIT_SECONDS", 0.0)
    lay_down(lake, TEN, "first", [line(TEN, "first")])
    reconciled(spark, lake)
    make_days(spark, lake, [day])
    for number, (module, name, table) in enumerate(PAUSES):

        def other(number: int = number) -> None:
            lay_down_late(lake, f"between-{number}", f"user-{2 * number + 1}")
            assert [row.day for row in reconciled(spark, lake).days.made] == [day]

        lay_down_late(lake, f"before-{number}", f"user-{2 * number}")
        with monkeypatch.context() as patched:
            patched.setattr(module, name, pausing_once(getattr(module, name), table, other))
            reconciled(spark, lake)
        assert stale_event_hours_around(spark, lake, TEN, TEN + HOUR) == []
        assert stale_days_between(spark, lake, day - DAY, day + 2 * DAY) == []
    assert_rebuilt(spark, lake, new_lake())


def assert_rebuilt(spark: SparkSession, lake: LakeLocation, empty: LakeLocation) -> None:
    rebuilt = replace(lake, database=empty.database)
    reconciled(spark, rebuilt)
    make_days(spark, rebuilt, [day_of(TEN)])
    for table in TABLES:
        assert table_rows(spark, lake, table) == table_rows(spark, rebuilt, table), table.name


def test_a_reconcile_whose_input_an_erasure_expires_while_it_is_read_reads_what_is_there_now(
    spark: SparkSession, lake_with_tables: LakeLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = lake_with_tables
    monkeypatch.setattr(retries, "FIRST_WAIT_SECONDS", 0.0)
    lay_down(lake, TEN, "first", [line(TEN, "first")])

    def expiring(*given: Any) -> MadeHours:
        monkeypatch.setattr(aggregate_hours, "make_hours", make_hours)
        lay_down_late(lake, "late", "user-1")
        transform_landing_hours(spark, lake, [TEN], LandingRules(settled_before=SETTLED))
        expire_history(spark, lake, datetime.now(UTC) + HOUR)
        return make_hours(*given)

    monkeypatch.setattr(aggregate_hours, "make_hours", expiring)
    (made,) = reconciled(spark, lake).aggregated.made
    assert made.received == 2


def test_what_a_run_left_between_two_commits_when_it_died_is_made_by_the_one_that_was_at_work_beside_it(
    spark: SparkSession, lake_with_tables: LakeLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = lake_with_tables
    monkeypatch.setattr(retries, "FIRST_WAIT_SECONDS", 0.0)
    lay_down(lake, TEN, "first", [line(TEN, "first")])

    def dying(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    def beside(*given: Any) -> list[datetime]:
        monkeypatch.setattr(reconciling, "stale_event_hours_around", stale_event_hours_around)
        lay_down_late(lake, "late", "user-1")
        with monkeypatch.context() as patched:
            patched.setattr(transform_events, "write_landing_rows", dying)
            with pytest.raises(KeyboardInterrupt):
                transform_landing_hours(spark, lake, [TEN], LandingRules(settled_before=SETTLED))
        return stale_event_hours_around(*given)

    monkeypatch.setattr(reconciling, "stale_event_hours_around", beside)
    done = reconciled(spark, lake)
    assert [row.received for row in done.transformed.written] == [1, 2]
    assert [row.received for row in done.aggregated.made] == [2]
