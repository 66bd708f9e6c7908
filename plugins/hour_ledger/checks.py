"""What the data checks of an hour or a day found → it may be published, with warnings in the task's log, or not."""

from collections.abc import Collection

from contracts.data_checks import CheckResult, stopping_results
from hour_ledger.balance import LedgerError


class DataCheckError(LedgerError):
    """A data check of severity `fail` did not hold."""


def require_checks(named: str, results: Collection[CheckResult], input_version: str) -> None:
    """Raise `DataCheckError` that names every check that stops publication; print those that only warn.

    `input_version` is that of the ledger's row: results of another version are of another run.
    """
    stopping = stopping_results(results, input_version)
    if stopping:
        found = "; ".join(map(_sentence, stopping))
        raise DataCheckError(f"{named}: {found}. Nothing is published from it; see data_checks")
    for result in results:
        if not result.passed and result.input_version == input_version:
            print(f"WARNING {named}: {_sentence(result)}")


def _sentence(result: CheckResult) -> str:
    return f"{result.check_name} is {result.observed:g}, expected {result.expected} ({result.detail})"
