"""Counts of objects → the ledger's rows of their landing hours, which balance or are refused."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TypeVar

from contracts.partitions import hour_key
from spark_jobs.errors import LedgerImbalanceError
from spark_jobs.landing.landing_plan import LandingHour
from spark_jobs.tables.ledger import LandingLedgerRow
from spark_jobs.validation.objects import CountsByKey, ObjectCounts

_Counted = TypeVar("_Counted", str, int)


def landing_ledger_row(hour: LandingHour, counts: CountsByKey) -> LandingLedgerRow:
    """Return the row of an hour that was transformed; raise `LedgerImbalanceError` if a line or an object is lost."""
    of_objects = [_counted(hour, raw_object.key, counts) for raw_object in hour.objects]
    reasons = _sum(of_object.rejected_by_reason for of_object in of_objects)
    event_hours = _sum(of_object.event_hours for of_object in of_objects)
    row = LandingLedgerRow(
        landing_hour=hour.landing_hour,
        input_version=hour.input_version,
        settled=hour.settled,
        objects=tuple(raw_object.key for raw_object in hour.objects),
        unreadable_objects=sum(of_object.unreadable is not None for of_object in of_objects),
        bytes=sum(raw_object.size for raw_object in hour.objects),
        lines=sum(of_object.lines for of_object in of_objects),
        received=sum(of_object.received for of_object in of_objects),
        rejected=reasons.total(),
        rejected_by_reason=dict(sorted(reasons.items())),
        received_by_event_hour={
            datetime.fromtimestamp(seconds, UTC): rows for seconds, rows in sorted(event_hours.items())
        },
    )
    _refuse_imbalance(row)
    return row


def _counted(hour: LandingHour, key: str, counts: CountsByKey) -> ObjectCounts:
    try:
        return counts[key]
    except KeyError:
        raise LedgerImbalanceError(f"{key} of landing hour {hour_key(hour.landing_hour)} was not read") from None


def _sum(counters: Iterable[Counter[_Counted]]) -> Counter[_Counted]:
    total: Counter[_Counted] = Counter()
    for counter in counters:
        total.update(counter)
    return total


def _refuse_imbalance(row: LandingLedgerRow) -> None:
    if row.lines != row.received + row.rejected:
        raise LedgerImbalanceError(
            f"landing hour {hour_key(row.landing_hour)} has {row.lines} lines, but {row.received} received "
            f"+ {row.rejected} rejected; nothing was noted in the ledger, so the hour stays stale"
        )
    if row.received != sum(row.received_by_event_hour.values()):
        raise LedgerImbalanceError(
            f"landing hour {hour_key(row.landing_hour)} received {row.received} events, but its event hours have "
            f"{sum(row.received_by_event_hour.values())}"
        )
