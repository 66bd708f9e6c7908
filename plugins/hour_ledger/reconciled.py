"""What `reconcile_hours` found stale, and the ledgers after it → the event hours and the days that it made.

The job makes more than was stale before: each landing hour that it transforms has a new version, and so makes stale
what it feeds. Of all these, those are made whose version is the current one now.
"""

from datetime import date, datetime

from contracts.names import LakeLocation
from contracts.partitions import DAY, HOUR, day_of, hours_between
from contracts.staleness import day_inputs, event_hour_inputs, stale_days, stale_event_hours
from contracts.versions import days_looked_back_at, event_hours_feeding, landing_hours_feeding
from hour_ledger.lake_state import Stale
from hour_ledger.store import LedgerStore, open_ledger


def reconciled_event_hours(lake: LakeLocation, before: Stale) -> list[datetime]:
    """Return, in order, the event hours that were stale, or are fed by the landing hours that were, and are made."""
    return _made_event_hours(open_ledger(lake), before)


def reconciled_days(lake: LakeLocation, before: Stale) -> list[date]:
    """Return, in order, the days that were stale, or whose sessions reach into the hours that were made, and are made.

    A day that only looks back at other days' users is none of these; the job's log names it.
    """
    ledger = open_ledger(lake)
    hours = _made_event_hours(ledger, before)
    touched = {*before.days, *(day_of(hour) + offset for hour in hours for offset in (-DAY, 0 * DAY, DAY))}
    if not touched:
        return []
    first, last = min(touched), max(touched)
    made = ledger.day_rows(days_looked_back_at(first)[0], last + DAY)
    events = ledger.event_rows(event_hours_feeding(first)[0], event_hours_feeding(last)[1])
    stale = stale_days(day_inputs(touched, events, made), made)
    return sorted(row.day for row in made if row.day in touched and row.day not in stale)


def _made_event_hours(ledger: LedgerStore, before: Stale) -> list[datetime]:
    transformed = before.landing_hours
    landed = ledger.landing_rows(min(transformed), max(transformed) + HOUR) if transformed else []
    fed = {hour for row in landed if row.landing_hour in transformed for hour in row.received_by_event_hour}
    touched = {*before.event_hours, *fed, *(hour + HOUR for hour in fed)}
    if not touched:
        return []
    start, end = min(touched), max(touched) + HOUR
    made = ledger.event_rows(start, end)
    landed = ledger.landing_rows(*landing_hours_feeding(start, end - HOUR))
    inputs = event_hour_inputs(list(hours_between(start, end)), landed)
    stale = set(stale_event_hours(inputs, made))
    return sorted(row.event_hour for row in made if row.event_hour in touched - stale)
