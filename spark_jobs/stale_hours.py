"""Ledger rows → which event hours are stale, and from which version each would be made: pure decisions on versions.

An event hour is stale if the version stored with it is not the one that the landing ledger gives now. Only hours with
received events, or with a row from when they had some, can be stale: the others have no rows anywhere.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from contracts.partitions import HOUR
from contracts.versions import LandedHour, event_hour_input_version
from spark_jobs.ledger import EventLedgerRow


@dataclass(frozen=True, kw_only=True)
class EventHourInput:
    """What an event hour would be made from now: the version, and the rows of `received_events` it must find."""

    event_hour: datetime
    input_version: str
    received: int


def event_hour_inputs(hours: Collection[datetime], landed: Iterable[LandedHour]) -> dict[datetime, EventHourInput]:
    """Return the input of each hour; `landed` must hold (at least) every landing hour that may feed them."""
    feeding: dict[datetime, list[LandedHour]] = defaultdict(list)
    for row in landed:
        for hour, rows in row.received_by_event_hour.items():
            if rows:
                feeding[hour].append(row)
    return {hour: _input(hour, feeding.get(hour, []), feeding.get(hour - HOUR, [])) for hour in hours}


def _input(hour: datetime, feeding: list[LandedHour], feeding_before: list[LandedHour]) -> EventHourInput:
    distinct = {row.landing_hour: row for row in (*feeding, *feeding_before)}
    return EventHourInput(
        event_hour=hour,
        input_version=event_hour_input_version(hour, distinct.values()),
        received=sum(row.received_by_event_hour[hour] for row in feeding),
    )


def stale_event_hours(inputs: Mapping[datetime, EventHourInput], stored: Iterable[EventLedgerRow]) -> list[datetime]:
    """Return, in order, the hours of `inputs` whose stored version is not the current one."""
    versions = {row.event_hour: row.input_version for row in stored}
    return sorted(
        hour
        for hour, current in inputs.items()
        if (current.received or hour in versions) and versions.get(hour) != current.input_version
    )
