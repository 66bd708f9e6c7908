"""The world: which visitor does what, when; a function of (seed, day).

Each minute of a day is an endless sequence of sessions that start in it. A run takes as many events from it as its rate
asks for, so a higher rate adds visitors and changes none. A session belongs to the day that it starts in, and may go on
past midnight. Only whole numbers and IEEE products decide anything: no libm, so every machine makes the same world.
"""

from collections.abc import Callable, Iterator
from hashlib import blake2b
from random import Random
from typing import Final, NamedTuple

from simulator.catalogue import Catalogue, Product
from simulator.event_time import MINUTE_US, SECOND_US, moment_of
from simulator.visitors import VISITORS, Persona, Visitor, visitor

MINUTES_PER_DAY: Final = 1_440

#: Sessions start in this part of their minute, so that even the last one's first event is received within the minute.
_STARTS_WITHIN_US: Final = 58 * SECOND_US
#: A pause is at most this many times the mean: 3·r² has mean 1 for r uniform in [0, 1).
_LONGEST_PAUSE: Final = 3.0

PAGE_VIEW, WISHLIST, CHECKOUT = "PageView", "Wishlist", "Checkout Started"


class Event(NamedTuple):
    """What a visitor does, before it takes its wire form; a NamedTuple, because millions are made.

    `at` is in microseconds since 1970. `digest` is 64 hexadecimal digits of (seed, run, day, number): its first half is
    the click_id, its second the request's id. `price_cents` is None where the client sent no price.
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


class World:
    """One world, told by `seed`; `run` keeps the click_ids of two runs through the same world apart."""

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
        for name, product in self._path(draw, someone.persona):
            pause = draw()
            pause = _LONGEST_PAUSE * pause * pause
            seconds = int(pause * someone.persona.think_seconds)
            price = product.price_cents if product is not None else None
            if name == "Purchase" and draw() < 0.01:
                price = None
            events.append(Event(at, someone, name, product, price, seconds, next(digests)))
            at += 1 + int(pause * mean_pause)
        return events

    def _path(self, draw: Callable[[], float], persona: Persona) -> Iterator[tuple[str, Product | None]]:
        """Yield what one session does: nothing is bought unless it lies in the cart, nor put there unseen."""
        pick = self.catalogue.pick
        cart: list[Product] = []
        yield PAGE_VIEW, None
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
                    yield WISHLIST, product
        if cart and draw() < persona.purchase:
            yield CHECKOUT, None
            for product in cart:
                yield "Purchase", product

    def _digests(self, date: str, minute_of_day: int) -> Iterator[str]:
        """Yield the digests of a minute's events, one after the other."""
        start = blake2b(f"{self.seed}/{self.run}/{date}/{minute_of_day}/".encode(), digest_size=32)
        number = 0
        while True:
            digest = start.copy()
            digest.update(b"%d" % number)
            yield digest.hexdigest()
            number += 1
