"""`received_events` → `clean_events`: each event of an event hour once, and marked if a machine made it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from math import copysign

from tests.specification.judgement import Event

#: More clean events of one user within one event hour than this are no person's.
MOST_EVENTS_OF_A_PERSON = 1_000
#: What decides between copies, first of all; then the rest of what is kept of an event does, field by field.
DECIDING = ("received_at", "insertion_timestamp", "user_id")

#: How a job spells the JSON in `extra`, which is left to it.
Spelling = Callable[[Event], str]
IsCrawler = Callable[[str], bool]


@dataclass(frozen=True, kw_only=True)
class ReceivedEvent(Event):
    """A row of `received_events`."""

    landing_hour: datetime
    object_key: str


@dataclass(frozen=True, kw_only=True)
class CleanEvent(Event):
    """A row of `clean_events`."""

    is_bot: bool
    bot_reasons: tuple[str, ...]

    @property
    def hour(self) -> datetime:
        return hour_of(self)

    @property
    def day(self) -> date:
        return self.event_time.date()


def hour_of(event: Event) -> datetime:
    """The event hour."""
    return event.event_time.replace(minute=0, second=0, microsecond=0)


def in_order(events: Iterable[CleanEvent]) -> list[CleanEvent]:
    """In order of time; of events at one time the first received comes first, then the smaller click_id."""
    return sorted(events, key=lambda event: (event.event_time, event.received_at, event.click_id))


def clean_events(received: Iterable[ReceivedEvent], spelling: Spelling, is_crawler: IsCrawler) -> list[CleanEvent]:
    """Of the rows with one click_id in one event hour, the winner."""
    copies: dict[tuple[datetime, str], list[ReceivedEvent]] = defaultdict(list)
    for event in received:
        copies[hour_of(event), event.click_id].append(event)
    return _marked([_winner(rows, spelling) for rows in copies.values()], is_crawler)


def _winner(copies: list[ReceivedEvent], spelling: Spelling) -> ReceivedEvent:
    """The smallest (received_at, insertion_timestamp, user_id, all else in the columns' order); what is absent is last.

    Texts compare by their bytes in UTF-8, which is the order of their characters; `extra` does as the job spells it.
    """
    others = [field.name for field in fields(Event) if field.name not in DECIDING]

    def value(event: ReceivedEvent, name: str) -> object:
        return spelling(event) if name == "extra" and event.extra is not None else getattr(event, name)

    def precedence(event: ReceivedEvent) -> tuple[object, ...]:
        return tuple(_absent_last(value(event, name)) for name in (*DECIDING, *others))

    return min(copies, key=precedence)


def _absent_last(value: object) -> tuple[object, ...]:
    """A value, to compare with others of its field; 0.0 comes before -0.0."""
    if value is None:
        return (True,)
    return (False, value, copysign(1, value) < 0) if isinstance(value, float) else (False, value)


def _marked(events: list[ReceivedEvent], is_crawler: IsCrawler) -> list[CleanEvent]:
    """A bot is who says so in the user agent, and everything of a user in an hour in which there is too much of it."""
    rates = Counter((event.user_id, hour_of(event)) for event in events)
    clean = []
    for event in events:
        reasons = []
        if event.user_agent is not None and is_crawler(event.user_agent):
            reasons.append("crawler_user_agent")
        if rates[event.user_id, hour_of(event)] > MOST_EVENTS_OF_A_PERSON:
            reasons.append("rate")
        values = {name: value for name, value in asdict(event).items() if name not in ("landing_hour", "object_key")}
        clean.append(CleanEvent(**values, is_bot=bool(reasons), bot_reasons=tuple(reasons)))
    return clean
