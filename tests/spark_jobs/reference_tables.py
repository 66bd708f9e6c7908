"""What job 2's tables must hold, said again in plain Python and as simply as can be: the oracle of its tests."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain

from tests.spark_jobs.received_rows import ReceivedEvent
from tests.spark_jobs.table_rows import Row

_STEPS = ("ViewContent", "AddToCart", "Purchase")
_OF_A_PRODUCT = (*_STEPS, "Refund")

GAP = timedelta(minutes=30)


@dataclass(frozen=True, kw_only=True)
class ReferenceTables:
    """Rows of each table, sorted like `table_rows`."""

    clean_events: list[tuple[datetime, str, str, tuple[str, ...]]]
    hourly_event_counts: list[Row]
    hourly_traffic: list[Row]
    hourly_product_stats: list[Row]


def reference_tables(
    received: Iterable[ReceivedEvent], bot_events_per_hour: int, bot_events_at_once: int, currency: str | None = None
) -> ReferenceTables:
    """Return the tables of all the received events, in a shop with this currency."""
    clean = winners(received)
    reasons = bot_reasons(clean, bot_events_per_hour, bot_events_at_once)
    flagged = {id(event) for event, why in zip(clean, reasons, strict=True) if {*why} - {"no_user_agent"}}
    in_order = sorted(clean, key=lambda event: (event.event_time, id(event) in flagged))
    starts = {id(event) for event in session_starts(in_order)}
    counts: list[Row] = []
    traffic: list[Row] = []
    products: list[Row] = []
    for hour in {event.event_hour for event in clean}:
        own = [event for event in clean if event.event_hour == hour]
        without_bots = [event for event in own if id(event) not in flagged]
        names = {event.event_name for event in own}
        counts += [(hour, name, *_counts(own, name), *_counts(without_bots, name)) for name in names]
        both = (own, without_bots)
        parts = (
            *(_traffic(events, starts, currency) for events in both),
            *(_later(events, currency) for events in both),
        )
        traffic.append((hour, *chain(*parts)))
        ids = {event.product_id for event in own if event.product_id and event.event_name in _OF_A_PRODUCT}
        for of in ids:
            its = [[event for event in events if event.product_id == of] for events in both]
            parts = (*(_product(events, currency) for events in its), *(_refunds(events, currency) for events in its))
            products.append((hour, of, *chain(*parts)))
    return ReferenceTables(
        clean_events=sorted(
            ((e.event_time, e.user_id, e.click_id, why) for e, why in zip(clean, reasons, strict=True)), key=repr
        ),
        hourly_event_counts=sorted(counts, key=repr),
        hourly_traffic=sorted(traffic, key=repr),
        hourly_product_stats=sorted(products, key=repr),
    )


def winners(received: Iterable[ReceivedEvent]) -> list[ReceivedEvent]:
    """Return the one event of each (event hour, click_id)."""
    copies: dict[tuple[datetime, str], list[ReceivedEvent]] = defaultdict(list)
    for event in received:
        copies[event.event_hour, event.click_id].append(event)
    return [min(group, key=_precedence) for group in copies.values()]


def _precedence(event: ReceivedEvent) -> tuple[object, ...]:
    others = (event.event_time, event.event_name, event.product_id, event.price)
    stamps = (event.source_ip, event.user_agent, event.request_id)
    deciding = (event.arrival, event.insertion_timestamp, event.user_id, *others, *stamps)
    return tuple((value is None, value) for value in deciding)


def bot_reasons(
    clean: Collection[ReceivedEvent], bot_events_per_hour: int, bot_events_at_once: int
) -> list[tuple[str, ...]]:
    """Return what is conspicuous about each event; the only crawler that the tests know calls itself one."""
    times: dict[tuple[str, datetime], list[datetime]] = defaultdict(list)
    for event in clean:
        times[event.user_id, event.event_hour].append(event.event_time)
    return [
        ("crawler_user_agent",) * (event.user_agent == "Googlebot/2.1")
        + ("rate",) * (len(own) > bot_events_per_hour)
        + ("instant",) * (len(own) > bot_events_at_once and max(own) - min(own) < timedelta(seconds=1))
        + ("no_user_agent",) * (None not in (event.source_ip, event.request_id) and event.user_agent is None)
        for event in clean
        for own in [times[event.user_id, event.event_hour]]
    ]


def session_starts(clean: Iterable[ReceivedEvent]) -> Iterable[ReceivedEvent]:
    """Return the events that start a session; the events must be in order."""
    last_seen: dict[str, datetime] = {}
    for event in clean:
        before = last_seen.get(event.user_id)
        if before is None or event.event_time - before > GAP:
            yield event
        last_seen[event.user_id] = event.event_time


def _counts(events: Collection[ReceivedEvent], name: str) -> Row:
    named = [event for event in events if event.event_name == name]
    return len(named), len({event.user_id for event in named})


def _traffic(events: Collection[ReceivedEvent], starts: Collection[int], currency: str | None) -> Row:
    purchases = [event for event in events if event.event_name == "Purchase"]
    return (
        len(events),
        len({event.user_id for event in events}),
        sum(id(event) in starts for event in events),
        *(sum(event.event_name == name for event in events) for name in ("Search", *_STEPS)),
        _prices(purchases, currency),
        sum(event.price is None for event in purchases),
    )


def _product(own: Collection[ReceivedEvent], currency: str | None) -> Row:
    counts = (sum(event.event_name == name for event in own) for name in _STEPS)
    return *counts, _prices([event for event in own if event.event_name == "Purchase"], currency)


def _later(events: Collection[ReceivedEvent], currency: str | None) -> Row:
    """Return the columns that were added behind the first ones."""
    priced = [event for event in events if event.event_name == "Purchase" and event.price is not None]
    return *_refunds(events, currency), sum(not _is_own(event, currency) for event in priced)


def _refunds(events: Collection[ReceivedEvent], currency: str | None) -> Row:
    refunds = [event for event in events if event.event_name == "Refund"]
    return len(refunds), _prices(refunds, currency)


def _prices(events: Iterable[ReceivedEvent], currency: str | None) -> Decimal:
    counted = (event.price for event in events if event.price is not None and _is_own(event, currency))
    return sum(counted, start=Decimal("0.00"))


def _is_own(event: ReceivedEvent, currency: str | None) -> bool:
    """Return whether a price is in the shop's currency."""
    return currency is None or event.currency is None or event.currency == currency
