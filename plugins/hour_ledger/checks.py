"""What the data checks of an hour or a day found → it may be published, with warnings in the task's log, or not."""

from collections.abc import Collection
from typing import Final

from contracts.data_checks import CheckResult, stopping_results
from hour_ledger.balance import LedgerError

#: What to do about a failed check; the page says how.
REMEDY: Final = (
    "What would be made of it is held back until it is mended and checked again, or somebody who looked at it makes "
    "that by name (docs/operations.md, 'A data check failed'); see data_checks"
)


class DataCheckError(LedgerError):
    """A data check of severity `fail` did not hold."""


def require_checks(named: str, results: Collection[CheckResult], input_version: str) -> None:
    """Raise `DataCheckError` that names every check that stops publication; print those that only warn.

    `input_version` is that of the ledger's row: results of another version are of another run.
    """
    stopping = stopping_results(results, input_version)
    if stopping:
        raise DataCheckError(f"{named}: {'; '.join(map(check_sentence, stopping))}. {REMEDY}")
    for result in results:
        if not result.passed and result.input_version == input_version:
            print(f"WARNING {named}: {check_sentence(result)}")


def say_held_back(keys: Collection[str]) -> None:
    """Print the hours or days that nobody makes by themselves, if there are any, for whoever wonders in the log."""
    if keys:
        print("stale, but held back by failed data checks of what they would be made from:", *keys)


def check_sentence(result: CheckResult) -> str:
    """Return what a check found, and should have found."""
    return f"{result.check_name} is {result.observed:g}, expected {result.expected} ({result.detail})"
