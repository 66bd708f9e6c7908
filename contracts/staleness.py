"""Ledger rows and a listing of raw objects → what must be made again. Pure decisions on versions, for jobs and DAGs.

An hour or a day is stale if the version it was made from is not the version that its input has now. Only hours that
received events, or have a row from when they had some, can be stale: the others have no rows anywhere.

What is stale is *due* unless it is held back: a data check of severity `fail` did not hold in what it would be made
from. Whoever picks hours or days by itself makes those that are due; one that a person names is made all the same.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from contracts.event_settings import DEFAULTS, EventSettings
from contracts.ledger import UNFINISHED, LandingRow, LedgerRow
from contracts.partitions import HOUR, hours_between, start_of
from contracts.stages import DerivedStage, Input, Key, Stage
from contracts.versions import RawObject, landing_input_version

#: Older event hours that a landing hour touched are the late tail: `reconcile_hours` makes them in one session, once it
#: is worth it (`contracts.late_events`). Those published are made again by each landing hour: so they are few.
PUBLISHED_BEFORE: Final = timedelta(hours=2)


def published_window(landing_hour: datetime) -> tuple[datetime, datetime]:
    """Return `[start, end)` of the event hours that the run of a landing hour may publish."""
    return landing_hour - PUBLISHED_BEFORE, landing_hour + 2 * HOUR


def stale_keys(inputs: Mapping[Key, Input[Key]], stored: Iterable[LedgerRow]) -> list[Key]:
    """Return, in order, the keys of `inputs` whose stored version is not the current one.

    A key that has neither input nor a row has no rows anywhere, and is never stale.
    """
    versions = {row.key: row.input_version for row in stored}
    return sorted(
        key
        for key, current in inputs.items()
        if (current.rows or key in versions) and versions.get(key) != current.input_version
    )


def due_keys(inputs: Mapping[Key, Input[Key]], stored: Iterable[LedgerRow]) -> list[Key]:
    """Return, in order, the stale keys of `inputs` that are not held back."""
    return [key for key in stale_keys(inputs, stored) if not inputs[key].held_back]


def is_stale_landing_hour(
    objects: Collection[RawObject], row: LandingRow | None, settings: EventSettings = DEFAULTS, *, settled: bool
) -> bool:
    """Whether a landing hour must be transformed, given its objects now and its row of the ledger.

    An hour that was made while it was still open is made once more when it is settled, so that its row says so.
    """
    if row is None:
        return True
    current = landing_input_version(objects, settings)
    return row.input_version != current or (settled and not row.settled)


def stale_landing_hours(
    hours: Iterable[datetime],
    objects: Mapping[datetime, Collection[RawObject]],
    rows: Iterable[LandingRow],
    settings: EventSettings = DEFAULTS,
) -> list[datetime]:
    """Return the settled `hours` that are stale, in order; one that never had an object is left as it is."""
    by_hour = {row.landing_hour: row for row in rows}
    return [
        hour
        for hour in hours
        if (hour in objects or hour in by_hour)
        and is_stale_landing_hour(objects.get(hour, ()), by_hour.get(hour), settings, settled=True)
    ]


def key_to_await(stage: DerivedStage[Key, Any], current: Input[Key], row: LedgerRow | None) -> Key | None:
    """Return the key that must be over and settled before a stale day is worth being computed; None if it is now.

    A day that was never computed awaits its own end. One that was is kept in step with its own events, even if it was
    computed while it was open, or if the run that was to compute it died. What then makes it stale are the hours of
    the day after, into which a session may reach: that is made good with the day after, and not 24 times until then.
    """
    if row is None:
        return current.key
    in_step = row.input_version != UNFINISHED and stage.rows_of(row) == current.rows
    return max(stage.read_by(current.key)) if in_step else None


def is_settled(stage: Stage[Key, Any], key: Key, settled: Mapping[datetime, bool]) -> bool:
    """Whether every landing hour of a day is settled, from the first landing hour that the ledger knows on.

    `settled` must hold the hours of the day and, if there is one, one before it. An empty ledger settles nothing.
    """
    hours = hours_between(start_of(key), start_of(key + stage.step))
    return bool(settled) and all(settled.get(hour, False) for hour in hours if hour >= min(settled))
