"""One lake, before and after a job → the hours and days that it made and in which a data check failed.

A job that makes many hours knows which ones only when it has made them. What had failed before it began, and still
stands, another run made, and has said so: a failure is reported once, and not by every run from then on.
"""

from collections.abc import Collection
from typing import Final

from contracts.data_checks import stopping_results
from contracts.names import LakeLocation
from contracts.partitions import HOUR
from hour_ledger.checks import REMEDY, DataCheckError, check_sentence
from hour_ledger.store import FailedChecks, LedgerStore, open_ledger

_NAMED_AT_MOST: Final = 20


def failures_now(lake: LakeLocation) -> list[str]:
    """Return a text for each hour and day in which data checks failed, and for the version in which they did."""
    return [_identity(failed) for failed in open_ledger(lake).failed_checks()]


def require_no_new_failures(lake: LakeLocation, before: Collection[str]) -> None:
    """Raise `DataCheckError` that names what failed and is not among `before`, which `failures_now` returned then."""
    ledger = open_ledger(lake)
    new = [failed for failed in ledger.failed_checks() if _identity(failed) not in before]
    if new:
        named = [_sentence(ledger, failed) for failed in new[:_NAMED_AT_MOST]]
        more = [f"and {len(new) - _NAMED_AT_MOST} more"] if len(new) > _NAMED_AT_MOST else []
        raise DataCheckError(f"{'. '.join([*named, *more])}. {REMEDY}")


def _identity(failed: FailedChecks) -> str:
    return f"{failed.named} {failed.input_version}"


def _sentence(ledger: LedgerStore, failed: FailedChecks) -> str:
    results = ledger.check_results(failed.stage, failed.checked_from, failed.checked_from + HOUR)
    found = "; ".join(map(check_sentence, stopping_results(results, failed.input_version)))
    return f"{failed.named}: {found or 'data checks failed, and were not noted'}"
