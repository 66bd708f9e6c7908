"""Ledgers of a day → what each hour got, kept, left out and rejected, and whether that adds up.

Two hours have one name: the landing hour, in which lines arrived, and the event hour, in which events happened. What
arrives late, or with a clock that is ahead, belongs to another event hour than its landing hour.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any, Final

from contracts.ledger import UNFINISHED
from contracts.partitions import DAY, HOUR, hour_key, hours_of_day, parse_hour_key, start_of_day
from contracts.tables import EVENT_LEDGER, HOURLY_TRAFFIC, LANDING_LEDGER
from contracts.versions import landing_hours_feeding
from pages.lake.reader import Lake

_LANDED: Final = (
    *("landing_hour", "settled", "lines", "received", "rejected", "rejected_by_reason", "unread_by_field"),
    *("received_by_event_hour", "unreadable_objects", "failed_checks", "input_version"),
)
_COUNTED: Final = ("event_hour", "received", "clean", "duplicates", "failed_checks", "input_version")


@dataclass(frozen=True, kw_only=True)
class Landed:
    """A landing hour: lines = received + rejected."""

    hour: datetime
    settled: bool
    lines: int
    received: int
    rejected: int
    by_reason: Mapping[str, int]
    unread_by_field: Mapping[str, int]
    by_event_hour: Mapping[str, int]
    unreadable_objects: int
    failed_checks: int
    version: str

    @property
    def balances(self) -> bool:
        """Return whether all that it got is accounted for."""
        return (
            self.lines == self.received + self.rejected
            and self.rejected == sum(self.by_reason.values())
            and self.received == sum(self.by_event_hour.values())
        )

    @property
    def of_other_days(self) -> int:
        """Return the events that happened on another day."""
        own = f"{self.hour.date()}T"
        return sum(events for key, events in self.by_event_hour.items() if not key.startswith(own))

    @property
    def late(self) -> int:
        """Return the events that happened before the hour in which they arrived, and the one before that."""
        return sum(events for key, events in self.by_event_hour.items() if parse_hour_key(key) < self.hour - HOUR)


@dataclass(frozen=True, kw_only=True)
class Counted:
    """An event hour: received = clean + duplicates; `people` are its events without bots, None if it has no row."""

    hour: datetime
    received: int
    clean: int
    duplicates: int
    failed_checks: int
    version: str
    events: int | None
    people: int | None

    @property
    def balances(self) -> bool:
        """Return whether all that it got is accounted for, and `hourly_traffic` counts the same."""
        return self.received == self.clean + self.duplicates and (self.events or 0) == self.clean


@dataclass(frozen=True, kw_only=True)
class DayOfHours:
    """The hours of a day; `fed` is how many events all landing hours have for each of its event hours."""

    day: date
    landed: Mapping[datetime, Landed]
    counted: Mapping[datetime, Counted]
    fed: Mapping[datetime, int]

    @cached_property
    def hours(self) -> Sequence[datetime]:
        """Return the hours that one of the ledgers has, or that have events, in order."""
        return sorted({*self.landed, *self.counted, *(hour for hour, events in self.fed.items() if events)})

    def sum_landed(self, name: str) -> int:
        """Return a sum over the landing hours."""
        return sum(getattr(landed, name) for landed in self.landed.values())

    def waiting(self, hour: datetime) -> int:
        """Return the events of an event hour that its tables lack: it is not written yet, or is to be written again."""
        counted = self.counted.get(hour)
        return self.fed.get(hour, 0) - (counted.received if counted else 0)


def hours_of(lake: Lake, day: date, today: date) -> DayOfHours:
    """Return the hours of a day, with all landing hours up to today that can have events of them."""
    first, end = landing_hours_feeding(start_of_day(day), start_of_day(day) + DAY - HOUR)
    landed = _landed(lake, first.date(), min(end.date(), today))
    fed = {
        hour: sum(each.by_event_hour.get(hour_key(hour), 0) for each in landed.values()) for hour in hours_of_day(day)
    }
    own = {hour: each for hour, each in landed.items() if hour.date() == day}
    return DayOfHours(day=day, landed=own, counted=_counted(lake, day), fed=fed)


def landed_between(lake: Lake, first: date, last: date) -> Sequence[Landed]:
    """Return the landing hours of some days, in order."""
    return list(_landed(lake, first, last).values())


def _landed(lake: Lake, first: date, last: date) -> Mapping[datetime, Landed]:
    rows = lake.rows(LANDING_LEDGER, _LANDED, first, last)
    found = lake.ask(
        f"SELECT {', '.join(_LANDED)} FROM ledger WHERE input_version <> ? ORDER BY landing_hour",  # noqa: S608
        [UNFINISHED],
        ledger=rows,
    )
    return {row[0]: _landed_of(row) for row in found}


def _landed_of(row: Sequence[Any]) -> Landed:
    values = dict(zip(_LANDED, row, strict=True))
    return Landed(
        hour=values["landing_hour"],
        settled=values["settled"],
        lines=values["lines"],
        received=values["received"],
        rejected=values["rejected"],
        by_reason=values["rejected_by_reason"] or {},
        unread_by_field=values["unread_by_field"] or {},
        by_event_hour=values["received_by_event_hour"] or {},
        unreadable_objects=values["unreadable_objects"],
        failed_checks=values["failed_checks"],
        version=values["input_version"],
    )


def _counted(lake: Lake, day: date) -> Mapping[datetime, Counted]:
    ledger = lake.rows(EVENT_LEDGER, _COUNTED, day, day)
    traffic = lake.rows(HOURLY_TRAFFIC, ["event_hour", "events", "events_without_bots"], day, day)
    found = lake.ask(
        """
        SELECT event_hour, received, clean, duplicates, failed_checks, input_version, events, events_without_bots
        FROM ledger LEFT JOIN traffic USING (event_hour)
        WHERE event_hour >= ? AND event_hour < ? AND input_version <> ? ORDER BY event_hour
        """,
        [start_of_day(day), start_of_day(day) + DAY, UNFINISHED],
        ledger=ledger,
        traffic=traffic,
    )
    names = ("hour", "received", "clean", "duplicates", "failed_checks", "version", "events", "people")
    return {row[0]: Counted(**dict(zip(names, row, strict=True))) for row in found}
