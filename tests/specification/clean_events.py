"""`received_events` → `clean_events`: each event of an event hour once, and marked if a machine made it."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, timedelta
from math import copysign

from tests.specification.judgement import Event

#: More clean events of one user within one event hour than this are no person's.
MOST_EVENTS_OF_A_PERSON = 1_000
#: More than this that all happen within less than a second are no page's either.
MOST_EVENTS_AT_ONCE = 100
A_SECOND = timedelta(seconds=1)
#: What decides between copies, first of all; then the rest of what is kept of an event does, field by field.
DECIDING = ("received_at", "insertion_timestamp", "user_id")

#: How a job spells the JSON in `extra`, which is left to it.
Spelling = Callable[[Event], str]
IsCrawler = Callable[[str], bool]
#: The site, where ids are per site, and the id there.
Person = tuple[str | None, str]


@dataclass(frozen=True, kw_only=True)
class ReceivedEvent(Event):
    """A row of `received_events`."""

    landing_hour: datetime
    in_landing_hour: bool
    object_key: str


_OF_ITS_LANDING = {"landing_hour", "in_landing_hour", "object_key"}


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

    @property
    def person(self) -> Person:
        """Who it is."""
        return None, self.user_id

    @property
    def is_in_other_currency(self) -> bool:
        """Whether the price is no money of the shop's."""
        return False


@dataclass(frozen=True, kw_only=True)
class ShopEvent(CleanEvent):
    """A clean event in a shop that has named its currency, or whose ids are per site."""

    shops_currency: str | None
    ids_per_site: bool

    @property
    def person(self) -> Person:
        """Equal ids on two sites may be two people."""
        return self.pixel_id if self.ids_per_site else None, self.user_id

    @property
    def is_in_other_currency(self) -> bool:
        """A price without a currency is in the shop's."""
        named = self.shops_currency is not None and self.price is not None and self.currency is not None
        return named and self.currency != self.shops_currency


def in_shop(clean: Iterable[CleanEvent], currency: str | None, *, per_site: bool = False) -> list[CleanEvent]:
    """The events as the later tables count them, where the shop's currency is this, or is not named."""
    if currency is None and not per_site:
        return list(clean)
    return [ShopEvent(**vars(event), shops_currency=currency, ids_per_site=per_site) for event in clean]


#: What the headers of proxies, HTTP libraries and shops' servers begin with; a slash or a blank follows, or nothing.
HTTP_CLIENTS = [
    "Amazon CloudFront",
    "Cloudflare-Workers",
    "okhttp",
    "Dalvik",
    "Apache-HttpClient",
    "Java",
    "ktor-client",
    "Dart",
    "AHC",
    "axios",
    "node-fetch",
    "node",
    "undici",
    "got",
    "Go-http-client",
    "python-requests",
    "python-httpx",
    "Python-urllib",
    "reqwest",
    "Faraday",
    "GuzzleHttp",
    "RestSharp",
    "Symfony HttpClient",
    "libwww-perl",
    "curl",
    "Wget",
    "PostmanRuntime",
    "HTTPie",
    "WooCommerce",
    "WordPress",
    "Shopify-Captain-Hook",
    "Stripe",
]


def is_http_client(user_agent: str) -> bool:
    """Whether a program for requests of any kind wrote the header."""
    return any(user_agent == name or user_agent.startswith((f"{name}/", f"{name} ")) for name in HTTP_CLIENTS)


def hour_of(event: Event) -> datetime:
    """The event hour."""
    return event.event_time.replace(minute=0, second=0, microsecond=0)


def in_order(events: Iterable[CleanEvent]) -> list[CleanEvent]:
    """In order of time; of events at one time the first received comes first, then the smaller click_id."""
    return sorted(events, key=lambda event: (event.event_time, event.received_at, event.click_id))


def clean_events(
    received: Iterable[ReceivedEvent],
    spelling: Spelling,
    is_crawler: IsCrawler,
    *,
    per_site: bool = False,
    own_programs: tuple[str, ...] = (),
) -> list[CleanEvent]:
    """Of the rows with one click_id in one event hour, the winner.

    `own_programs` is what headers of the shop's own programs begin with.
    """
    copies: dict[tuple[datetime, str], list[ReceivedEvent]] = defaultdict(list)
    for event in received:
        copies[hour_of(event), event.click_id].append(event)
    winners = [_winner(rows, spelling) for rows in copies.values()]
    return _marked(winners, is_crawler, own_programs, per_site=per_site)


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


def _marked(
    events: list[ReceivedEvent], is_crawler: IsCrawler, own_programs: tuple[str, ...], *, per_site: bool
) -> list[CleanEvent]:
    """A bot is who says so in the user agent, and everything of a user in an hour in which there is too much of it.

    Too much is a number in the hour, or a smaller one that happens at once, with nothing else in that hour. A program
    that a person may use is no bot, though lists of crawlers have it; nor is who says nothing in the header.
    """
    times: dict[object, list[datetime]] = defaultdict(list)
    for event in events:
        times[_person_in_hour(event, per_site=per_site)].append(event.event_time)
    clean = []
    for event in events:
        reasons = []
        agent = event.user_agent or ""
        is_program = is_http_client(agent) or any(agent.startswith(name) for name in own_programs)
        if is_crawler(agent) and not is_program:
            reasons.append("crawler_user_agent")
        own = times[_person_in_hour(event, per_site=per_site)]
        if len(own) > MOST_EVENTS_OF_A_PERSON:
            reasons.append("rate")
        if len(own) > MOST_EVENTS_AT_ONCE and max(own) - min(own) < A_SECOND:
            reasons.append("instant")
        is_bot = bool(reasons)
        if is_program:
            reasons.append("http_client")
        if not agent and event.source_ip and event.request_id:
            reasons.append("no_user_agent")
        values = {name: value for name, value in asdict(event).items() if name not in _OF_ITS_LANDING}
        clean.append(CleanEvent(**values, is_bot=is_bot, bot_reasons=tuple(reasons)))
    return clean


def _person_in_hour(event: Event, *, per_site: bool) -> tuple[Person, datetime]:
    return (event.pixel_id if per_site else None, event.user_id), hour_of(event)
