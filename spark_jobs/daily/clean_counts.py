"""Clean events per hour, as the table has them and as the event ledger says; and per day, as `hourly_traffic` says."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Final

from contracts.ledger import EventRow
from contracts.partitions import day_key, hour_key, hours_of_day
from spark_jobs.errors import UnsettledInputError

_MOST_NAMED: Final = 10


def check_clean(noted: Iterable[EventRow], counted: Mapping[datetime, int], hours: Iterable[datetime]) -> None:
    """Raise `UnsettledInputError` unless each of the hours has as many clean events as the event ledger says."""
    clean = {row.event_hour: row.clean for row in noted}
    differing = [hour for hour in hours if counted.get(hour, 0) != clean.get(hour, 0)]
    if differing:
        named = ", ".join(
            f"{hour_key(hour)} has {counted.get(hour, 0)}, noted {clean.get(hour, 0)}"
            for hour in differing[:_MOST_NAMED]
        )
        raise UnsettledInputError(
            f"clean_events and event_ledger disagree in {len(differing)} event hours ({named}); an aggregation of them "
            "is still running, or died: run it again",
            hours=differing,
        )


def check_traffic(events: Mapping[date, int], counted: Mapping[date, int]) -> None:
    """Raise `UnsettledInputError` unless `hourly_traffic` has as many events of each day as the day's users have."""
    differing = [day for day, expected in events.items() if counted.get(day, 0) != expected]
    if differing:
        named = ", ".join(
            f"{day_key(day)} has {counted.get(day, 0)}, counted {events[day]}" for day in differing[:_MOST_NAMED]
        )
        raise UnsettledInputError(
            f"hourly_traffic and clean_events disagree in {len(differing)} days ({named}); an aggregation of their "
            "event hours is still running, or died: run it again",
            hours=[hour for day in differing for hour in hours_of_day(day)],
        )
