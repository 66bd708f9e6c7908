"""User-Agent headers → those of known crawlers, by the patterns of the package that lists them.

A pattern costs time, and the list has over a thousand: a header takes 0.3 ms. So it is asked about distinct headers,
and each process remembers what it was told.
"""

from collections.abc import Iterable
from functools import lru_cache

from crawleruseragents import is_crawler


def crawlers_among(agents: Iterable[str]) -> list[str]:
    """Return the headers that are a crawler's."""
    return [agent for agent in agents if _is_crawler(agent)]


@lru_cache(maxsize=100_000)
def _is_crawler(agent: str) -> bool:
    return bool(is_crawler(agent))
