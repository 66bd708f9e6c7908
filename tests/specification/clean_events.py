"""`received_events` → `clean_events`: each event of an event hour once, and marked if a machine made it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime

from tests.specification.judgement import Event

#: More clean events of one user within one event hour than this are no person's.
MOST_EVENTS_OF_A_PERSON = 1_000
END_OF_TIME = datetime.max.replace(tzinfo=UTC)

#: Tells copies apart that tie in all else, like `received_events.event_hash`; the least one wins.
TieBreak = Callable[[Event], int]
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


def clean_events(received: Iterable[ReceivedEvent], tie_break: TieBreak, is_crawler: IsCrawler) -> list[CleanEvent]:
    """Of the rows with one click_id in one event hour, the winner."""
    copies: dict[tuple[datetime, str], list[ReceivedEvent]] = defaultdict(list)
    for event in received:
        copies[hour_of(event), event.click_id].append(event)
    return _marked([_winner(rows, tie_break) for rows in copies.values()], is_crawler)


def _winner(copies: list[ReceivedEvent], tie_break: TieBreak) -> ReceivedEvent:
    """The smallest (received_at, insertion_timestamp, user_id, hash); no insertion_timestamp comes last.

    Texts compare by their bytes in UTF-8, which is the order of their characters.
    """
    return min(
        copies,
        key=lambda event: (
            event.received_at,
            event.insertion_timestamp or END_OF_TIME,
            event.user_id,
            tie_break(event),
        ),
    )


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
