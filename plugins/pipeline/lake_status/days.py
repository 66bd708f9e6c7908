"""One lake → answers about its days: which are complete and stale, and do their rows of the ledger hold.

A day is *there* once every landing hour of it is settled, or since it was written before, perhaps by hand. It *waits*
while one of its event hours is stale: it would be written from half of what has come. A day that a data check of its
event hours blocks is not *due*, and only a person can have it written.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from contracts.data_checks import Stage
from contracts.ledger import DayRow, LandingRow
from contracts.names import LakeLocation
from contracts.partitions import DAY, HOUR, day_key, day_of, days_between, hours_between, start_of_day
from contracts.staleness import (
    DayInput,
    day_inputs,
    day_is_settled,
    day_to_await,
    due_days,
    event_hour_inputs,
    stale_days,
    stale_event_hours,
)
from contracts.versions import days_looked_back_at, event_hours_feeding, landing_hours_feeding
from pipeline.lake_status.checks import check_day_row, print_blocked, require_checks
from pipeline.lake_status.hours import RECONCILED
from pipeline.lake_status.store import open_ledger
from storage.by_hour import landed_between
from storage.location import open_store


@dataclass(frozen=True, kw_only=True)
class DaysNow:
    """Consecutive days, as the ledgers have them now: which are written, due, waiting, and what has landed."""

    written: Mapping[date, DayRow]
    inputs: Mapping[date, DayInput]
    due: tuple[date, ...]
    waiting: frozenset[date]
    landed: tuple[LandingRow, ...]

    def publishable(self) -> list[date]:
        """Return the days, in order, that are there and due, and do not wait."""
        return [day for day in self.due if day not in self.waiting and (day in self.written or self._is_settled(day))]

    def left_behind(self) -> list[date]:
        """Return the publishable days that no other DAG will write."""
        return [day for day in self.publishable() if self._awaits_nothing(day)]

    def _awaits_nothing(self, day: date) -> bool:
        awaited = day_to_await(self.inputs[day], self.written.get(day))
        return awaited is None or self._is_settled(awaited)

    def _is_settled(self, day: date) -> bool:
        return day_is_settled(day, self.landed)


def publishable_days(lake: LakeLocation, days: Collection[date]) -> list[date]:
    """Return those of the days, in order, that are there and due, and do not wait."""
    return [day for day in _days_now(lake, min(days), max(days)).publishable() if day in days] if days else []


def days_left_behind(lake: LakeLocation, start: date, end: date) -> list[date]:
    """Return the days in `[start, end)`, in order, that are publishable and that no other DAG will write."""
    return _days_now(lake, start, end - DAY).left_behind()


def day_is_due(lake: LakeLocation, day: date) -> bool:
    """Return whether a day's tables are older than their input, and no data check blocks the day."""
    return day in _days_now(lake, day, day).due


def checked_day_row(lake: LakeLocation, day: date) -> DayRow | None:
    """Return the ledger's row of a day (None: it has no event); raise `LedgerError` unless it and its checks hold."""
    ledger = open_ledger(lake)
    events = ledger.event_rows(*event_hours_feeding(day))
    row = check_day_row(day_inputs([day], events, ())[day], ledger.day_row(day))
    if row:
        start = start_of_day(day)
        require_checks(f"day {day_key(day)}", ledger.check_results(Stage.DAY, start, start + DAY), row.input_version)
    return row


def _days_now(lake: LakeLocation, first: date, last: date) -> DaysNow:
    ledger = open_ledger(lake)
    days = list(days_between(first, last + DAY))
    written = ledger.day_rows(days_looked_back_at(first)[0], last + DAY)
    events = ledger.event_rows(event_hours_feeding(first)[0], event_hours_feeding(last)[1])
    start, end = start_of_day(first), start_of_day(last) + DAY
    landed = ledger.landing_rows(start - RECONCILED, max(landing_hours_feeding(start, end - HOUR)[1], end + DAY))
    hours = event_hour_inputs(list(hours_between(start, end)), landed)
    inputs = day_inputs(days, events, written)
    due = due_days(inputs, written)
    print_blocked([day_key(day) for day in stale_days(inputs, written) if day not in due])
    return DaysNow(
        written={row.day: row for row in written},
        inputs=inputs,
        due=tuple(due),
        waiting=frozenset(map(day_of, stale_event_hours(hours, events))),
        landed=(*landed, *_hours_in_which_nothing_landed(lake, landed)),
    )


def _hours_in_which_nothing_landed(lake: LakeLocation, landed: Collection[LandingRow]) -> list[LandingRow]:
    """Return rows for the hours that have neither a row nor an object, and that come before a settled one.

    No run transforms such an hour if Airflow was down when it ended, and it must not keep its day open for good.
    """
    known = {row.landing_hour for row in landed}
    settled = [row.landing_hour for row in landed if row.settled]
    gaps = [hour for hour in hours_between(min(known), max(settled)) if hour not in known] if settled else []
    if not gaps:
        return []
    objects = landed_between(open_store(lake.raw_uri), gaps[0], gaps[-1] + HOUR)
    return [_empty_row(hour) for hour in gaps if hour not in objects]


def _empty_row(landing_hour: datetime) -> LandingRow:
    return LandingRow(
        landing_hour=landing_hour,
        input_version="",
        received_by_event_hour={},
        settled=True,
        unreadable_objects=0,
        lines=0,
        received=0,
        rejected=0,
    )
