"""Whether rows of the ledger balance.

LedgerError
├── NotInLedgerError        a job ended well and left no row
├── LedgerImbalanceError    what came in is not what went out
└── DataCheckError          a check of severity `fail` did not hold (in `checks`)
"""

from collections.abc import Collection
from datetime import datetime

from contracts.ledger import UNFINISHED, DayRow, EventRow, LandedHour, LandingRow
from contracts.partitions import day_key, hour_key
from contracts.staleness import DayInput
from contracts.versions import event_hour_input_version


class LedgerError(Exception):
    """The ledger does not say what it must say before anything is published."""


class NotInLedgerError(LedgerError):
    """An hour or a day has no row in the ledger, though its job ended well."""


class LedgerImbalanceError(LedgerError):
    """The figures of an hour or a day do not add up: events were lost or made."""


def check_landing_row(landing_hour: datetime, row: LandingRow | None) -> LandingRow:
    """Return the row of a landing hour that was just transformed; raise `LedgerError` unless every line is in it."""
    if row is None:
        raise NotInLedgerError(
            f"landing_ledger has no row for {hour_key(landing_hour)}: the job ended before its last commit; clear it"
        )
    if row.lines != row.received + row.rejected:
        raise LedgerImbalanceError(
            f"landing hour {hour_key(landing_hour)}: {row.lines} lines, but {row.received} received "
            f"and {row.rejected} rejected; nothing is published from it"
        )
    by_event_hour = sum(row.received_by_event_hour.values())
    if by_event_hour != row.received:
        raise LedgerImbalanceError(
            f"landing hour {hour_key(landing_hour)}: {row.received} received, but {by_event_hour} over its hours; "
            "nothing is published from it"
        )
    return row


def check_event_row(event_hour: datetime, row: EventRow | None, landed: Collection[LandedHour]) -> EventRow | None:
    """Return the row of an event hour just aggregated; raise `LedgerError` unless every received event is in it.

    `landed` are the landing hours that can feed it. Where they have changed since, the hour is stale, and only its
    own figures can be checked. An hour that never received an event has no row, and that is right.
    """
    received = sum(landing.received_by_event_hour.get(event_hour, 0) for landing in landed)
    if row is None or row.input_version == UNFINISHED:
        if row is None and received == 0:
            return None
        raise NotInLedgerError(
            f"event_ledger has no finished row for {hour_key(event_hour)}, which received {received} events: "
            "the job ended before its last commit; clear it"
        )
    if row.received != row.clean + row.duplicates:
        raise LedgerImbalanceError(
            f"event hour {hour_key(event_hour)}: {row.received} received, but {row.clean} clean "
            f"and {row.duplicates} duplicates"
        )
    if row.received != received and row.input_version == event_hour_input_version(event_hour, landed):
        raise LedgerImbalanceError(
            f"event hour {hour_key(event_hour)}: stage 1 received {received} events for it, stage 2 read {row.received}"
        )
    return row


def check_day_row(current: DayInput, row: DayRow | None) -> DayRow | None:
    """Return the row of a day just aggregated; raise `LedgerError` unless every clean event of its hours is in it.

    `current` is what it would be made from now. Where that has changed since, the day is stale, and nothing can be
    compared. A day that never had an event has no row, and that is right.
    """
    day = day_key(current.day)
    if row is None or row.input_version == UNFINISHED:
        if row is None and current.events == 0:
            return None
        raise NotInLedgerError(
            f"day_ledger has no finished row for {day}, which has {current.events} clean events: "
            "the job ended before its last commit; clear it"
        )
    if row.events_version == current.events_version and row.events != current.events:
        raise LedgerImbalanceError(
            f"day {day}: {row.events} events, but the event hours that it was made from have {current.events}"
        )
    return row
