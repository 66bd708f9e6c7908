"""What job 2's tables must hold, said again in plain Python and as simply as can be: the oracle of its tests."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from tests.spark_jobs.received_rows import ReceivedEvent
from tests.spark_jobs.table_rows import Row

_STEPS = ("ViewContent", "AddToCart", "Purchase")


@dataclass(frozen=True, kw_only=True)
class ReferenceTables:
    """Rows of each table, sorted like `table_rows`."""

    clean_events: list[tuple[datetime, str, str]]
    hourly_event_counts: list[Row]
    hourly_traffic: list[Row]
    hourly_product_stats: list[Row]


def reference_tables(received: Iterable[ReceivedEvent]) -> ReferenceTables:
    """Return the tables of all the received events."""
    clean = sorted(winners(received), key=lambda event: event.event_time)
    by_hour: dict[datetime, list[ReceivedEvent]] = defaultdict(list)
    for event in clean:
        by_hour[event.event_hour].append(event)
    starts = session_starts(clean)
    return ReferenceTables(
        clean_events=sorted(((e.event_time, e.user_id, e.click_id) for e in clean), key=repr),
        hourly_event_counts=_sorted(row for hour, events in by_hour.items() for row in _counts(hour, events)),
        hourly_traffic=_sorted(_traffic(hour, events, starts[hour]) for hour, events in by_hour.items()),
        hourly_product_stats=_sorted(row for hour, events in by_hour.items() for row in _products(hour, events)),
    )


def winners(received: Iterable[ReceivedEvent]) -> Iterable[ReceivedEvent]:
    """Return the one event of each (event hour, click_id)."""
    copies: dict[tuple[datetime, str], list[ReceivedEvent]] = defaultdict(list)
    for event in received:
        copies[event.event_hour, event.click_id].append(event)
    return [min(group, key=_precedence) for group in copies.values()]


def _precedence(event: ReceivedEvent) -> tuple[object, ...]:
    last = datetime.max.replace(tzinfo=UTC)
    return event.arrival, event.insertion_timestamp or last, event.user_id, event.event_hash


def session_starts(clean: Iterable[ReceivedEvent]) -> dict[datetime, int]:
    """Return the sessions that start in each hour; the events must be in order of time."""
    last_seen: dict[str, datetime] = {}
    starts: dict[datetime, int] = defaultdict(int)
    for event in clean:
        before = last_seen.get(event.user_id)
        starts[event.event_hour] += before is None or event.event_time - before > timedelta(minutes=30)
        last_seen[event.user_id] = event.event_time
    return starts


def _counts(hour: datetime, events: Collection[ReceivedEvent]) -> Iterable[Row]:
    for name in {event.event_name for event in events}:
        named = [event for event in events if event.event_name == name]
        yield hour, name, len(named), len({event.user_id for event in named})


def _traffic(hour: datetime, events: Collection[ReceivedEvent], sessions_started: int) -> Row:
    purchases = [event for event in events if event.event_name == "Purchase"]
    return (
        hour,
        len(events),
        len({event.user_id for event in events}),
        sessions_started,
        *(sum(event.event_name == name for event in events) for name in ("Search", *_STEPS)),
        _revenue(purchases),
        sum(event.price is None for event in purchases),
    )


def _products(hour: datetime, events: Collection[ReceivedEvent]) -> Iterable[Row]:
    steps = [event for event in events if event.product_id is not None and event.event_name in _STEPS]
    for product_id in {event.product_id for event in steps}:
        own = [event for event in steps if event.product_id == product_id]
        counts = (sum(event.event_name == name for event in own) for name in _STEPS)
        yield hour, product_id, *counts, _revenue(event for event in own if event.event_name == "Purchase")


def _revenue(purchases: Iterable[ReceivedEvent]) -> Decimal:
    return sum((event.price for event in purchases if event.price is not None), start=Decimal("0.00"))


def _sorted(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=repr)
