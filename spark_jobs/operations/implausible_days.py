"""Received events by hour → those on days that no sound clock showed, and the warning that names them.

A bare event's own time is all that says when it arrived. So a device whose clock was reset to 1970, or runs years
ahead, gets days of its own in the daily tables: right by the rules, and no day's traffic.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from contracts.event import ALLOWED_CLOCK_SKEW
from contracts.partitions import day_key, day_of, hour_of

#: Clocks that were reset show 1970, 1980 or 2000; clickstreams that somebody still analyses are younger.
FIRST_PLAUSIBLE_YEAR: Final = 2001
_NAMED_AT_MOST: Final = 5


@dataclass(frozen=True, kw_only=True)
class ImplausibleDays:
    """Events by day: before the first plausible year, and after now."""

    past: Mapping[date, int]
    future: Mapping[date, int]

    def __bool__(self) -> bool:
        return bool(self.past or self.future)

    def by_key(self) -> dict[str, int]:
        """Return the events of each day by its key, in order."""
        return {day_key(day): events for day, events in sorted({**self.past, **self.future}.items())}

    def warning(self) -> str:
        """Return a sentence that counts the events and names the days."""
        parts = [
            f"{sum(days.values()):,} {when} ({_named(days)})"
            for days, when in ((self.past, f"before {FIRST_PLAUSIBLE_YEAR}"), (self.future, "after now"))
            if days
        ]
        return (
            f"WARNING: events whose clock can't be right: {' and '.join(parts)}. They are received and in every table, "
            "since a bare event's own time is all that tells its day; leave these days out of what you compare"
        )


def implausible_days(received: Iterable[Mapping[datetime, int]], now: datetime) -> ImplausibleDays:
    """Return the implausible days of events counted by hour, as the landing ledger has them."""
    past: Counter[date] = Counter()
    future: Counter[date] = Counter()
    last = hour_of(now + ALLOWED_CLOCK_SKEW)
    for by_hour in received:
        for hour, events in by_hour.items():
            if hour.year < FIRST_PLAUSIBLE_YEAR:
                past[day_of(hour)] += events
            elif hour > last:
                future[day_of(hour)] += events
    return ImplausibleDays(past=past, future=future)


def _named(days: Mapping[date, int]) -> str:
    named = [f"{day_key(day)}: {days[day]:,}" for day in sorted(days)[:_NAMED_AT_MOST]]
    more = [f"and {len(days) - _NAMED_AT_MOST:,} more days"] if len(days) > _NAMED_AT_MOST else []
    return ", ".join([*named, *more])
