"""Versions of inputs: what is stale is known by these hashes alone, never by clocks or snapshot ids.

A landing hour's version names its raw objects; an event hour's version names the landing hours' versions that its rows
were made from, and how many rows each gave; a day's version names the event hours' versions and, since being new is a
matter of 90 days, the sets of users of the days before it. Equal versions mean equal rows, so staleness, skipping and
publication all derive from comparing them.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from operator import attrgetter
from typing import Final

from contracts.bots import CRAWLER_LIST_VERSION
from contracts.event import CONTRACT_VERSION
from contracts.event_settings import DEFAULTS, EventSettings
from contracts.ledger import DayRow, EventRow, LandedHour
from contracts.partitions import DAY, HOUR, LONGEST_DELIVERY, day_key, hour_key, hour_of, start_of_day
from contracts.rules import (
    AGGREGATION_VERSION,
    ALLOWED_CLOCK_SKEW,
    ALLOWED_LATENESS,
    BOT_EVENTS_AT_ONCE,
    BOT_EVENTS_PER_HOUR,
    BOT_INSTANT,
    DAYS_LOOKED_BACK_AT,
    HOURS_LOOKED_BACK_AT,
)

_DIGEST_LENGTH: Final = 32
#: So much of the version of a day's events says by which rules they are counted.
_RULES_LENGTH: Final = 8


@dataclass(frozen=True, kw_only=True, order=True)
class RawObject:
    """A raw object as a listing shows it: key below the bucket (or directory), etag, compressed bytes."""

    key: str
    etag: str
    size: int


def landing_input_version(objects: Iterable[RawObject], settings: EventSettings = DEFAULTS) -> str:
    """Return the version of a landing hour that consists of `objects`, in whatever order they were listed.

    A change of what the settings keep of lines, or take names for, makes every hour stale that still has its objects.
    """
    code = f"contract {CONTRACT_VERSION}{settings.landing_version}"
    return digest([code, *(f"{o.key}\n{o.etag}\n{o.size}" for o in sorted(objects))])


def erased_landing_version(input_version: str) -> str:
    """Return the version of a landing hour from which a user's rows were taken, its raw objects being gone."""
    return digest(["erased", input_version])


def event_hour_input_version(
    event_hour: datetime, landed: Iterable[LandedHour], settings: EventSettings = DEFAULTS
) -> str:
    """Return the version of an event hour, given (at least) the landed hours that fed it or an hour it looks back at.

    These count, because `sessions_started` looks back. So does how many rows each landing hour gave: the same objects,
    transformed again after a repair that raised no version, may give others.
    """
    window = [event_hour - back * HOUR for back in range(HOURS_LOOKED_BACK_AT + 1)]
    parts = (
        f"{hour_key(hour)} {hour_key(row.landing_hour)} {row.input_version} {rows}"
        for row in landed
        for hour in window
        if (rows := row.received_by_event_hour.get(hour))
    )
    return digest([_aggregation_rules(settings), *sorted(parts)])


def landed_since(row: EventRow, landed: Iterable[LandedHour], settings: EventSettings = DEFAULTS) -> datetime | None:
    """Return the first landing hour that an event hour lacks, if all that it lacks is what landed from then on.

    None if another thing changed as well: a rule, a setting, or what a landing hour gave that the row was made from.
    `landed` are rows as for `event_hour_input_version`.
    """
    feeding = sorted(landed, key=attrgetter("landing_hour"), reverse=True)
    received = sum(fed.received_by_event_hour.get(row.event_hour, 0) for fed in feeding)
    for number, last in enumerate(feeding, start=1):
        received -= last.received_by_event_hour.get(row.event_hour, 0)
        # The rows alone tell most landing hours from the one that is sought.
        if received == row.received:
            before = feeding[number:]
            if event_hour_input_version(row.event_hour, before, settings) == row.input_version:
                return last.landing_hour
    return None


def _aggregation_rules(settings: EventSettings) -> str:
    """Return by which rules events are counted."""
    bots = f"{BOT_EVENTS_PER_HOUR} {BOT_EVENTS_AT_ONCE} in {BOT_INSTANT} {CRAWLER_LIST_VERSION}"
    return f"aggregation {AGGREGATION_VERSION}, bots {bots}{settings.aggregation_version}"


def landing_hours_feeding(first: datetime, last: datetime | None = None) -> tuple[datetime, datetime]:
    """Return `[first, end)` of the landing hours that can have events of an event hour, or of one it looks back at.

    With `last`, of any of the event hours from `first` to it. An event is at most ALLOWED_CLOCK_SKEW ahead of its
    arrival and ALLOWED_LATENESS behind it; the record lands under its hour or, being delivered with an older one, an
    earlier hour, by at most LONGEST_DELIVERY. An hour more to each side costs little, and forgives a clock.
    """
    earliest = hour_of(first - HOURS_LOOKED_BACK_AT * HOUR - ALLOWED_CLOCK_SKEW - LONGEST_DELIVERY) - HOUR
    return earliest, hour_of((last or first) + HOUR + ALLOWED_LATENESS) + 2 * HOUR


def event_hours_fed_by(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """Return `[first, end)` of the event hours that one of the landing hours in `[start, end)` can feed.

    The other way round of `landing_hours_feeding`.
    """
    latest = hour_of(end + (HOURS_LOOKED_BACK_AT + 1) * HOUR + LONGEST_DELIVERY + ALLOWED_CLOCK_SKEW)
    return hour_of(start - 2 * HOUR - ALLOWED_LATENESS), latest + HOUR


def day_events_version(day: date, made: Iterable[EventRow], settings: EventSettings = DEFAULTS) -> str:
    """Return the version of the events that a day is made from, given (at least) the event hours feeding it.

    It covers one day to each side, into which sessions reach. An hour without clean events is like one never made. It
    begins like every version by the same rules (`by_same_rules`).
    """
    first, end = event_hours_feeding(day)
    parts = (
        f"{hour_key(row.event_hour)} {row.input_version}" for row in made if first <= row.event_hour < end and row.clean
    )
    return digest([_aggregation_rules(settings)])[:_RULES_LENGTH] + digest(sorted(parts))[_RULES_LENGTH:]


def by_same_rules(one: str, other: str) -> bool:
    """Return whether two versions of days' events are of the same rules, whatever the events."""
    return one[:_RULES_LENGTH] == other[:_RULES_LENGTH]


def day_input_version(day: date, events_version: str, made: Iterable[DayRow]) -> str:
    """Return the version of a day: of its events and of who was there on (at least) the days it looks back at."""
    first, end = days_looked_back_at(day)
    parts = (f"{day_key(row.day)} {row.users_fingerprint}" for row in made if first <= row.day < end and row.users)
    return digest([events_version, *sorted(parts)])


def event_hours_feeding(day: date) -> tuple[datetime, datetime]:
    """Return `[first, end)` of the event hours that a day is made from: its own, and one day's to each side."""
    start = start_of_day(day)
    return start - DAY, start + 2 * DAY


def days_looked_back_at(day: date) -> tuple[date, date]:
    """Return `[first, end)` of the days whose users a day depends on: its oldest cohort was new on its first day."""
    return day - DAYS_LOOKED_BACK_AT * DAY, day


def digest(parts: Iterable[str]) -> str:
    """Return a hash of texts; each is length-prefixed, so that no two lists of texts look alike."""
    return hashlib.sha256(b"".join(_framed(parts))).hexdigest()[:_DIGEST_LENGTH]


def _framed(parts: Iterable[str]) -> Iterator[bytes]:
    for part in parts:
        text = part.encode()
        yield b"%d:" % len(text)
        yield text
