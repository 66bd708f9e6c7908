"""A shop and its visitors → events: who does what, and when; a function of (seed, day).

Each minute of a day is an endless sequence of sessions that start in it. A run takes as many events from it as its rate
asks for, so a higher rate adds visitors and changes none. A session belongs to the day in which it starts, and may go
on past midnight. Products keep their price and visitors their habits in every hour and on every machine: only whole
numbers and IEEE products decide anything, never the C library's mathematics.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import lru_cache
from hashlib import blake2b
from itertools import accumulate
from random import Random
from typing import Final, NamedTuple

from simulator.world.event_time import MINUTE_US, SECOND_US, format_event_time, moment_of

MINUTES_PER_DAY: Final = 1_440
PRODUCTS: Final = 5_000
VISITORS: Final = 200_000

#: Softens the head of Zipf's law: the most popular product takes about 2 % of the looks, the last 3,000 together 12 %.
_ZIPF_SHIFT: Final = 5
#: Sessions start in this part of their minute, so that even the last one's first event is received within the minute.
_STARTS_WITHIN_US: Final = 58 * SECOND_US
#: A pause is at most this many times the mean: 3·r² has mean 1 for r uniform in [0, 1).
_LONGEST_PAUSE: Final = 3.0
#: One purchase in so many is regretted, and given back at the end of the session. Who regrets what is fixed: no draw is
#: spent on it, so that sessions without a refund are as they were.
_REGRETTED_ONE_IN: Final = 20
#: The client queues an event this many microseconds after the click.
_QUEUED_AFTER_US: Final = 27


class Product(NamedTuple):
    """A product; a NamedTuple, because one is read for each event."""

    product_id: int
    price_cents: int


class Persona(NamedTuple):
    """A kind of visitor: chances (0–1) per step, and the mean seconds between two events.

    `share` is their share of all visitors in percent. A session has 1 to `rounds` rounds; in each the visitor views 1
    to `views` products.
    """

    name: str
    share: int
    rounds: int
    views: int
    searches: float
    cart: float
    purchase: float
    think_seconds: int
    on_phone: bool = False


#: name, share, rounds, views, searches, cart, purchase, think_seconds
PERSONAS: Final = (
    Persona("passer-by", 30, 1, 2, 0.35, 0.02, 0.10, 9),
    Persona("window shopper", 25, 3, 4, 0.7, 0.04, 0.15, 25),
    Persona("comparer", 15, 4, 6, 0.95, 0.08, 0.45, 40),
    Persona("buyer", 10, 2, 2, 0.8, 0.45, 0.80, 20),
    Persona("app user", 20, 3, 3, 0.5, 0.12, 0.50, 12, on_phone=True),
)
_PERSONA_OF_PERCENT: Final = tuple(persona for persona in PERSONAS for _ in range(persona.share))

_BROWSERS: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17 Safari/605",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
)
_APPS: Final = ("ShopApp/4.2.0 (iPhone; iOS 17.5)", "ShopApp/4.1.3 (Android 14)")
_PIXELS: Final = ("wjgao4w1oi", "k2x9d7m4ta")


class Visitor(NamedTuple):
    """A visitor; a NamedTuple, because its fields are read for each event."""

    user_id: str
    persona: Persona
    pixel_id: str
    source_ip: str
    user_agent: str

    @property
    def user_ip(self) -> str:
        """The address as the client knows it: only the app does."""
        return self.source_ip if self.persona.on_phone else ""


class Event(NamedTuple):
    """What a visitor does, before it is written as JSON; a NamedTuple, because there are millions.

    `at` is in microseconds since 1970. `digest` is 64 hexadecimal digits of (seed, run, day, number): its first half is
    the click_id, its second half the request's id. `price_cents` is None where the client sent no price, and
    negative in the app's refunds; the browser's are positive.
    """

    at: int
    visitor: Visitor
    name: str
    product: Product | None
    price_cents: int | None
    seconds: int
    digest: str

    @property
    def click_id(self) -> str:
        return self.digest[:32]


@lru_cache(maxsize=VISITORS)
def visitor(number: int) -> Visitor:
    """Return the visitor with a number from 1 to `VISITORS`, which fixes everything about them."""
    persona = _PERSONA_OF_PERCENT[number % 100]
    agents = _APPS if persona.on_phone else _BROWSERS
    return Visitor(
        user_id=str(number),
        persona=persona,
        pixel_id=_PIXELS[persona.on_phone],
        # 198.18.0.0/15 is reserved for benchmarks (RFC 2544): nobody has such an address.
        source_ip=f"198.{18 + (number >> 16) % 2}.{(number >> 8) % 256}.{number % 256}",
        user_agent=agents[number // 100 % len(agents)],
    )


class Catalogue:
    """The products of a seed, most popular first."""

    def __init__(self, seed: int) -> None:
        random = Random(f"catalogue/{seed}")
        ids = random.sample(range(100_000, 1_000_000), PRODUCTS)
        self.products: Final = tuple(Product(product_id, _price_cents(random.random())) for product_id in ids)
        weights = (1.0 / (rank + _ZIPF_SHIFT) for rank in range(1, PRODUCTS + 1))
        self._cumulative: Final = tuple(accumulate(weights))

    def pick(self, draw: Callable[[], float]) -> Product:
        """Return a product by popularity; `draw` gives numbers in [0, 1)."""
        cumulative = self._cumulative
        return self.products[bisect_right(cumulative, draw() * cumulative[-1])]


def _price_cents(share: float) -> int:
    """Return a price from 1.99 to some 2,000, most of them low."""
    return 199 + int(share * share * share * 200_000)


class World:
    """The shop and the visitors of a seed; `run` keeps the click_ids of two runs through the same world apart."""

    def __init__(self, seed: int, run: str = "history") -> None:
        self.seed: Final = seed
        self.run: Final = run
        self.catalogue: Final = Catalogue(seed)

    def minute(self, minute: int, events: int, until: int | None = None) -> Iterator[list[Event]]:
        """Yield the sessions (events in order) that start in a minute, `events` events in all.

        `minute` is in minutes since 1970. The last session is cut where the number is reached, and no event happens at
        or after `until` (microseconds since 1970): the visitors leave.
        """
        day, minute_of_day = divmod(minute, MINUTES_PER_DAY)
        date = moment_of(day * MINUTES_PER_DAY * MINUTE_US).date().isoformat()
        random = Random(f"world/{self.seed}/{date}/{minute_of_day}")
        digests = self._digests(date, minute_of_day)
        while events > 0:
            session = self._session(random, minute * MINUTE_US, digests)
            if until is not None:
                session = [event for event in session if event.at < until]
            yield session[:events]
            events -= len(session)

    def _session(self, random: Random, minute_start: int, digests: Iterator[str]) -> list[Event]:
        draw = random.random
        share = draw()
        someone = visitor(1 + int(share * share * VISITORS))
        at = minute_start + int(draw() * _STARTS_WITHIN_US)
        mean_pause = someone.persona.think_seconds * SECOND_US
        events: list[Event] = []
        for name, product in self._path(draw, someone):
            pause = draw()
            pause = _LONGEST_PAUSE * pause * pause
            seconds = int(pause * someone.persona.think_seconds)
            price = product.price_cents if product is not None else None
            if name == "Purchase" and draw() < 0.01:
                price = None
            if name == "Refund" and price is not None and someone.persona.on_phone:
                price = -price
            events.append(Event(at, someone, name, product, price, seconds, next(digests)))
            at += 1 + int(pause * mean_pause)
        return events

    def _path(self, draw: Callable[[], float], someone: Visitor) -> Iterator[tuple[str, Product | None]]:
        """Yield the steps of a session: visitors buy only from their cart, and put there only what they viewed."""
        pick, persona = self.catalogue.pick, someone.persona
        cart: list[Product] = []
        yield "PageView", None
        for _ in range(1 + int(draw() * persona.rounds)):
            if draw() < persona.searches:
                yield "Search", pick(draw)
            for _ in range(1 + int(draw() * persona.views)):
                product = pick(draw)
                yield "ViewContent", product
                choice = draw()
                if choice < persona.cart:
                    cart.append(product)
                    yield "AddToCart", product
                elif choice > 0.98:
                    yield "Wishlist", product
        if cart and draw() < persona.purchase:
            yield "Checkout Started", None
            for product in cart:
                yield "Purchase", product
            for product in cart:
                if (int(someone.user_id) + product.product_id) % _REGRETTED_ONE_IN == 0:
                    yield "Refund", product

    def _digests(self, date: str, minute_of_day: int) -> Iterator[str]:
        """Yield the digests of a minute's events, one after the other."""
        start = blake2b(f"{self.seed}/{self.run}/{date}/{minute_of_day}/".encode(), digest_size=32)
        number = 0
        while True:
            digest = start.copy()
            digest.update(b"%d" % number)
            yield digest.hexdigest()
            number += 1


def event_json(event: Event) -> str:
    """Return an event's JSON, in one line of ASCII: the only place where the simulator writes an event's bytes.

    A template takes a fifth of the time of a JSON encoder, and suffices: every value is a number, or ASCII without
    quotes and backslashes.
    """
    at, visitor, name, product, price_cents, seconds, digest = event
    if product is None:
        facts = ""
    else:
        quote = '"' if visitor.persona.on_phone else ""
        facts = f', "product_id": {quote}{product.product_id}{quote}'
        if price_cents is not None:
            facts += f', "price": {decimal_text(price_cents)}'
    return (
        f'{{"timestamp": "{format_event_time(at)}", "user_id": "{visitor.user_id}", "pixel_id": "{visitor.pixel_id}", '
        f'"click_id": "{digest[:32]}", "insertion_timestamp": "{format_event_time(at + _QUEUED_AFTER_US)}", '
        f'"event_name": "{name}", "user_ip": "{visitor.user_ip}", '
        f'"additional_data": {{"time_on_data": {seconds}, "percent_viewed": {seconds * 37 % 1_000 / 10}{facts}}}}}'
    )


def decimal_text(cents: int) -> str:
    """Return whole cents as a decimal with two places."""
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"
