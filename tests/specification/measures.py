"""What is counted of events, in tables of any span: names, users, revenue."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from decimal import Decimal
from typing import TypeVar

from tests.specification.clean_events import CleanEvent

FUNNEL = ("Search", "ViewContent", "AddToCart", "Purchase")
#: The events that a product's statistics count.
OF_A_PRODUCT = (*FUNNEL[1:], "Refund")

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")


def grouped(items: Iterable[Item], key: Callable[[Item], Key]) -> dict[Key, list[Item]]:
    """The items of each key, in their order."""
    groups: dict[Key, list[Item]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups


def named(events: Iterable[CleanEvent], name: str) -> int:
    """How many events have a name."""
    return sum(event.event_name == name for event in events)


def users(events: Iterable[CleanEvent]) -> int:
    """How many users there are."""
    return len({event.person for event in events})


def revenue(events: Iterable[CleanEvent]) -> Decimal:
    """The sum of the prices of purchases in the shop's currency; a price on another event is no revenue, and a refund
    takes none away.
    """
    return _sum_of_prices(events, "Purchase")


def refunded(events: Iterable[CleanEvent]) -> Decimal:
    """What was given back."""
    return _sum_of_prices(events, "Refund")


def _sum_of_prices(events: Iterable[CleanEvent], name: str) -> Decimal:
    own = [event for event in events if event.event_name == name and not event.is_in_other_currency]
    return sum((event.price for event in own if event.price is not None), start=Decimal("0.00"))


def purchases_in_other_currency(events: Iterable[CleanEvent]) -> int:
    return sum(event.event_name == "Purchase" and event.is_in_other_currency for event in events)


def purchases_without_price(events: Iterable[CleanEvent]) -> int:
    return sum(event.event_name == "Purchase" and event.price is None for event in events)


def of_products(events: Iterable[CleanEvent]) -> dict[str, list[CleanEvent]]:
    """The views, carts, purchases and refunds of each product; other events of a product do not count for it."""
    counted = [event for event in events if event.event_name in OF_A_PRODUCT and event.product_id is not None]
    return grouped(counted, lambda event: str(event.product_id))


def people(events: Iterable[CleanEvent]) -> list[CleanEvent]:
    """The events that no bot made."""
    return [event for event in events if not event.is_bot]
