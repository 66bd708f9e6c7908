"""Rows of the ledger and results of data checks → whether what they describe may be published.

LedgerError
├── NotInLedgerError        a job ended well and left no row
├── LedgerImbalanceError    the counts of input and output differ
└── DataCheckError          a check of severity `fail` did not hold
"""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from contracts.data_checks import CheckResult, stopping_results
from contracts.ledger import UNFINISHED, EventRow, LandingRow, Row
from contracts.names import LakeLocation
from contracts.partitions import hour_key, key_text
from contracts.stages import DerivedStage, Input, Key
from pipeline.lake_status.store import FailedChecks, LedgerStore, open_ledger

#: What to do about a failed check; the page says how.
REMEDY: Final = (
    "What would be written from it is held back until it is repaired and checked again, or until a person who looked "
    "at it has that written by name (docs/operations.md, 'A data check failed'); see data_checks"
)
_NAMED_AT_MOST: Final = 20


class LedgerError(Exception):
    """The ledger does not hold, so that nothing may be published."""


class NotInLedgerError(LedgerError):
    """An hour or a day has no row in the ledger, though its job ended well."""


class LedgerImbalanceError(LedgerError):
    """The counts of an hour or a day do not add up: events were lost or invented."""


class DataCheckError(LedgerError):
    """A data check of severity `fail` did not hold."""


def check_landing_row(landing_hour: datetime, row: LandingRow | None) -> LandingRow:
    """Return the row of a landing hour that was just transformed; raise `LedgerError` unless it has every line."""
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


def check_row(stage: DerivedStage[Key, Row], current: Input[Key], row: Row | None) -> Row | None:
    """Return the row of an event hour or a day just aggregated; raise `LedgerError` unless it has all of its rows.

    `current` is its input as it is now. Where that has changed since, the key is stale, and only the row's own counts
    can be checked. A key that never had an event has no row, and None is returned.
    """
    if row is None or row.input_version == UNFINISHED:
        if row is None and current.rows == 0:
            return None
        raise NotInLedgerError(
            f"{stage.row_type.LEDGER.name} has no finished row for {key_text(current.key)}, which "
            f"{stage.has_rows.format(now=current.rows)}: the job ended before its last commit; clear it"
        )
    named = stage.named(current.key)
    if isinstance(row, EventRow) and row.received != row.clean + row.duplicates:
        raise LedgerImbalanceError(
            f"{named}: {row.received} received, but {row.clean} clean and {row.duplicates} duplicates"
        )
    rows = stage.rows_of(row)
    if getattr(row, stage.noted_version) == current.source_version and rows != current.rows:
        raise LedgerImbalanceError(f"{named}: {stage.has_other_rows.format(now=current.rows, then=rows)}")
    return row


def require_checks(named: str, results: Collection[CheckResult], input_version: str) -> None:
    """Raise `DataCheckError` that names every check that stops publication; print those that only warn.

    `input_version` is that of the ledger's row; results of another version belong to another run and are ignored.
    """
    stopping = stopping_results(results, input_version)
    if stopping:
        raise DataCheckError(f"{named}: {'; '.join(map(_sentence, stopping))}. {REMEDY}")
    for result in results:
        if not result.passed and result.input_version == input_version:
            print(f"WARNING {named}: {_sentence(result)}")


def print_blocked(keys: Collection[str]) -> None:
    """Print the stale hours or days that no run writes by itself, if there are any, to explain their absence."""
    if keys:
        print("stale, but held back by failed data checks of their input:", *keys)


# A job that writes many hours knows only at its end which ones they are. So its DAG notes what had failed before; what
# fails after that is reported once, and not by every later run.


def failures_now(lake: LakeLocation) -> list[str]:
    """Return a text for each hour and day in which data checks failed, and for the version in which they did."""
    return [failed.identity for failed in open_ledger(lake).failed_checks()]


def require_no_new_failures(lake: LakeLocation, before: Collection[str]) -> None:
    """Raise `DataCheckError` that names what failed and is not among `before`, which `failures_now` returned then."""
    ledger = open_ledger(lake)
    new = [failed for failed in ledger.failed_checks() if failed.identity not in before]
    if new:
        named = [_failure_sentence(ledger, failed) for failed in new[:_NAMED_AT_MOST]]
        more = [f"and {len(new) - _NAMED_AT_MOST} more"] if len(new) > _NAMED_AT_MOST else []
        raise DataCheckError(f"{'. '.join([*named, *more])}. {REMEDY}")


def _failure_sentence(ledger: LedgerStore, failed: FailedChecks) -> str:
    results = ledger.check_results(failed.stage, failed.key, failed.key)
    found = "; ".join(map(_sentence, stopping_results(results, failed.input_version)))
    return f"{failed.named}: {found or 'data checks failed, and were not noted'}"


def _sentence(result: CheckResult) -> str:
    """Return what a check observed, and what it expected."""
    return f"{result.check_name} is {result.observed:g}, expected {result.expected} ({result.detail})"
