"""The ledgers of a lake → the days that a run has to compute: those asked for, their neighbours, and later ones.

A day's events change the figures of the day before and the day after, into which sessions reach. Its set of users
changes those figures of later days that say who was new there and who came back, and no others.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from contracts.data_checks import ID_SAMPLE_DAYS, Figure
from contracts.event_settings import DEFAULTS, EventSettings
from contracts.ledger import DayLedgerRow, EventRow
from contracts.partitions import DAY, days_between
from contracts.stages import DAYS, Input
from contracts.staleness import stale_keys
from spark_jobs.checks.id_samples import IdSample, repeated_ids
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.ledgers import read_ledger


@dataclass(frozen=True, kw_only=True)
class DayPlan:
    """The days that were asked for, and what the ledgers said of days and event hours around them, read once."""

    days: tuple[date, ...]
    stored: Mapping[date, DayLedgerRow]
    events: tuple[EventRow, ...]
    settings: EventSettings = DEFAULTS

    def inputs(self, made: Mapping[date, DayLedgerRow] | None = None) -> dict[date, Input[date]]:
        """Return the input of the days that may have to be computed, where `made` have just been computed."""
        if not made:
            return self._inputs
        rows = {**self.stored, **made}
        return DAYS.inputs(sorted(self.around | self._later), self.events, rows.values(), self.settings)

    @cached_property
    def _inputs(self) -> dict[date, Input[date]]:
        return DAYS.inputs(sorted(self.around | self._later), self.events, self.stored.values(), self.settings)

    @property
    def around(self) -> set[date]:
        """The days asked for, and those beside them that were made before."""
        return set(self.days) | (DAYS.reading(self.days) & self.stored.keys())

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
            if (inputs[day].rows or day in self.stored)
            and ((force and day in self.days) or self._events_changed(inputs[day]))
        )

    def held_back(self, days: Iterable[date], *, also_asked_for: bool) -> list[date]:
        """Return those of the days that are held back by a data check; the days asked for only if that is said."""
        inputs = self.inputs()
        return [day for day in days if inputs[day].held_back and (also_asked_for or day not in self.days)]

    def days_to_refresh(self, made: Mapping[date, DayLedgerRow]) -> list[date]:
        """Return, in order, the other days whose input, but not whose events, is another now that `made` were made."""
        inputs = {
            day: current
            for day, current in self.inputs(made).items()
            if day in self.stored and day not in made and not self._events_changed(current)
        }
        return stale_keys(inputs, self.stored.values())

    def repeated_ids(self, current: Mapping[date, DayLedgerRow]) -> dict[date, Figure]:
        """Return what the samples of ids say of each current row: beside those of the days before, as they are now."""
        rows = {**self.stored, **current}
        looked_at = {near for day in current for near in days_between(day - ID_SAMPLE_DAYS * DAY, day + DAY)}
        stored = {day: rows[day].id_sample for day in looked_at & rows.keys()}
        samples = {day: IdSample.load(sample) for day, sample in stored.items() if sample}
        return {
            day: repeated_ids(
                samples.get(day),
                [samples[before] for before in days_between(day - ID_SAMPLE_DAYS * DAY, day) if before in samples],
                row.events,
            )
            for day, row in current.items()
        }

    def _events_changed(self, current: Input[date]) -> bool:
        stored = self.stored.get(current.key)
        return stored is None or stored.events_version != current.source_version


def read_ledgers(lake: Lake, days: Collection[date]) -> DayPlan:
    """Return what the ledgers say of the days and of all days that a run of them looks at."""
    first, last = min(days) - DAY, max(days) + DAY
    stored = read_ledger(lake, DayLedgerRow, first - DAYS.look_back, last + DAYS.look_back + DAY)
    latest = max((row.day for row in stored), default=last)
    events = read_ledger(lake, EventRow, *DAYS.feeding(first, max(last, latest)))
    return DayPlan(
        days=tuple(sorted(set(days))),
        stored={row.day: row for row in stored},
        events=tuple(events),
        settings=lake.events,
    )
