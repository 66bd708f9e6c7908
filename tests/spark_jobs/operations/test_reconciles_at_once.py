"""Two reconciles at once: one stands still before a commit, until another has made all that came in between.

Whoever commits last has seen what the other did, or computes again. So nothing is stale once both have ended, and no
third run is needed.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from pyspark.sql import SparkSession

from contracts.ledger import EventRow
from contracts.partitions import DAY, HOUR, day_of
from contracts.stages import DAYS, EVENT_HOURS, TABLES
from contracts.tables import DAY_LEDGER, EVENT_LEDGER, USER_DAYS, Table
from spark_jobs.daily.aggregate_days import aggregate_days as make_days
from spark_jobs.hourly import aggregate_hours
from spark_jobs.hourly.computed_hours import ComputedHours, run_hour_tasks
from spark_jobs.lake import retries
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.ledgers import KnownKeys, read_known_keys, stale_between
from spark_jobs.lake.revision import Revision
from spark_jobs.landing import transform_events
from spark_jobs.landing.landing_plan import LandingRules
from spark_jobs.landing.transform_events import transform_landing_hours
from spark_jobs.operations import reconcile_hours as reconciling
from spark_jobs.operations.erasure.search import expire_history
from spark_jobs.operations.reconcile_hours import Reconciliation, reconcile_hours
from tests.spark_jobs.conftest import NewLake
from tests.spark_jobs.raw_lake import lay_down, line
from tests.spark_jobs.table_rows import table_rows

pytestmark = [pytest.mark.spark, pytest.mark.timeout(900)]

TEN: Final = datetime(2026, 11, 22, 10, tzinfo=UTC)
#: The day is open, and was made by hand.
SETTLED: Final = TEN + 6 * HOUR

#: Where the first of the two stands still: the way by which it commits, and the table.
PAUSES: Final = [("replace", EVENT_LEDGER), ("replace_days", USER_DAYS), ("replace_days", DAY_LEDGER)]


def reconciled(lake: Lake) -> Reconciliation:
    done = reconcile_hours(lake, TEN - 2 * HOUR, TEN + 4 * HOUR, SETTLED)
    assert done.errors == ()
    return done


def lay_down_late(lake: Lake, name: str, user: str) -> None:
    """Give an hour that was made another object, with an event of a user who was not there on that day."""
    lay_down(lake, TEN, name, [line(TEN + timedelta(minutes=30), name, user_id=user)])


def pausing_once(commit: Callable[..., None], table: Table, other: Callable[[], object]) -> Callable[..., None]:
    """Return the commit, before which the other run comes the first time that it is called for the table."""
    runs = [other]

    def paused(base: Revision, committed: Table, *given: Any, **named: Any) -> None:
        if committed == table and runs:
            runs.pop()()
        commit(base, committed, *given, **named)

    return paused


@pytest.mark.slow
def test_wherever_another_reconcile_comes_in_between_nothing_is_stale_once_both_have_ended(
    spark: SparkSession, lake_with_tables: Lake, new_lake: NewLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, day = lake_with_tables, day_of(TEN)
    monkeypatch.setattr(retries, "FIRST_WAIT_SECONDS", 0.0)
    lay_down(lake, TEN, "first", [line(TEN, "first")])
    reconciled(lake)
    make_days(lake, [day])
    for number, (name, table) in enumerate(PAUSES):

        def other(number: int = number) -> None:
            lay_down_late(lake, f"between-{number}", f"user-{2 * number + 1}")
            assert [row.key for row in reconciled(lake).later[DAYS].written] == [day]

        lay_down_late(lake, f"before-{number}", f"user-{2 * number}")
        with monkeypatch.context() as patched:
            patched.setattr(Revision, name, pausing_once(getattr(Revision, name), table, other))
            reconciled(lake)
        assert stale_between(lake, EVENT_HOURS, *EVENT_HOURS.fed_by_landing(TEN, TEN + HOUR)) == []
        assert stale_between(lake, DAYS, day - DAY, day + 2 * DAY) == []
    assert_rebuilt(lake, new_lake())


def assert_rebuilt(lake: Lake, empty: Lake) -> None:
    rebuilt = replace(lake, database=empty.database)
    reconciled(rebuilt)
    make_days(rebuilt, [day_of(TEN)])
    for table in TABLES:
        assert table_rows(lake, table) == table_rows(rebuilt, table), table.name


def test_a_reconcile_whose_input_an_erasure_expires_while_it_is_read_reads_what_is_there_now(
    spark: SparkSession, lake_with_tables: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = lake_with_tables
    monkeypatch.setattr(retries, "FIRST_WAIT_SECONDS", 0.0)
    lay_down(lake, TEN, "first", [line(TEN, "first")])

    def expiring(*given: Any) -> ComputedHours:
        monkeypatch.setattr(aggregate_hours, "run_hour_tasks", run_hour_tasks)
        lay_down_late(lake, "late", "user-1")
        transform_landing_hours(lake, [TEN], LandingRules(settled_before=SETTLED))
        expire_history(lake, datetime.now(UTC) + HOUR)
        return run_hour_tasks(*given)

    monkeypatch.setattr(aggregate_hours, "run_hour_tasks", expiring)
    (made,) = reconciled(lake).aggregated.written
    assert made.received == 2


def test_what_a_run_left_between_two_commits_when_it_died_is_made_by_the_one_that_was_at_work_beside_it(
    spark: SparkSession, lake_with_tables: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = lake_with_tables
    monkeypatch.setattr(retries, "FIRST_WAIT_SECONDS", 0.0)
    lay_down(lake, TEN, "first", [line(TEN, "first")])

    def dying(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    def beside(*given: Any, **named: Any) -> KnownKeys[datetime, EventRow]:
        monkeypatch.setattr(reconciling, "read_known_keys", read_known_keys)
        lay_down_late(lake, "late", "user-1")
        with monkeypatch.context() as patched:
            patched.setattr(transform_events, "write_ledger", dying)
            with pytest.raises(KeyboardInterrupt):
                transform_landing_hours(lake, [TEN], LandingRules(settled_before=SETTLED))
        return read_known_keys(*given, **named)

    monkeypatch.setattr(reconciling, "read_known_keys", beside)
    done = reconciled(lake)
    assert [row.received for row in done.transformed.written] == [1, 2]
    assert [row.received for row in done.aggregated.written] == [2]
