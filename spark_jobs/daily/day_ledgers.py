"""The ledgers of a lake → the days that a run has to compute: those asked for, their neighbours, and later ones.

A day's events change the figures of the day before and the day after, into which sessions reach. Its set of users
changes those figures of later days that say who was new there and who came back, and no others.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from contracts.ledger import DayRow, EventRow
from contracts.partitions import DAY, day_of, start_of_day
from contracts.rules import DAYS_LOOKED_BACK_AT
from contracts.staleness import DayInput, day_inputs, day_to_await, stale_days
from contracts.versions import days_looked_back_at, event_hours_feeding
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.ledgers import read_ledger

#: So many later days look back at a day's users.
_LOOKED_AT_FOR: Final = DAYS_LOOKED_BACK_AT * DAY


@dataclass(frozen=True, kw_only=True)
class DayLedgers:
    """The days that were asked for, and what the ledgers said of days and event hours around them, read once."""

    days: tuple[date, ...]
    stored: Mapping[date, DayRow]
    events: tuple[EventRow, ...]

    def inputs(self, made: Mapping[date, DayRow] | None = None) -> dict[date, DayInput]:
        """Return the input of the days that may have to be made, where `made` have just been made again."""
        rows = {**self.stored, **(made or {})}
        return day_inputs(sorted(self.around | self._later), self.events, rows.values())

    @property
    def around(self) -> set[date]:
        """The days asked for, and those beside them that were made before."""
        beside = {day + offset for day in self.days for offset in (-DAY, DAY)}
        return set(self.days) | (beside & self.stored.keys())

    @property
    def _later(self) -> set[date]:
        return {day for day in self.stored if day > self.days[0]}

    def days_to_compute(self, *, force: bool) -> list[date]:
        """Return, in order, the days around whose events are others than they were made from; forced, those asked for.

        A day that neither has events nor had some when it was made has no rows, and is left alone.
        """
        inputs = self.inputs()
        return sorted(
            day
            for day in self.around
            if (inputs[day].events or day in self.stored)
            and ((force and day in self.days) or self._events_changed(inputs[day]))
        )

    def held_back(self, days: Iterable[date], *, also_asked_for: bool) -> list[date]:
        """Return those of the days that are held back by a data check; the days asked for only if that is said."""
        inputs = self.inputs()
        return [day for day in days if inputs[day].held_back and (also_asked_for or day not in self.days)]

    def days_to_refresh(self, made: Mapping[date, DayRow]) -> list[date]:
        """Return, in order, the other days whose input, but not whose events, is another now that `made` were made."""
        inputs = {
            day: current
            for day, current in self.inputs(made).items()
            if day in self.stored and day not in made and not self._events_changed(current)
        }
        return stale_days(inputs, self.stored.values())

    def _events_changed(self, current: DayInput) -> bool:
        stored = self.stored.get(current.day)
        return stored is None or stored.events_version != current.events_version


def read_ledgers(lake: Lake, days: Collection[date]) -> DayLedgers:
    """Return what the ledgers say of the days and of all days that a run of them looks at."""
    first, last = min(days) - DAY, max(days) + DAY
    stored = read_ledger(lake, DayRow, days_looked_back_at(first)[0], last + _LOOKED_AT_FOR + DAY)
    latest = max((row.day for row in stored), default=last)
    events = read_ledger(lake, EventRow, event_hours_feeding(first)[0], event_hours_feeding(max(last, latest))[1])
    return DayLedgers(days=tuple(sorted(set(days))), stored={row.day: row for row in stored}, events=tuple(events))


def known_days(lake: Lake, start: date, end: date) -> list[date]:
    """Return, in order, the days in `[start, end)` that have clean events or were made before."""
    hours = read_ledger(lake, EventRow, start_of_day(start), start_of_day(end))
    made = {row.day for row in read_ledger(lake, DayRow, start, end)}
    return sorted({day_of(row.event_hour) for row in hours if row.clean} | made)


def stale_days_between(lake: Lake, start: date, end: date) -> list[date]:
    """Return, in order, the stale days in `[start, end)`."""
    return list(awaited_by_stale_days(lake, start, end))


def awaited_by_stale_days(lake: Lake, start: date, end: date) -> Mapping[date, date | None]:
    """Return, in order, the stale days in `[start, end)`, each with its `day_to_await`."""
    days = known_days(lake, start, end)
    if not days:
        return {}
    ledgers = read_ledgers(lake, days)
    inputs = ledgers.inputs()
    stale = stale_days({day: inputs[day] for day in days}, ledgers.stored.values())
    return {day: day_to_await(inputs[day], ledgers.stored.get(day)) for day in stale}


def days_needing(hours: Iterable[datetime]) -> set[date]:
    """Return the days that can't be made while these event hours are unsettled: they, or a day beside, read them."""
    return {day_of(hour) + offset * DAY for hour in hours for offset in (-2, -1, 0, 1, 2)}
