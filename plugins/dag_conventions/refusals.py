"""A ledger that does not hold → a task that fails at once: another try would find the same."""

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowFailException

from hour_ledger.balance import LedgerError


@contextmanager
def failing_at_once() -> Iterator[None]:
    """Turn a `LedgerError` into a failure without retries; whatever else goes wrong is tried again."""
    try:
        yield
    except LedgerError as error:
        raise AirflowFailException(str(error)) from error
