"""Ledger rows and a listing of raw objects → what must be made again. Pure decisions on versions, for jobs and DAGs.

An hour or a day is stale if the version it was made from is not the version that its input has now. Only hours that
received events, or have a row from when they had some, can be stale: the others have no rows anywhere.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from contracts.ledger import EventRow, LandedHour, LandingRow
from contracts.partitions import HOUR
from contracts.versions import RawObject, event_hour_input_version, landing_input_version


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


def stale_event_hours(inputs: Mapping[datetime, EventHourInput], stored: Iterable[EventRow]) -> list[datetime]:
    """Return, in order, the hours of `inputs` whose stored version is not the current one."""
    versions = {row.event_hour: row.input_version for row in stored}
    return sorted(
        hour
        for hour, current in inputs.items()
        if (current.received or hour in versions) and versions.get(hour) != current.input_version
    )


def is_stale_landing_hour(objects: Collection[RawObject], row: LandingRow | None, *, settled: bool) -> bool:
    """Whether a landing hour must be transformed, given its objects now and its row of the ledger.

    An hour that was made while it was still open is made once more when it is settled, so that its row says so.
    """
    if row is None:
        return True
    return row.input_version != landing_input_version(objects) or (settled and not row.settled)


def stale_landing_hours(
    hours: Iterable[datetime], objects: Mapping[datetime, Collection[RawObject]], rows: Iterable[LandingRow]
) -> list[datetime]:
    """Return the settled `hours` that are stale, in order; one that never had an object is left as it is."""
    by_hour = {row.landing_hour: row for row in rows}
    return [
        hour
        for hour in hours
        if (hour in objects or hour in by_hour)
        and is_stale_landing_hour(objects.get(hour, ()), by_hour.get(hour), settled=True)
    ]
