"""One lake → answers about its hours: has their input changed, which are stale, do they balance.

This module also has the windows of hours that a DAG's run looks at; `days` answers the same questions about days.
"""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final

from contracts.data_checks import Stage
from contracts.ledger import EventRow, LandingRow
from contracts.names import LakeLocation
from contracts.partitions import HOUR, hour_key, hours_between, parse_hour_key, settled_at
from contracts.staleness import (
    PUBLISHED_BEFORE,
    due_event_hours,
    event_hour_inputs,
    is_stale_landing_hour,
    published_window,
    stale_event_hours,
)
from contracts.versions import landing_hours_feeding
from pipeline.lake_status.checks import check_event_row, check_landing_row, print_blocked, require_checks
from pipeline.lake_status.store import LedgerStore, open_ledger
from storage.by_hour import landed_objects
from storage.location import open_store

#: How far `reconcile_hours` looks back by default: the allowed lateness, and a day of S3 delivery retries.
RECONCILED: Final = timedelta(days=8)
_EVER: Final = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def last_settled_hour(now: datetime, buffer_interval: timedelta) -> datetime:
    """Return the latest landing hour that is settled at `now`."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    while settled_at(hour, buffer_interval) > now:
        hour -= HOUR
    return hour


def published_together(event_hour: datetime) -> tuple[datetime, datetime]:
    """Return `[start, end)` of the event hours that may have been published together with one."""
    reach = PUBLISHED_BEFORE + HOUR
    return event_hour - reach, event_hour + reach + HOUR


def landing_input_changed(lake: LakeLocation, landing_hour: datetime, *, settled: bool) -> bool:
    """Return whether a landing hour's raw objects differ from those that its tables were written from."""
    objects = landed_objects(open_store(lake.raw_uri), [landing_hour])[landing_hour]
    row = open_ledger(lake).landing_row(landing_hour)
    return is_stale_landing_hour(objects, row, settled=settled, keep_ip_addresses=lake.keep_ip_addresses)


def publishable_event_hours(lake: LakeLocation, landing_hour: datetime) -> list[datetime]:
    """Return the event hours around a landing hour that are due, whichever landing hour made them stale."""
    return due_event_hours_between(open_ledger(lake), *published_window(landing_hour))


def stale_together_with(lake: LakeLocation, event_hour: datetime) -> list[datetime]:
    """Return, in order, an event hour and those around it that are due; return none if it is not due itself."""
    hours = due_event_hours_between(open_ledger(lake), *published_together(event_hour))
    return hours if event_hour in hours else []


def due_event_hours_between(ledger: LedgerStore, start: datetime, end: datetime) -> list[datetime]:
    """Return the stale event hours of `[start, end)`, except those that a failed data check blocks; print these."""
    landed = ledger.landing_rows(*landing_hours_feeding(start, end - HOUR))
    inputs = event_hour_inputs(list(hours_between(start, end)), landed)
    written = ledger.event_rows(start, end)
    due = due_event_hours(inputs, written)
    print_blocked([hour_key(hour) for hour in stale_event_hours(inputs, written) if hour not in due])
    return due


def hours_with_rejections(lake: LakeLocation, first: str | None, last: str | None) -> list[datetime]:
    """Return, in order, the landing hours from `first` to `last` (keys, None: no bound) that rejected something.

    An object that could not be read counts as a rejection, though it gave no line.
    """
    start = parse_hour_key(first) if first else _EVER[0]
    end = parse_hour_key(last) + HOUR if last else _EVER[1]
    rows = open_ledger(lake).landing_rows(start, end)
    return sorted(row.landing_hour for row in rows if row.rejected or row.unreadable_objects)


def checked_landing_row(lake: LakeLocation, landing_hour: datetime) -> LandingRow:
    """Return the ledger's row of a landing hour; raise `LedgerError` unless it is there, balances and is correct."""
    ledger = open_ledger(lake)
    row = check_landing_row(landing_hour, ledger.landing_row(landing_hour))
    results = ledger.check_results(Stage.LANDING_HOUR, landing_hour, landing_hour + HOUR)
    require_checks(f"landing hour {hour_key(landing_hour)}", results, row.input_version)
    return row


def checked_event_rows(lake: LakeLocation, event_hour: datetime, others: Collection[datetime] = ()) -> list[EventRow]:
    """Return the ledger's rows of an event hour and of others written with it; raise `LedgerError` if one is wrong.

    An hour without events has no row. The row of `event_hour` must exist if it has events; the others may be missing.
    """
    hours = sorted({event_hour, *others})
    ledger = open_ledger(lake)
    landed = ledger.landing_rows(*landing_hours_feeding(hours[0], hours[-1]))
    rows = {row.event_hour: row for row in ledger.event_rows(hours[0], hours[-1] + HOUR)}
    checked = [check_event_row(hour, rows.get(hour), landed) for hour in hours if hour == event_hour or hour in rows]
    results = ledger.check_results(Stage.EVENT_HOUR, hours[0], hours[-1] + HOUR)
    for row in filter(None, checked):
        found = [result for result in results if result.checked_from == row.event_hour]
        require_checks(f"event hour {hour_key(row.event_hour)}", found, row.input_version)
    return [row for row in checked if row]


def balanced_landing_rows(lake: LakeLocation, hours: Collection[datetime]) -> list[LandingRow]:
    """Return the ledger's rows of these landing hours; raise `LedgerError` unless they are there and balance."""
    rows = _landing_rows(lake, hours)
    return [check_landing_row(hour, rows.get(hour)) for hour in hours]


def hours_with_unreadable_objects(lake: LakeLocation, hours: Collection[datetime]) -> list[datetime]:
    """Return, in order, those of the landing hours that have an object that could not be read."""
    return sorted(hour for hour, row in _landing_rows(lake, hours).items() if row.unreadable_objects)


def _landing_rows(lake: LakeLocation, hours: Collection[datetime]) -> dict[datetime, LandingRow]:
    rows = open_ledger(lake).landing_rows(min(hours), max(hours) + HOUR) if hours else []
    return {row.landing_hour: row for row in rows if row.landing_hour in hours}
