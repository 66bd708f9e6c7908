"""What came late → what is made again for it now, and what is *deferred*, and until when: pure, by versions alone.

Nearly each of the hours of the allowed lateness gets an event in each hour, where traffic is large: made again each
time, they would cost a hundred times what the hour itself did. So `reconcile_hours` makes again by schedule

* within the hour, what lacks one in `WORTH` of its events or more, the first of them less than `HOURS_LATE` late;
* once a day, in the run after `DAILY_HOUR`, what lacks as many, all of them later;
* and at last, in the first daily run after the allowed lateness, whatever still lacks one.

An hour also lacks what the hour that it looks back at does. A day that was made is made again when its events, as its
hours have them now, are as many more.

Only events that came late defer anything: where a rule, a setting or an old landing hour changed as well, the hour is
made again at once. What is deferred is stale, counted and shown, and a run by hand makes it like all the rest.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from contracts.event_settings import DEFAULTS, EventSettings
from contracts.ledger import UNFINISHED, LandedHour, LedgerRow
from contracts.partitions import DAY, HOUR, day_of, start_of, start_of_day
from contracts.rules import ALLOWED_LATENESS
from contracts.stages import DAYS, EVENT_HOURS, DerivedStage, Input, Key, Stage
from contracts.staleness import stale_keys
from contracts.versions import by_same_rules, landed_since

#: Of its events, one in so many must be lacking for an hour or a day to be worth being made again before the end. It
#: bounds the cost: what comes late of an hour makes it again this share's worth of times, and once at the end.
WORTH: Final = 400
#: Events that are late by less than this are hours late, the others days.
HOURS_LATE: Final = timedelta(days=1)
#: The daily run is that of the landing hour before this hour of the day, UTC.
DAILY_HOUR: Final = 2


@dataclass(frozen=True, kw_only=True)
class Deferred:
    """How many events an hour or a day lacks, of how many it will have; those beside it may lack some as well."""

    lacking: int
    events: int


def deferred_text(stage: Stage[Any, Any], keys: Mapping[Any, Deferred]) -> str:
    """Return what is deferred of a stage, for a person."""
    lacking, events = (sum(getattr(one, name) for one in keys.values()) for name in ("lacking", "events"))
    most = max(keys, key=lambda key: keys[key].lacking / max(keys[key].events, 1))
    return (
        f"{len(keys)} {stage.title}s, stale until they are worth being made again, or at last: they lack {lacking} of "
        f"{events} events, most {stage.named(most)}, {keys[most].lacking} of {keys[most].events}"
    )


def last_daily_run(settled_end: datetime) -> datetime:
    """Return the end of the landing hours that the last daily run had, if hours are settled up to `settled_end`."""
    today = start_of_day(day_of(settled_end)) + DAILY_HOUR * HOUR
    return today if today <= settled_end else today - DAY


def deferred_keys(
    stage: DerivedStage[Key, Any],
    inputs: Mapping[Key, Input[Key]],
    stored: Iterable[LedgerRow],
    source: Iterable[LedgerRow],
    settled_end: datetime,
    settings: EventSettings = DEFAULTS,
) -> dict[Key, Deferred]:
    """Return, in order, the stale keys of `inputs` that are left stale for now.

    `source` has (at least) the rows of the keys `feeding` each, and `settled_end` is the end of the settled landing
    hours. Weeks are made whenever their days are.
    """
    rows = {row.key: row for row in stored}
    stale = [key for key in stale_keys(inputs, rows.values()) if key in rows]
    daily = last_daily_run(settled_end)
    if stage is EVENT_HOURS:
        landed = [row for row in source if isinstance(row, LandedHour)]
        found = ((key, _deferred_hour(inputs[key], rows[key], landed, daily, settings)) for key in stale)
    elif stage is DAYS:
        found = ((key, _deferred_day(inputs[key], rows[key], daily)) for key in stale)
    else:
        return {}
    return {key: deferred for key, deferred in found if deferred}


def _deferred_hour(
    current: Input[Any], row: Any, landed: Iterable[LandedHour], daily: datetime, settings: EventSettings
) -> Deferred | None:
    hour, read = current.key, EVENT_HOURS.read_by(current.key)
    rows = [fed for fed in landed if any(map(fed.received_by_event_hour.get, read))]
    since = landed_since(row, rows, settings)
    if since is None:
        return None
    received = Counter({each: sum(fed.received_by_event_hour.get(each, 0) for fed in rows) for each in read})
    late = [fed.received_by_event_hour for fed in rows if fed.landing_hour >= since]
    lacking = Counter({each: sum(fed.get(each, 0) for fed in late) for each in read})
    is_worth = any(_is_worth(lacking[each], received[each]) for each in read if lacking[each])
    days_late = since - hour >= HOURS_LATE
    if (is_worth and not (days_late and since >= daily)) or (since < daily and _is_closed(hour, daily)):
        return None
    return Deferred(lacking=lacking[hour], events=received[hour])


def _deferred_day(current: Input[Any], row: Any, daily: datetime) -> Deferred | None:
    """A day that lacks nothing is stale by the days beside it, and waits for no daily run: sessions reach into it."""
    same_rules = row.input_version != UNFINISHED and by_same_rules(row.events_version, current.source_version)
    lacking = current.rows - row.events
    # Its sessions reach into the day after, which is closed a day later.
    if not same_rules or lacking <= 0 or _is_worth(lacking, current.rows) or _is_closed(current.key + DAY, daily):
        return None
    return Deferred(lacking=lacking, events=current.rows)


def _is_worth(lacking: int, events: int) -> bool:
    return lacking * WORTH >= events


def _is_closed(key: Any, daily: datetime) -> bool:
    """Return whether a daily run came after the last moment at which an event of the key's day could be received."""
    return start_of_day(day_of(start_of(key))) + DAY + ALLOWED_LATENESS <= daily
