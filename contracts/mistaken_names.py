"""A custom event's name → the standard event that whoever sends it most likely means, if there is one.

`add-to-cart`, `Purchased` and `ViewContnet` are custom events like any other, and count as such. But nobody looks for
a purchase there, so a data check names them. Whether one of them is meant, is for a person to say.
"""

from functools import lru_cache
from typing import Final

from contracts.event import STANDARD_EVENTS
from contracts.event_names import SYNONYMS

#: Of a custom event's name in an hour, so many at most are looked at, the most frequent ones: names with an id in them
#: have no end.
NAMES_LOOKED_AT: Final = 100

#: In a name of at least so many letters two may differ, in a shorter one a single one: more make another word.
_LONG: Final = 9
#: Endings of two letters that make no other event of a name; one of a single letter is a difference like any other.
_ENDINGS: Final = ("ed", "es")


def _letters(name: str) -> str:
    """Return the letters and digits of a name, without their case."""
    return "".join(filter(str.isalnum, name.casefold()))


_KNOWN: Final = {
    _letters(name): standard for standard in STANDARD_EVENTS for name in (standard, *SYNONYMS.get(standard, ()))
}
#: What looks like a standard event and is none, of other trackers' vocabularies: of Segment's.
_OTHERS: Final = frozenset({_letters("Product Reviewed")})


@lru_cache(maxsize=10_000)
def event_meant(name: str) -> str | None:
    """Return the standard event that a name looks like without being it; None if it is one, or looks like none.

    >>> [event_meant(name) for name in ("add-to-cart", "Purchased", "serach", "Product Viewd", "AddToCart", "Sign up")]
    ['AddToCart', 'Purchase', 'Search', 'ViewContent', None, None]
    """
    letters = _letters(name)
    if name in STANDARD_EVENTS or letters in _OTHERS:
        return None
    found = ((_differences(letters, known), known) for known in _KNOWN if abs(len(letters) - len(known)) <= 2)
    for differences, known in sorted(found):
        if differences <= (2 if len(known) >= _LONG else 1) or letters.removeprefix(known) in _ENDINGS:
            return _KNOWN[known]
    return None


def _differences(one: str, other: str) -> int:
    """Return how many letters must be put in, left out, replaced, or swapped with their neighbour.

    It is the distance of optimal string alignment: no letter is changed twice.

    >>> [_differences("search", other) for other in ("search", "serach", "searches", "starch", "research", "")]
    [0, 1, 2, 1, 2, 6]
    """
    before_last: list[int] = []
    last = list(range(len(other) + 1))
    for i, a in enumerate(one):
        row = [i + 1]
        for j, b in enumerate(other):
            fewest = min(last[j + 1] + 1, row[j] + 1, last[j] + (a != b))
            if i and j and (one[i - 1], a) == (b, other[j - 1]):
                fewest = min(fewest, before_last[j - 1] + 1)
            row.append(fewest)
        before_last, last = last, row
    return last[-1]
