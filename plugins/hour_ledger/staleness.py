"""Ledger rows and a listing of raw objects → the hours that must be made again. Pure functions; see
contracts/versions.py.

An hour is stale if the version it was made from is not the version its input has now.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from contracts.partitions import HOUR, PartitionKeyError, hour_key, hours_between, parse_hour_key, settled_at
from contracts.versions import (
    LandedHour,
    RawObject,
    event_hour_input_version,
    landing_hours_feeding,
    landing_input_version,
)
from hour_ledger.rows import EventRow, LandingRow

#: Older event hours that a landing hour touched are the late tail: `reconcile_hours` makes them in one session.
PUBLISHED_BEFORE: Final = timedelta(hours=6)

#: How far `reconcile_hours` looks back unless it is told: allowed lateness, and a day of S3 delivery retries.
RECONCILED: Final = timedelta(days=8)


def published_window(landing_hour: datetime) -> tuple[datetime, datetime]:
    """Return `[start, end)` of the event hours that the run of a landing hour may publish."""
    return landing_hour - PUBLISHED_BEFORE, landing_hour + 2 * HOUR


def landing_window(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """Return `[start, end)` of the landing hours that the event hours of `[start, end)` depend on."""
    return landing_hours_feeding(start)[0], landing_hours_feeding(end - HOUR)[1]


def stale_event_hours(
    start: datetime, end: datetime, landed: Collection[LandedHour], aggregated: Iterable[EventRow]
) -> list[datetime]:
    """Return the stale event hours of `[start, end)`, in order.

    `landed` must hold the landing hours of `landing_window(start, end)`. An hour without a received event has no
    tables to make, unless it was made before, when it had some.
    """
    versions = {row.event_hour: row.input_version for row in aggregated}
    fed = {hour for row in landed for hour, received in row.received_by_event_hour.items() if received}
    return [
        hour
        for hour in hours_between(start, end)
        if (hour in fed or hour in versions) and versions.get(hour) != event_hour_input_version(hour, landed)
    ]


def is_stale_landing_hour(objects: Collection[RawObject], row: LandingRow | None, *, settled: bool) -> bool:
    """Whether a landing hour must be transformed, given its objects now and its row of the ledger.

    An hour that was made while it was still open is made once more when it is settled, so that its row says so.
    """
    if row is None:
        return True
    return row.input_version != landing_input_version(objects) or (settled and not row.settled)


def stale_landing_hours(
    hours: Iterable[datetime], objects: Mapping[datetime, Collection[RawObject]], rows: Iterable[LandingRow]
) -> list[datetime]:
    """Return the settled `hours` that are stale, in order; one that never had an object is left as it is."""
    by_hour = {row.landing_hour: row for row in rows}
    return [
        hour
        for hour in hours
        if (hour in objects or hour in by_hour)
        and is_stale_landing_hour(objects.get(hour, ()), by_hour.get(hour), settled=True)
    ]


def last_settled_hour(now: datetime, buffer_interval: timedelta) -> datetime:
    """Return the latest landing hour that is settled at `now`."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    while settled_at(hour, buffer_interval) > now:
        hour -= HOUR
    return hour


def reconciled_range(first: str | None, last: str | None, settled: datetime) -> tuple[datetime, datetime]:
    """Return the first and the last landing hour to reconcile: the keys given, or up to `settled`, the last that is.

    Raises `PartitionKeyError` for a text that is no hour, and for a range that ends before it begins.
    """
    end = parse_hour_key(last) if last else settled
    start = parse_hour_key(first) if first else end - RECONCILED
    if start > end:
        raise PartitionKeyError(f"the range {hour_key(start)} … {hour_key(end)} ends before it begins")
    return start, end
