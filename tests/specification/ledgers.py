"""The figures of the ledgers: what went in and what became of it, per landing hour, event hour, day and week."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from tests.specification import measures
from tests.specification.clean_events import CleanEvent, ReceivedEvent, hour_of
from tests.specification.raw_lines import RawLine
from tests.specification.sessions import Session
from tests.specification.weekly_tables import monday_of


@dataclass(frozen=True, kw_only=True)
class RejectedLine:
    """A row of `rejected_events`, but for the wording of `detail`: the line byte for byte, but for addresses."""

    landing_hour: datetime
    object_key: str
    rejection_reason: str
    line: bytes
    received_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class LandingFigures:
    """Of a row of `landing_ledger`: lines = received + rejected."""

    landing_hour: datetime
    objects: tuple[str, ...]
    lines: int
    received: int
    rejected: int
    rejected_by_reason: dict[str, int]
    unread_by_field: dict[str, int]
    received_by_event_hour: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class EventFigures:
    """Of a row of `event_ledger`: received = clean + duplicates."""

    event_hour: datetime
    received: int
    clean: int
    duplicates: int


@dataclass(frozen=True, kw_only=True)
class DayFigures:
    """Of a row of `day_ledger`: rows of `clean_events`, `user_days` and `sessions`."""

    day: date
    events: int
    users: int
    sessions: int


@dataclass(frozen=True, kw_only=True)
class WeekFigures:
    """Of a row of `week_ledger`: events, users and rows of `sessions` of the week."""

    week: date
    events: int
    users: int
    sessions: int


def landing_ledger(
    lines: Iterable[RawLine], received: Iterable[ReceivedEvent], rejected: Iterable[RejectedLine]
) -> list[LandingFigures]:
    """One row for each landing hour with lines."""
    events = measures.grouped(received, lambda event: event.landing_hour)
    refused = measures.grouped(rejected, lambda row: row.landing_hour)
    return [
        LandingFigures(
            landing_hour=hour,
            objects=tuple(sorted({line.object_key for line in own})),
            lines=len(own),
            received=len(events.get(hour, [])),
            rejected=len(refused.get(hour, [])),
            rejected_by_reason=dict(Counter(row.rejection_reason for row in refused.get(hour, []))),
            unread_by_field=dict(Counter(name for e in events.get(hour, []) for name in e.unread_fields or ())),
            received_by_event_hour=dict(Counter(f"{e.event_time:%Y-%m-%dT%H}" for e in events.get(hour, []))),
        )
        for hour, own in measures.grouped(lines, lambda line: line.landing_hour).items()
    ]


def event_ledger(received: Iterable[ReceivedEvent], clean: Iterable[CleanEvent]) -> list[EventFigures]:
    """One row for each event hour with events."""
    kept = Counter(event.hour for event in clean)
    return [
        EventFigures(event_hour=hour, received=rows, clean=kept[hour], duplicates=rows - kept[hour])
        for hour, rows in Counter(map(hour_of, received)).items()
    ]


def day_ledger(clean: Iterable[CleanEvent], made: Sequence[Session]) -> list[DayFigures]:
    """One row for each day with events; sessions by the day on which they, or their pieces, start."""
    starting = Counter(session.session_start.date() for session in made)
    return [
        DayFigures(day=day, events=len(events), users=measures.users(events), sessions=starting[day])
        for day, events in measures.grouped(clean, lambda event: event.day).items()
    ]


def week_ledger(clean: Iterable[CleanEvent], made: Iterable[Session]) -> list[WeekFigures]:
    """One row for each week with events; sessions by the week in which they, or their pieces, start."""
    starting = Counter(monday_of(session.session_start.date()) for session in made)
    return [
        WeekFigures(week=week, events=len(events), users=measures.users(events), sessions=starting[week])
        for week, events in measures.grouped(clean, lambda event: monday_of(event.day)).items()
    ]
