"""One lake → answers to what the DAGs ask of it: has this hour's input changed, which hours are stale, do they balance.

The decisions are in `contracts.staleness` and `balance`; this module fetches what they need, and nothing more.
"""

from dataclasses import dataclass
from datetime import datetime

from contracts.event import ALLOWED_LATENESS
from contracts.ledger import EventRow, LandingRow
from contracts.names import LakeLocation
from contracts.partitions import HOUR, hours_between
from contracts.staleness import event_hour_inputs, is_stale_landing_hour, stale_event_hours, stale_landing_hours
from hour_ledger.balance import check_event_row, check_landing_row
from hour_ledger.raw_listing import list_landing_hours
from hour_ledger.store import LedgerStore, open_ledger
from hour_ledger.windows import landing_window, published_window


@dataclass(frozen=True, kw_only=True)
class StaleHours:
    """What `reconcile_hours` has to make again."""

    landing_hours: tuple[datetime, ...]
    event_hours: tuple[datetime, ...]

    def __bool__(self) -> bool:
        return bool(self.landing_hours or self.event_hours)


def landing_input_changed(lake: LakeLocation, landing_hour: datetime, *, settled: bool) -> bool:
    """Whether the raw objects of a landing hour are others than those it was made from."""
    objects = list_landing_hours(lake.raw_uri, landing_hour, landing_hour + HOUR).get(landing_hour, [])
    return is_stale_landing_hour(objects, open_ledger(lake).landing_row(landing_hour), settled=settled)


def publishable_event_hours(lake: LakeLocation, landing_hour: datetime) -> list[datetime]:
    """Return the stale event hours around a landing hour, whoever made them stale."""
    return _stale_event_hours(open_ledger(lake), *published_window(landing_hour))


def event_hour_is_stale(lake: LakeLocation, event_hour: datetime) -> bool:
    """Whether an event hour's tables are older than what they are made from."""
    return bool(_stale_event_hours(open_ledger(lake), event_hour, event_hour + HOUR))


def stale_hours(lake: LakeLocation, start: datetime, end: datetime, *, settled_end: datetime) -> StaleHours:
    """Return the stale landing hours of `[start, end)`, and the stale event hours that these can have touched.

    Landing hours from `settled_end` on are still open: `transform_events` will come to them.
    """
    ledger = open_ledger(lake)
    landing = stale_landing_hours(
        hours_between(start, min(end, settled_end)),
        list_landing_hours(lake.raw_uri, start, end),
        ledger.landing_rows(start, end),
    )
    event = _stale_event_hours(ledger, start - ALLOWED_LATENESS - 2 * HOUR, end + 2 * HOUR)
    return StaleHours(landing_hours=tuple(landing), event_hours=tuple(event))


def checked_landing_row(lake: LakeLocation, landing_hour: datetime) -> LandingRow:
    """Return the ledger's row of a landing hour; raise `LedgerError` unless it is there and balances."""
    return check_landing_row(landing_hour, open_ledger(lake).landing_row(landing_hour))


def checked_event_row(lake: LakeLocation, event_hour: datetime) -> EventRow | None:
    """Return the ledger's row of an event hour (None: it has no event); raise `LedgerError` unless it balances."""
    ledger = open_ledger(lake)
    landed = ledger.landing_rows(*landing_window(event_hour, event_hour + HOUR))
    return check_event_row(event_hour, ledger.event_row(event_hour), landed)


def checked_landing_rows(lake: LakeLocation, start: datetime, end: datetime) -> list[LandingRow]:
    """Return the ledger's rows of the landing hours of `[start, end)`; raise `LedgerError` unless each balances."""
    return [check_landing_row(row.landing_hour, row) for row in open_ledger(lake).landing_rows(start, end)]


def _stale_event_hours(ledger: LedgerStore, start: datetime, end: datetime) -> list[datetime]:
    inputs = event_hour_inputs(list(hours_between(start, end)), ledger.landing_rows(*landing_window(start, end)))
    return stale_event_hours(inputs, ledger.event_rows(start, end))
