"""Late data through the jobs: what an event changes that comes six days late, row by row of every table.

ann is there every half hour from 23:50 on the 15th, but for 10:50 on the 16th, which is what comes late. With it her
16th has no gap: what she began on the 15th goes on to midnight, and on the 17th she continues.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import pytest
from pyspark.sql import SparkSession

from contracts import stages
from contracts.partitions import HOUR, hour_of
from contracts.stages import TABLES, table_named
from spark_jobs.lake.lake import Lake
from spark_jobs.operations.reconcile_hours import Reconciliation, reconcile_hours
from tests.spark_jobs.conftest import NewLake
from tests.spark_jobs.copied_lake import copy_lake
from tests.spark_jobs.raw_lake import lay_down, line
from tests.spark_jobs.table_rows import Row, table_rows

pytestmark = [pytest.mark.spark, pytest.mark.slow]

MIDNIGHT: Final = datetime(2026, 11, 16, tzinfo=UTC)
SETTLED: Final = datetime(2026, 11, 25, tzinfo=UTC)
LATE: Final = MIDNIGHT + timedelta(hours=10, minutes=50)
ARRIVAL: Final = LATE + timedelta(days=6)
LATE_LANDING: Final = hour_of(ARRIVAL)
DAYS: Final = (date(2026, 11, 15), date(2026, 11, 16), date(2026, 11, 17))
#: The first of these days is a Sunday.
WEEKS: Final = (date(2026, 11, 9), date(2026, 11, 16))


def event_line(
    user: str, event_time: datetime, name: str = "ViewContent", *, received_at: datetime | None = None
) -> bytes:
    hat = {"product_id": "hat", "price": 5}
    click_id = f"{user}-{event_time:%d%H%M}"
    return line(event_time, click_id, received_at=received_at, user_id=user, event_name=name, additional_data=hat)


def in_time() -> dict[datetime, list[bytes]]:
    """Return the lines of each landing hour before anything is late."""
    half_hours = [MIDNIGHT + timedelta(minutes=30 * n - 10) for n in range(51)]
    events = [("ann", moment, "ViewContent") for moment in half_hours if moment != LATE]
    events += [("ann", MIDNIGHT + timedelta(hours=15), "Purchase")]
    events += [("ben", MIDNIGHT + timedelta(days=n, hours=10, minutes=5), "Search") for n in (-2, -1, 0, 1, 2)]
    landed: dict[datetime, list[bytes]] = {}
    for user, moment, name in events:
        landed.setdefault(hour_of(moment), []).append(event_line(user, moment, name))
    return landed


def reconciled(lake: Lake) -> Reconciliation:
    start = MIDNIGHT - timedelta(days=3)
    done = reconcile_hours(lake, start, start + timedelta(days=10), SETTLED)
    assert done.errors == ()
    return done


def everything(lake: Lake) -> dict[str, list[Row]]:
    return {table.name: table_rows(lake, table) for table in TABLES}


@dataclass(frozen=True, kw_only=True)
class Change:
    """The rows of a table that went and that came."""

    gone: list[Row]
    new: list[Row]

    def keys(self, *places: int) -> set[Any]:
        """Return the values at these places of all the rows that went or came."""
        found = {tuple(row[place] for place in places) for row in (*self.gone, *self.new)}
        return {key[0] for key in found} if len(places) == 1 else found


def changes(before: Mapping[str, list[Row]], after: Mapping[str, list[Row]]) -> dict[str, Change]:
    """Return what differs, by table; tables that do not are left out."""
    found = {
        name: Change(
            gone=[row for row in before[name] if row not in after[name]],
            new=[row for row in after[name] if row not in before[name]],
        )
        for name in before
    }
    assert all(len(set(map(repr, rows))) == len(rows) for rows in after.values()), "a row is there twice"
    return {name: change for name, change in found.items() if change.gone or change.new}


@dataclass(frozen=True, kw_only=True)
class LateRun:
    """A lake before and after the late events came."""

    lake: Lake
    done: Reconciliation
    changed: Mapping[str, Change]


@pytest.fixture(scope="module")
def late_run(empty_tables: Lake, new_lake: NewLake) -> LateRun:
    lake = copy_lake(empty_tables, new_lake())
    for hour, lines in in_time().items():
        lay_down(lake, hour, "in_time", lines)
    reconciled(lake)
    before = everything(lake)
    too_late = event_line("ann", LATE - timedelta(days=1, minutes=1), received_at=ARRIVAL)
    lay_down(lake, LATE_LANDING, "late", [event_line("ann", LATE, received_at=ARRIVAL), too_late])
    done = reconciled(lake)
    return LateRun(lake=lake, done=done, changed=changes(before, everything(lake)))


def test_only_its_hours_and_days_are_made_again(late_run: LateRun) -> None:
    assert [row.landing_hour for row in late_run.done.transformed.written] == [LATE_LANDING]
    assert [row.event_hour for row in late_run.done.aggregated.written] == [hour_of(LATE), hour_of(LATE) + HOUR]
    assert tuple(row.key for row in late_run.done.later[stages.DAYS].written) == DAYS
    assert late_run.done.later[stages.DAYS].refreshed == ()


def test_a_late_event_changes_its_hour_and_what_reaches_into_it_and_nothing_else(late_run: LateRun) -> None:
    changed = dict(late_run.changed)
    hour = hour_of(LATE)
    assert [row[2] for row in changed.pop("received_events").new] == [LATE]
    assert [(row[0], row[2]) for row in changed.pop("clean_events").new] == [(LATE, "ann")]
    assert changed.pop("hourly_event_counts").keys(0, 1) == {(hour, "ViewContent")}
    assert changed.pop("hourly_product_stats").keys(0, 1) == {(hour, "hat")}
    traffic = changed.pop("hourly_traffic")
    started = [column.name for column in table_named("hourly_traffic").columns].index("sessions_started")
    assert sorted((row[0], row[started]) for row in traffic.gone) == [(hour, 1), (hour + HOUR, 1)]
    assert sorted((row[0], row[started]) for row in traffic.new) == [(hour, 1), (hour + HOUR, 0)]

    assert changed.pop("landing_ledger").keys(0) == {LATE_LANDING}
    assert changed.pop("event_ledger").keys(0) == {hour, hour + HOUR}
    assert changed.pop("day_ledger").keys(0) == set(DAYS)
    assert changed.pop("week_ledger").keys(0) == set(WEEKS)
    assert changed.pop("weekly_traffic").keys(0) == set(WEEKS)
    assert changed.pop("data_checks").keys(0) <= {LATE_LANDING, hour, hour + HOUR, *map(start_of, (*DAYS, *WEEKS))}
    assert changed.pop("rejected_events").gone == []
    assert set(changed) == {
        *("sessions", "user_days", "daily_traffic", "daily_product_stats", "daily_sources", "daily_transitions")
    }


def test_a_late_event_changes_the_sessions_of_the_day_before_its_day_and_the_day_after(late_run: LateRun) -> None:
    sessions = late_run.changed["sessions"]
    began, after_the_gap = MIDNIGHT - timedelta(minutes=10), MIDNIGHT + timedelta(hours=11, minutes=20)
    last, next_day = MIDNIGHT + timedelta(hours=23, minutes=50), MIDNIGHT + timedelta(hours=24, minutes=20)
    assert [row[:5] for row in sessions.gone] == [
        (began, LATE - timedelta(minutes=30), "ann", False, 22),
        (after_the_gap, next_day + timedelta(minutes=30), "ann", False, 29),
    ]
    assert [row[:5] for row in sessions.new] == [
        (began, last, "ann", False, 50),
        (next_day, next_day + timedelta(minutes=30), "ann", True, 2),
    ]
    traffic = [column.name for column in table_named("daily_traffic").columns]
    day, told = traffic.index("day"), [traffic.index(name) for name in ("events", "sessions", "converted_sessions")]
    daily = late_run.changed["daily_traffic"]
    assert {row[day]: [row[place] for place in told] for row in daily.gone} == {DAYS[0]: [2, 2, 0], DAYS[1]: [49, 2, 1]}
    assert {row[day]: [row[place] for place in told] for row in daily.new} == {DAYS[0]: [2, 2, 1], DAYS[1]: [50, 1, 0]}
    assert late_run.changed["user_days"].keys(0, 1) == {(DAYS[1], "ann")}
    assert late_run.changed["daily_product_stats"].keys(0, 1) == {(DAYS[1], "hat")}


def test_a_too_late_event_is_rejected_with_its_reason(late_run: LateRun) -> None:
    (row,) = late_run.changed["rejected_events"].new
    assert (row[0], row[2]) == (LATE_LANDING, "too_late")
    assert row[1].endswith("late.gz")
    assert b'"ann-151049"' in row[4]


def test_a_late_object_is_found_under_its_old_hour(spark: SparkSession, late_run: LateRun) -> None:
    before, nine = everything(late_run.lake), MIDNIGHT + timedelta(hours=9)
    lay_down(late_run.lake, nine, "delivered_late", [event_line("ben", nine + timedelta(minutes=45), "Search")])
    done = reconciled(late_run.lake)
    assert [(row.landing_hour, len(row.objects)) for row in done.transformed.written] == [(nine, 2)]
    changed = changes(before, everything(late_run.lake))
    assert [(row[0], row[2]) for row in changed["clean_events"].new] == [(nine + timedelta(minutes=45), "ben")]
    assert changed["event_ledger"].keys(0) == {nine, nine + HOUR}
    # ben's 10:05 no longer begins a session: he is there since 9:45.
    assert changed["sessions"].keys(2) == {"ben"}


def start_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
