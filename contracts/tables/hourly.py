"""Tables of an event hour. Each measure has a twin that leaves out what is flagged as a bot's."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from contracts.rules import SESSION_GAP
from contracts.tables.declaration import Column, Partition, Table, required
from contracts.tables.money import (
    PRODUCT_REFUNDED,
    PRODUCT_REFUNDS,
    PRODUCT_REVENUE,
    PURCHASES_IN_OTHER_CURRENCY,
    PURCHASES_WITHOUT_PRICE,
    REFUNDED,
    REFUNDS,
    REVENUE,
)

_GAP_MINUTES: Final = SESSION_GAP // timedelta(minutes=1)

EVENT_HOUR: Final = required("event_hour", "timestamp", "The hour of `event_time`, UTC.")

#: How the name of a measure's twin ends.
WITHOUT_BOTS: Final = "_without_bots"


def _with_twins(*measures: Column) -> tuple[Column, ...]:
    """Return the measures, then the twin of each: the same over events that are not flagged `is_bot`.

    So `users_without_bots` are users with at least one such event, and `sessions_started_without_bots` are sessions
    that begin with one, at least among others at the same time; where a session begins is decided by all events.
    """
    return (*measures, *map(_twin, measures))


def _twin(of: Column) -> Column:
    description = f"`{of.name}`, of events that are not flagged as a bot's."
    return replace(of, name=f"{of.name}{WITHOUT_BOTS}", description=description)


HOURLY_EVENT_COUNTS: Final = Table(
    name="hourly_event_counts",
    row_is="an event name within an event hour",
    made_from="`clean_events`",
    partitions=(Partition(column="event_hour", transform="days"),),
    sort=("event_hour", "event_name"),
    columns=(
        EVENT_HOUR,
        required("event_name", "string", "A standard event's name, or a custom one."),
        *_with_twins(
            required("events", "bigint", "Events of that name."),
            required("users", "bigint", "Distinct users with such an event; not a sum over names or hours."),
        ),
    ),
)

HOURLY_TRAFFIC: Final = Table(
    name="hourly_traffic",
    row_is="an event hour with events",
    made_from=f"`clean_events` of the hour and of the {_GAP_MINUTES} minutes before it",
    partitions=(Partition(column="event_hour", transform="days"),),
    sort=("event_hour",),
    columns=(
        EVENT_HOUR,
        *_with_twins(
            required("events", "bigint", "Events of any name."),
            required("users", "bigint", "Distinct users; not a sum over hours."),
            required(
                "sessions_started",
                "bigint",
                f"Sessions whose first event lies in the hour (gap over {_GAP_MINUTES} minutes).",
            ),
            required("searches", "bigint", "`Search` events."),
            required("views", "bigint", "`ViewContent` events."),
            required("carts", "bigint", "`AddToCart` events."),
            required("purchases", "bigint", "`Purchase` events."),
            REVENUE,
            PURCHASES_WITHOUT_PRICE,
        ),
        *_with_twins(REFUNDS, REFUNDED, PURCHASES_IN_OTHER_CURRENCY),
    ),
)

HOURLY_PRODUCT_STATS: Final = Table(
    name="hourly_product_stats",
    row_is="a product with a view, cart, purchase or refund within an event hour",
    made_from="`clean_events`",
    partitions=(Partition(column="event_hour", transform="days"),),
    sort=("event_hour", "product_id"),
    columns=(
        EVENT_HOUR,
        required("product_id", "string", "The product."),
        *_with_twins(
            required("views", "bigint", "`ViewContent` events of the product."),
            required("carts", "bigint", "`AddToCart` events of the product."),
            required("purchases", "bigint", "`Purchase` events of the product."),
            PRODUCT_REVENUE,
        ),
        *_with_twins(PRODUCT_REFUNDS, PRODUCT_REFUNDED),
    ),
)

HOURLY_TABLES: Final = (HOURLY_EVENT_COUNTS, HOURLY_TRAFFIC, HOURLY_PRODUCT_STATS)
