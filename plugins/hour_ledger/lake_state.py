"""One lake → answers about its hours: has their input changed, which are stale, do they balance. (`days` is for days.)

The decisions are in `contracts.staleness` and `balance`; this module fetches what they need, and nothing more.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime

from contracts.data_checks import Stage
from contracts.ledger import EventRow, LandingRow
from contracts.names import LakeLocation
from contracts.partitions import HOUR, hour_key, hours_between, parse_hour_key
from contracts.staleness import (
    due_event_hours,
    event_hour_inputs,
    is_stale_landing_hour,
    published_window,
    stale_event_hours,
    stale_landing_hours,
)
from contracts.versions import days_fed_by, event_hours_fed_by, landing_hours_feeding
from hour_ledger.balance import check_event_row, check_landing_row
from hour_ledger.checks import require_checks, say_held_back
from hour_ledger.days import days_left_behind
from hour_ledger.store import LedgerStore, open_ledger
from hour_ledger.windows import published_together
from storage.by_hour import landed_between, landed_objects
from storage.location import open_store

_EVER = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Stale:
    """What `reconcile_hours` has to make again: what is due, and so is not held back by a data check."""

    landing_hours: tuple[datetime, ...]
    event_hours: tuple[datetime, ...]
    days: tuple[date, ...]

    def __bool__(self) -> bool:
        return bool(self.landing_hours or self.event_hours or self.days)


def landing_input_changed(lake: LakeLocation, landing_hour: datetime, *, settled: bool) -> bool:
    """Whether the raw objects of a landing hour are others than those it was made from."""
    objects = landed_objects(open_store(lake.raw_uri), [landing_hour])[landing_hour]
    row = open_ledger(lake).landing_row(landing_hour)
    return is_stale_landing_hour(objects, row, settled=settled, keep_ip_addresses=lake.keep_ip_addresses)


def publishable_event_hours(lake: LakeLocation, landing_hour: datetime) -> list[datetime]:
    """Return the event hours around a landing hour that are due, whoever made them stale."""
    return _due_event_hours(open_ledger(lake), *published_window(landing_hour))


def stale_together_with(lake: LakeLocation, event_hour: datetime) -> list[datetime]:
    """Return, in order, an event hour and those around it that are due; none if it is not due itself."""
    hours = _due_event_hours(open_ledger(lake), *published_together(event_hour))
    return hours if event_hour in hours else []


def stale_around(lake: LakeLocation, start: datetime, end: datetime, *, settled_end: datetime) -> Stale:
    """Return the stale landing hours of `[start, end)`, and the event hours and days behind them that are due.

    Landing hours from `settled_end` on are still open: `transform_events` will come to them.
    """
    ledger = open_ledger(lake)
    landing = stale_landing_hours(
        hours_between(start, min(end, settled_end)),
        landed_between(open_store(lake.raw_uri), start, end),
        ledger.landing_rows(start, end),
        keep_ip_addresses=lake.keep_ip_addresses,
    )
    return Stale(
        landing_hours=tuple(landing),
        event_hours=tuple(_due_event_hours(ledger, *event_hours_fed_by(start, end))),
        days=tuple(days_left_behind(lake, *days_fed_by(start, end))),
    )


def hours_with_rejections(lake: LakeLocation, first: str | None, last: str | None) -> list[datetime]:
    """Return, in order, the landing hours from `first` to `last` (keys, None: no bound) that rejected something.

    An object that could not be read is a rejection as well, though no line.
    """
    start = parse_hour_key(first) if first else _EVER[0]
    end = parse_hour_key(last) + HOUR if last else _EVER[1]
    rows = open_ledger(lake).landing_rows(start, end)
    return sorted(row.landing_hour for row in rows if row.rejected or row.unreadable_objects)


def checked_landing_row(lake: LakeLocation, landing_hour: datetime) -> LandingRow:
    """Return the ledger's row of a landing hour; raise `LedgerError` unless it is there and all is well."""
    ledger = open_ledger(lake)
    row = check_landing_row(landing_hour, ledger.landing_row(landing_hour))
    results = ledger.check_results(Stage.LANDING_HOUR, landing_hour, landing_hour + HOUR)
    require_checks(f"landing hour {hour_key(landing_hour)}", results, row.input_version)
    return row


def checked_event_rows(lake: LakeLocation, event_hour: datetime, others: Collection[datetime] = ()) -> list[EventRow]:
    """Return the ledger's rows of an event hour and of others made with it; raise `LedgerError` unless all is well.

    An hour without events has none. That of `event_hour` must be there if it has; the others may not have been made.
    """
    hours = sorted({event_hour, *others})
    ledger = open_ledger(lake)
    landed = ledger.landing_rows(*landing_hours_feeding(hours[0], hours[-1]))
    rows = {row.event_hour: row for row in ledger.event_rows(hours[0], hours[-1] + HOUR)}
    checked = [check_event_row(hour, rows.get(hour), landed) for hour in hours if hour == event_hour or hour in rows]
    results = ledger.check_results(Stage.EVENT_HOUR, hours[0], hours[-1] + HOUR)
    for row in filter(None, checked):
        own = [result for result in results if result.checked_from == row.event_hour]
        require_checks(f"event hour {hour_key(row.event_hour)}", own, row.input_version)
    return [row for row in checked if row]


def balanced_landing_rows(lake: LakeLocation, hours: Collection[datetime]) -> list[LandingRow]:
    """Return the ledger's rows of these landing hours; raise `LedgerError` unless they are there and balance."""
    rows = _landing_rows(lake, hours)
    return [check_landing_row(hour, rows.get(hour)) for hour in hours]


def hours_with_unreadable_objects(lake: LakeLocation, hours: Collection[datetime]) -> list[datetime]:
    """Return, in order, those of the landing hours of which an object could not be read."""
    return sorted(hour for hour, row in _landing_rows(lake, hours).items() if row.unreadable_objects)


def _landing_rows(lake: LakeLocation, hours: Collection[datetime]) -> dict[datetime, LandingRow]:
    rows = open_ledger(lake).landing_rows(min(hours), max(hours) + HOUR) if hours else []
    return {row.landing_hour: row for row in rows if row.landing_hour in hours}


def _due_event_hours(ledger: LedgerStore, start: datetime, end: datetime) -> list[datetime]:
    landed = ledger.landing_rows(*landing_hours_feeding(start, end - HOUR))
    inputs = event_hour_inputs(list(hours_between(start, end)), landed)
    made = ledger.event_rows(start, end)
    due = due_event_hours(inputs, made)
    say_held_back([hour_key(hour) for hour in stale_event_hours(inputs, made) if hour not in due])
    return due
