"""Ledger rows and a listing of raw objects → what must be made again. Pure decisions on versions, for jobs and DAGs.

An hour or a day is stale if the version it was made from is not the version that its input has now. Only hours that
received events, or have a row from when they had some, can be stale: the others have no rows anywhere.

What is stale is *due* unless it is held back: a data check of severity `fail` did not hold in what it would be made
from. Whoever picks hours or days by itself makes those that are due; one that a person names is made all the same.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from contracts.ledger import UNFINISHED, DayRow, EventRow, LandedHour, LandingRow
from contracts.partitions import DAY, HOUR, day_of, days_between, hours_of_day
from contracts.versions import (
    RawObject,
    day_events_version,
    day_input_version,
    days_looked_back_at,
    event_hour_input_version,
    event_hours_feeding,
    hours_read_by,
    landing_input_version,
)

#: Older event hours that a landing hour touched are the late tail: `reconcile_hours` makes them in one session.
PUBLISHED_BEFORE: Final = timedelta(hours=6)


def published_window(landing_hour: datetime) -> tuple[datetime, datetime]:
    """Return `[start, end)` of the event hours that the run of a landing hour may publish."""
    return landing_hour - PUBLISHED_BEFORE, landing_hour + 2 * HOUR


@dataclass(frozen=True, kw_only=True)
class EventHourInput:
    """What an event hour would be made from now: the version, and the rows of `received_events` it must find.

    It is held back if a data check failed in one of the landing hours that the version names.
    """

    event_hour: datetime
    input_version: str
    received: int
    held_back: bool


def event_hour_inputs(hours: Collection[datetime], landed: Iterable[LandedHour]) -> dict[datetime, EventHourInput]:
    """Return the input of each hour; `landed` must hold (at least) every landing hour that may feed them."""
    feeding: dict[datetime, list[LandedHour]] = defaultdict(list)
    for row in landed:
        for hour, rows in row.received_by_event_hour.items():
            if rows:
                feeding[hour].append(row)
    return {hour: _input(hour, feeding) for hour in hours}


def _input(hour: datetime, feeding: Mapping[datetime, list[LandedHour]]) -> EventHourInput:
    distinct = {row.landing_hour: row for read in hours_read_by(hour) for row in feeding.get(read, ())}
    return EventHourInput(
        event_hour=hour,
        input_version=event_hour_input_version(hour, distinct.values()),
        received=sum(row.received_by_event_hour[hour] for row in feeding.get(hour, ())),
        held_back=any(row.failed_checks for row in distinct.values()),
    )


def stale_event_hours(inputs: Mapping[datetime, EventHourInput], stored: Iterable[EventRow]) -> list[datetime]:
    """Return, in order, the hours of `inputs` whose stored version is not the current one."""
    versions = {row.event_hour: row.input_version for row in stored}
    return sorted(
        hour
        for hour, current in inputs.items()
        if (current.received or hour in versions) and versions.get(hour) != current.input_version
    )


def due_event_hours(inputs: Mapping[datetime, EventHourInput], stored: Iterable[EventRow]) -> list[datetime]:
    """Return, in order, the stale hours of `inputs` that are not held back."""
    return [hour for hour in stale_event_hours(inputs, stored) if not inputs[hour].held_back]


def is_stale_landing_hour(
    objects: Collection[RawObject], row: LandingRow | None, *, settled: bool, keep_ip_addresses: bool = False
) -> bool:
    """Whether a landing hour must be transformed, given its objects now and its row of the ledger.

    An hour that was made while it was still open is made once more when it is settled, so that its row says so.
    """
    if row is None:
        return True
    current = landing_input_version(objects, keep_ip_addresses=keep_ip_addresses)
    return row.input_version != current or (settled and not row.settled)


def stale_landing_hours(
    hours: Iterable[datetime],
    objects: Mapping[datetime, Collection[RawObject]],
    rows: Iterable[LandingRow],
    *,
    keep_ip_addresses: bool = False,
) -> list[datetime]:
    """Return the settled `hours` that are stale, in order; one that never had an object is left as it is."""
    by_hour = {row.landing_hour: row for row in rows}
    return [
        hour
        for hour in hours
        if (hour in objects or hour in by_hour)
        and is_stale_landing_hour(
            objects.get(hour, ()), by_hour.get(hour), settled=True, keep_ip_addresses=keep_ip_addresses
        )
    ]


@dataclass(frozen=True, kw_only=True)
class DayInput:
    """What a day would be made from now: the versions, and the rows of `clean_events` it must find on the day.

    It is held back if a data check failed in one of the event hours that feed it.
    """

    day: date
    events_version: str
    input_version: str
    events: int
    held_back: bool


def day_inputs(days: Collection[date], events: Iterable[EventRow], made: Iterable[DayRow]) -> dict[date, DayInput]:
    """Return the input of each day, by the ledgers as they are.

    `events` must hold (at least) the rows of `event_hours_feeding` each day, `made` those of the days that it looks
    back at. A day before that is stale itself counts as it was made last: once made again, it makes others stale.
    """
    by_day: dict[date, list[EventRow]] = defaultdict(list)
    for row in events:
        by_day[day_of(row.event_hour)].append(row)
    made_before = {row.day: row for row in made}
    inputs = {}
    for day in days:
        first, end = event_hours_feeding(day)
        feeding = [row for other in days_between(first.date(), end.date()) for row in by_day[other]]
        events_version = day_events_version(day, feeding)
        seen = [made_before[other] for other in days_between(*days_looked_back_at(day)) if other in made_before]
        inputs[day] = DayInput(
            day=day,
            events_version=events_version,
            input_version=day_input_version(day, events_version, seen),
            events=sum(row.clean for row in by_day[day]),
            held_back=any(row.failed_checks for row in feeding),
        )
    return inputs


def stale_days(inputs: Mapping[date, DayInput], stored: Iterable[DayRow]) -> list[date]:
    """Return, in order, the days of `inputs` whose stored version is not the current one.

    A day that has neither events nor a row has no rows anywhere, and is never stale.
    """
    versions = {row.day: row.input_version for row in stored}
    return sorted(
        day
        for day, current in inputs.items()
        if (current.events or day in versions) and versions.get(day) != current.input_version
    )


def due_days(inputs: Mapping[date, DayInput], stored: Iterable[DayRow]) -> list[date]:
    """Return, in order, the stale days of `inputs` that are not held back."""
    return [day for day in stale_days(inputs, stored) if not inputs[day].held_back]


def day_to_await(current: DayInput, row: DayRow | None) -> date | None:
    """Return the day that must be over and settled before a stale day is worth being made; None if it is worth it now.

    A day that was never made awaits its own end. One that was made is kept in step with its own events, even if it was
    made while it was open, or if the run that was to make it died. What then makes it stale are the hours of the day
    after, into which a session may reach: that is made good with the day after, and not 24 times until then.
    """
    if row is None:
        return current.day
    in_step = row.input_version != UNFINISHED and row.events == current.events
    return current.day + DAY if in_step else None


def day_is_settled(day: date, landed: Iterable[LandingRow]) -> bool:
    """Whether every landing hour of a day has a settled row, from the first landing hour that the ledger knows on.

    `landed` must hold the rows of the day and, if there is one, a row from before it. An empty ledger settles nothing.
    """
    settled = {row.landing_hour: row.settled for row in landed}
    return bool(settled) and all(settled.get(hour, False) for hour in hours_of_day(day) if hour >= min(settled))
