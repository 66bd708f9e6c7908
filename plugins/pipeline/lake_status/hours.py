"""One lake → answers about its landing hours, and the windows of event hours that a DAG's run looks at."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final

from contracts.ledger import LandingRow
from contracts.names import LakeLocation
from contracts.partitions import HOUR, parse_hour_key, settled_at
from contracts.stages import EVENT_HOURS, LANDING_HOURS
from contracts.staleness import PUBLISHED_BEFORE, is_stale_landing_hour, published_window
from pipeline.lake_status.checks import check_landing_row, require_checks
from pipeline.lake_status.derived import due_between
from pipeline.lake_status.store import open_ledger
from storage.by_hour import landed_objects
from storage.location import open_store

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
    row = open_ledger(lake).row(LANDING_HOURS, landing_hour)
    return is_stale_landing_hour(objects, row, lake.events, settled=settled)


def publishable_event_hours(lake: LakeLocation, landing_hour: datetime) -> list[datetime]:
    """Return the event hours around a landing hour that are due, whichever landing hour made them stale."""
    return due_between(open_ledger(lake), EVENT_HOURS, *published_window(landing_hour))


def stale_together_with(lake: LakeLocation, event_hour: datetime) -> list[datetime]:
    """Return, in order, an event hour and those around it that are due; return none if it is not due itself."""
    hours = due_between(open_ledger(lake), EVENT_HOURS, *published_together(event_hour))
    return hours if event_hour in hours else []


def hours_with_rejections(lake: LakeLocation, first: str | None, last: str | None) -> list[datetime]:
    """Return, in order, the landing hours from `first` to `last` (keys, None: no bound) that rejected something.

    An object that could not be read counts as a rejection, though it gave no line.
    """
    start = parse_hour_key(first) if first else _EVER[0]
    end = parse_hour_key(last) + HOUR if last else _EVER[1]
    rows = open_ledger(lake).rows(LANDING_HOURS, start, end)
    return sorted(row.landing_hour for row in rows if row.rejected or row.unreadable_objects)


def checked_landing_row(lake: LakeLocation, landing_hour: datetime) -> LandingRow:
    """Return the ledger's row of a landing hour; raise `LedgerError` unless it is there, balances and is correct."""
    ledger = open_ledger(lake)
    row = check_landing_row(landing_hour, ledger.row(LANDING_HOURS, landing_hour))
    results = ledger.check_results(LANDING_HOURS, landing_hour, landing_hour)
    require_checks(LANDING_HOURS.named(landing_hour), results, row.input_version)
    return row


def balanced_landing_rows(lake: LakeLocation, hours: Collection[datetime]) -> list[LandingRow]:
    """Return the ledger's rows of these landing hours; raise `LedgerError` unless they are there and balance."""
    rows = _landing_rows(lake, hours)
    return [check_landing_row(hour, rows.get(hour)) for hour in hours]


def hours_with_unreadable_objects(lake: LakeLocation, hours: Collection[datetime]) -> list[datetime]:
    """Return, in order, those of the landing hours that have an object that could not be read."""
    return sorted(hour for hour, row in _landing_rows(lake, hours).items() if row.unreadable_objects)


def _landing_rows(lake: LakeLocation, hours: Collection[datetime]) -> dict[datetime, LandingRow]:
    rows = open_ledger(lake).rows(LANDING_HOURS, min(hours), max(hours) + HOUR) if hours else []
    return {row.landing_hour: row for row in rows if row.landing_hour in hours}
