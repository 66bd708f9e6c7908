"""A range of landing hours → what of it is stale; and, after `reconcile_hours`, what of that was written.

The job writes more than was stale before: each landing hour that it transforms gets a new version, which makes stale
whatever the hour feeds. Of all these, the job wrote those whose version is the current one afterwards.
"""

from dataclasses import dataclass
from datetime import date, datetime

from contracts.names import LakeLocation
from contracts.partitions import DAY, HOUR, PartitionKeyError, day_of, hour_key, hours_between, parse_hour_key
from contracts.staleness import day_inputs, event_hour_inputs, stale_days, stale_event_hours, stale_landing_hours
from contracts.versions import (
    days_fed_by,
    days_looked_back_at,
    event_hours_fed_by,
    event_hours_feeding,
    hours_reading,
    landing_hours_feeding,
)
from pipeline.lake_status.days import days_left_behind
from pipeline.lake_status.hours import RECONCILED, due_event_hours_between
from pipeline.lake_status.store import LedgerStore, open_ledger
from storage.by_hour import landed_between
from storage.location import open_store


@dataclass(frozen=True, kw_only=True)
class Stale:
    """What `reconcile_hours` has to write again: what is due, and so is not blocked by a data check."""

    landing_hours: tuple[datetime, ...]
    event_hours: tuple[datetime, ...]
    days: tuple[date, ...]

    def __bool__(self) -> bool:
        return bool(self.landing_hours or self.event_hours or self.days)


def reconciled_range(first: str | None, last: str | None, settled: datetime) -> tuple[datetime, datetime]:
    """Return the first and the last landing hour to reconcile: the keys given, or up to `settled`, the last that is.

    Raises `PartitionKeyError` for a text that is no hour, and for a range that ends before it begins.
    """
    end = parse_hour_key(last) if last else settled
    start = parse_hour_key(first) if first else end - RECONCILED
    if start > end:
        raise PartitionKeyError(f"the range {hour_key(start)} … {hour_key(end)} ends before it begins")
    return start, end


def stale_around(lake: LakeLocation, start: datetime, end: datetime, *, settled_end: datetime) -> Stale:
    """Return the stale landing hours of `[start, end)`, and the event hours and days behind them that are due.

    Landing hours from `settled_end` on are still open, and are left to `transform_events`.
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
        event_hours=tuple(due_event_hours_between(ledger, *event_hours_fed_by(start, end))),
        days=tuple(days_left_behind(lake, *days_fed_by(start, end))),
    )


def reconciled_event_hours(lake: LakeLocation, before: Stale) -> list[datetime]:
    """Return, in order, the event hours that were stale, or that a stale landing hour feeds, and that are written."""
    return _written_event_hours(open_ledger(lake), before)


def reconciled_days(lake: LakeLocation, before: Stale) -> list[date]:
    """Return, in order, the days that were stale, or whose sessions reach into the written hours, and are written.

    A day that only looks back at the users of other days is none of these; the job's log names it.
    """
    ledger = open_ledger(lake)
    hours = _written_event_hours(ledger, before)
    touched = {*before.days, *(day_of(hour) + offset for hour in hours for offset in (-DAY, 0 * DAY, DAY))}
    if not touched:
        return []
    first, last = min(touched), max(touched)
    written = ledger.day_rows(days_looked_back_at(first)[0], last + DAY)
    events = ledger.event_rows(event_hours_feeding(first)[0], event_hours_feeding(last)[1])
    stale = stale_days(day_inputs(touched, events, written), written)
    return sorted(row.day for row in written if row.day in touched and row.day not in stale)


def _written_event_hours(ledger: LedgerStore, before: Stale) -> list[datetime]:
    transformed = before.landing_hours
    landed = ledger.landing_rows(min(transformed), max(transformed) + HOUR) if transformed else []
    fed = {hour for row in landed if row.landing_hour in transformed for hour in row.received_by_event_hour}
    touched = {*before.event_hours, *(reading for hour in fed for reading in hours_reading(hour))}
    if not touched:
        return []
    start, end = min(touched), max(touched) + HOUR
    written = ledger.event_rows(start, end)
    landed = ledger.landing_rows(*landing_hours_feeding(start, end - HOUR))
    inputs = event_hour_inputs(list(hours_between(start, end)), landed)
    stale = set(stale_event_hours(inputs, written))
    return sorted(row.event_hour for row in written if row.event_hour in touched - stale)
