"""Which hours and days a DAG's run looks at: around a landing or event hour, up to what is settled by the clock."""

from datetime import datetime, timedelta
from typing import Final

from contracts.partitions import HOUR, PartitionKeyError, hour_key, parse_hour_key, settled_at
from contracts.staleness import PUBLISHED_BEFORE

#: How far `reconcile_hours` looks back unless it is told: allowed lateness, and a day of S3 delivery retries.
RECONCILED: Final = timedelta(days=8)


def published_together(event_hour: datetime) -> tuple[datetime, datetime]:
    """Return `[start, end)` of the event hours that may have been published together with one."""
    reach = PUBLISHED_BEFORE + HOUR
    return event_hour - reach, event_hour + reach + HOUR


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
