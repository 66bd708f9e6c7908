"""Rows of `received_events` per event hour, as the table has them and as the landing ledger says they were given."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from contracts.partitions import hour_key
from contracts.staleness import EventHourInput
from spark_jobs.errors import UnsettledInputError

_MOST_NAMED: Final = 10


def check_received(expected: Iterable[EventHourInput], counted: Mapping[datetime, int]) -> None:
    """Raise `UnsettledInputError` unless each hour has the rows that the landing ledger says it was given."""
    differing = [hour for hour in expected if counted.get(hour.event_hour, 0) != hour.received]
    if differing:
        named = ", ".join(
            f"{hour_key(hour.event_hour)} has {counted.get(hour.event_hour, 0)}, noted {hour.received}"
            for hour in differing[:_MOST_NAMED]
        )
        raise UnsettledInputError(
            f"received_events and landing_ledger disagree in {len(differing)} event hours ({named}); a transform of "
            "their landing hours is still running, or died: run it again",
            hours=[hour.event_hour for hour in differing],
        )
