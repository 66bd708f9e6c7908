"""The shop's catalogue: products with a stable price each, and a popularity with a long tail.

A function of the world's seed alone, so that a product costs the same in every hour, on every machine.
"""

from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from random import Random
from typing import Final, NamedTuple

PRODUCTS: Final = 5_000

#: Softens the head of Zipf's law: the most popular product takes about 2 % of the looks, the last 3,000 together 12 %.
_ZIPF_SHIFT: Final = 5


class Product(NamedTuple):
    """A product; a NamedTuple, because one is read for each event made."""

    product_id: int
    price_cents: int


class Catalogue:
    """All products of a world, most popular first."""

    def __init__(self, seed: int) -> None:
        random = Random(f"catalogue/{seed}")
        ids = random.sample(range(100_000, 1_000_000), PRODUCTS)
        self.products: Final = tuple(Product(product_id, _price_cents(random)) for product_id in ids)
        weights = (1.0 / (rank + _ZIPF_SHIFT) for rank in range(1, PRODUCTS + 1))
        self._cumulative: Final = tuple(accumulate(weights))

    def pick(self, random: Callable[[], float]) -> Product:
        """Return a product by popularity; `random` gives numbers in [0, 1)."""
        cumulative = self._cumulative
        return self.products[bisect_right(cumulative, random() * cumulative[-1])]


def _price_cents(random: Random) -> int:
    """Return a price from 1.99 to some 2,000, most of them low."""
    share = random.random()
    return 199 + int(share * share * share * 200_000)
