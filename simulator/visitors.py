"""Visitors and their personas: who comes, with which device, and how far down the funnel they tend to go.

A visitor's number fixes everything about them, so the same visitor behaves alike on each visit and each machine.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

VISITORS: Final = 200_000


@dataclass(frozen=True, kw_only=True)
class Persona:
    """A kind of visitor: chances (0–1) per step, and how long they think between two events (mean, seconds).

    `rounds` is the most search rounds of a session; in each they view 1 to `views` products. `share` is their share of
    all visitors in percent.
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


def _persona(
    name: str, share: int, steps: tuple[int, int], chances: tuple[float, float, float], think_seconds: int
) -> Persona:
    (rounds, views), (searches, cart, purchase) = steps, chances
    return Persona(
        name=name,
        share=share,
        rounds=rounds,
        views=views,
        searches=searches,
        cart=cart,
        purchase=purchase,
        think_seconds=think_seconds,
        on_phone=name == "app user",
    )


PERSONAS: Final = (
    _persona("passer-by", 30, (1, 2), (0.35, 0.02, 0.10), 9),
    _persona("window shopper", 25, (3, 4), (0.7, 0.04, 0.15), 25),
    _persona("comparer", 15, (4, 6), (0.95, 0.08, 0.45), 40),
    _persona("buyer", 10, (2, 2), (0.8, 0.45, 0.80), 20),
    _persona("app user", 20, (3, 3), (0.5, 0.12, 0.50), 12),
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
    """One visitor; a NamedTuple, because its fields are read for each event made."""

    user_id: str
    persona: Persona
    pixel_id: str
    source_ip: str
    user_agent: str

    @property
    def user_ip(self) -> str:
        """The address as the client knows it: only the app does."""
        return self.source_ip if self.persona.on_phone else ""


@lru_cache(maxsize=VISITORS)
def visitor(number: int) -> Visitor:
    """Return the visitor of a number from 1 to `VISITORS`."""
    persona = _PERSONA_OF_PERCENT[number % 100]
    agents = _APPS if persona.on_phone else _BROWSERS
    return Visitor(
        user_id=str(number),
        persona=persona,
        pixel_id=_PIXELS[persona.on_phone],
        # 198.18.0.0/15 is reserved for benchmarks (RFC 2544): nobody's address.
        source_ip=f"198.{18 + (number >> 16) % 2}.{(number >> 8) % 256}.{number % 256}",
        user_agent=agents[number // 100 % len(agents)],
    )
