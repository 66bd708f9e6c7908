"""`clean_events` → the tables of an event hour: each measure over all events, and again without those of bots."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from tests.specification import measures
from tests.specification.clean_events import CleanEvent
from tests.specification.sessions import session_starts


@dataclass(frozen=True, kw_only=True)
class EventCounts:
    """A row of `hourly_event_counts`: an event name within an event hour."""

    event_hour: datetime
    event_name: str
    events: int
    users: int
    events_without_bots: int
    users_without_bots: int


@dataclass(frozen=True, kw_only=True)
class HourlyTraffic:
    """A row of `hourly_traffic`: an event hour with events."""

    event_hour: datetime
    events: int
    users: int
    sessions_started: int
    searches: int
    views: int
    carts: int
    purchases: int
    revenue: Decimal
    purchases_without_price: int
    events_without_bots: int
    users_without_bots: int
    sessions_started_without_bots: int
    searches_without_bots: int
    views_without_bots: int
    carts_without_bots: int
    purchases_without_bots: int
    revenue_without_bots: Decimal
    purchases_without_price_without_bots: int
    refunds: int
    refunded: Decimal
    purchases_in_other_currency: int
    refunds_without_bots: int
    refunded_without_bots: Decimal
    purchases_in_other_currency_without_bots: int


@dataclass(frozen=True, kw_only=True)
class HourlyProduct:
    """A row of `hourly_product_stats`: a product with a view, cart, purchase or refund within an event hour."""

    event_hour: datetime
    product_id: str
    views: int
    carts: int
    purchases: int
    revenue: Decimal
    views_without_bots: int
    carts_without_bots: int
    purchases_without_bots: int
    revenue_without_bots: Decimal
    refunds: int
    refunded: Decimal
    refunds_without_bots: int
    refunded_without_bots: Decimal


def hourly_event_counts(clean: Iterable[CleanEvent]) -> list[EventCounts]:
    """One row for each hour and name."""
    return [
        EventCounts(
            event_hour=hour,
            event_name=name,
            events=len(events),
            users=measures.users(events),
            events_without_bots=len(measures.people(events)),
            users_without_bots=measures.users(measures.people(events)),
        )
        for (hour, name), events in measures.grouped(clean, lambda e: (e.hour, e.event_name)).items()
    ]


def hourly_traffic(clean: Sequence[CleanEvent]) -> list[HourlyTraffic]:
    """One row for each hour; a session counts in the hour in which it starts."""
    starts = measures.grouped(session_starts(clean), lambda event: event.hour)
    return [
        _traffic(hour, events, starts.get(hour, []))
        for hour, events in measures.grouped(clean, lambda event: event.hour).items()
    ]


def _traffic(hour: datetime, events: Sequence[CleanEvent], starts: Sequence[CleanEvent]) -> HourlyTraffic:
    people = measures.people(events)
    return HourlyTraffic(
        event_hour=hour,
        events=len(events),
        users=measures.users(events),
        sessions_started=len(starts),
        searches=measures.named(events, "Search"),
        views=measures.named(events, "ViewContent"),
        carts=measures.named(events, "AddToCart"),
        purchases=measures.named(events, "Purchase"),
        revenue=measures.revenue(events),
        purchases_without_price=measures.purchases_without_price(events),
        events_without_bots=len(people),
        users_without_bots=measures.users(people),
        sessions_started_without_bots=len(measures.people(starts)),
        searches_without_bots=measures.named(people, "Search"),
        views_without_bots=measures.named(people, "ViewContent"),
        carts_without_bots=measures.named(people, "AddToCart"),
        purchases_without_bots=measures.named(people, "Purchase"),
        revenue_without_bots=measures.revenue(people),
        purchases_without_price_without_bots=measures.purchases_without_price(people),
        refunds=measures.named(events, "Refund"),
        refunded=measures.refunded(events),
        purchases_in_other_currency=measures.purchases_in_other_currency(events),
        refunds_without_bots=measures.named(people, "Refund"),
        refunded_without_bots=measures.refunded(people),
        purchases_in_other_currency_without_bots=measures.purchases_in_other_currency(people),
    )


def hourly_product_stats(clean: Iterable[CleanEvent]) -> list[HourlyProduct]:
    """One row for each hour and product."""
    return [
        HourlyProduct(
            event_hour=hour,
            product_id=product_id,
            views=measures.named(events, "ViewContent"),
            carts=measures.named(events, "AddToCart"),
            purchases=measures.named(events, "Purchase"),
            revenue=measures.revenue(events),
            views_without_bots=measures.named(measures.people(events), "ViewContent"),
            carts_without_bots=measures.named(measures.people(events), "AddToCart"),
            purchases_without_bots=measures.named(measures.people(events), "Purchase"),
            revenue_without_bots=measures.revenue(measures.people(events)),
            refunds=measures.named(events, "Refund"),
            refunded=measures.refunded(events),
            refunds_without_bots=measures.named(measures.people(events), "Refund"),
            refunded_without_bots=measures.refunded(measures.people(events)),
        )
        for hour, in_hour in measures.grouped(clean, lambda event: event.hour).items()
        for product_id, events in measures.of_products(in_hour).items()
    ]
