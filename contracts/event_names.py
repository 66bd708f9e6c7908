"""A name as a client sends it → the event's name: blanks, case and the vocabularies of other trackers aside.

An environment may add names of its own (`contracts.event_settings`), and change what the usual ones mean.

A standard event that is written otherwise is the same event: `purchase` and `Add To Cart` differ from a standard name
by case and blanks alone (as GA4's `refund` does), and `view_item` is what GA4 calls `ViewContent`. Any other name is a
custom event.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from contracts.event import STANDARD_EVENTS
from contracts.timestamps import BLANKS

#: The names by which others know the standard events. GA4: developers.google.com/analytics/devguides/collection/ga4/
#: reference/events. Segment: segment.com/docs/connections/spec/ecommerce/v2. Shopify: shopify.dev/docs/api/
#: web-pixels-api/standard-events. Meta: developers.facebook.com/docs/meta-pixel/reference has ours.
SYNONYMS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "Search": ("view_search_results", "Products Searched", "search_submitted"),
        "ViewContent": ("view_item", "Product Viewed", "product_viewed"),
        "AddToCart": ("add_to_cart", "Product Added", "product_added_to_cart"),
        "Purchase": ("Order Completed", "checkout_completed"),
        "Refund": ("Order Refunded",),
    }
)

_WITHOUT_BLANKS_AND_CASE: Final = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", BLANKS)


def _folded(name: str) -> str:
    """Return a name without its blanks, and without the case of the letters A to Z."""
    return name.translate(_WITHOUT_BLANKS_AND_CASE)


class EventNames:
    """What names mean; an environment's own come before those that everybody sends, which they may change.

    >>> [NAMES.of(sent) for sent in ("Purchase", "purchase ", "ADD TO CART", "Product Viewed", " $pageview")]
    ['Purchase', 'Purchase', 'AddToCart', 'ViewContent', '$pageview']
    >>> shop = EventNames([("Bestellung", "Purchase"), ("product viewed", "Teaser")])
    >>> [shop.of(sent) for sent in ("bestellung", "Product Viewed", "view_item")]
    ['Purchase', 'Teaser', 'ViewContent']
    >>> EventNames([("Erstattung", "refund"), ("view_item", "view_item")]).of("Erstattung")
    'Refund'
    >>> NAMES.spellings("Refund"), EventNames([("refund", "Return")]).spellings("Refund")
    (('Refund', 'refund', 'Order Refunded'), ('Order Refunded',))
    """

    def __init__(self, own: Iterable[tuple[str, str]] = ()) -> None:
        """`own` are pairs of a name as it is sent, and the event's name; of a standard event in any case."""
        self._own = tuple(own)
        standard = {_folded(event): event for event in STANDARD_EVENTS}
        usual = {_folded(name): event for event, names in SYNONYMS.items() for name in names}
        meant = {_folded(sent): standard.get(_folded(event), event.strip(BLANKS)) for sent, event in self._own}
        self._meant = {**standard, **usual, **meant}

    def of(self, sent: str) -> str:
        """Return the event's name for the name that a client sent."""
        return self._meant.get(_folded(sent), sent.strip(BLANKS))

    def spellings(self, event: str) -> tuple[str, ...]:
        """Return the usual spellings of names that stand for an event; a name may be spelled otherwise, too."""
        usual = (event, event.lower(), *SYNONYMS.get(event, ()), *(sent for sent, _ in self._own))
        return tuple(sent for sent in dict.fromkeys(usual) if self.of(sent) == event)


#: Where an environment says nothing of names.
NAMES: Final = EventNames()
