"""Streams of received events for property tests: few users and ids, so that copies, ties, gaps and bots are many."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from tests.spark_jobs.received_rows import ReceivedEvent

Stream = list[dict[str, object]]

_TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_CLOCK = st.sampled_from([0, 10, 29, 30, 31, 45, 59.999, 60, 60.001, 89.999, 90, 120, 179])
STREAM: st.SearchStrategy[Stream] = st.lists(
    st.builds(
        dict,
        minute=_CLOCK,
        user_id=st.sampled_from(["ann", "bob"]),
        click_id=st.integers(0, 6).map(str),
        event_name=st.sampled_from(
            ["Search", "ViewContent", "AddToCart", "Purchase", "Refund", "Sign up", "add-to-cart"]
        ),
        product_id=st.sampled_from([None, "p", "q"]),
        price=st.sampled_from([None, Decimal("0.10"), Decimal("9999999999999.99")]),
        currency=st.sampled_from([None, None, "EUR", "USD"]),
        delay=st.sampled_from([0, 1, 70]),
        queued=st.sampled_from([None, 0, 1]),
        user_agent=st.sampled_from([None, "Mozilla/5.0 Firefox/145.0", "Googlebot/2.1"]),
        request_id=st.sampled_from([None, "r"]),
        source_ip=st.sampled_from([None, "203.0.113.0"]),
    ),
    max_size=14,
)


def drawn_events(streams: list[Stream]) -> list[ReceivedEvent]:
    """Return the events of all streams."""
    return [_received(number, drawn) for number, stream in enumerate(streams) for drawn in stream]


def _received(stream: int, drawn: dict[str, object]) -> ReceivedEvent:
    """Return a drawn event at its place in time: each stream has a day of its own."""
    happened = _TEN + timedelta(days=stream) + drawn["minute"] * _MINUTE  # type: ignore[operator]
    queued = None if drawn["queued"] is None else happened + drawn["queued"] * _MINUTE  # type: ignore[operator]
    return ReceivedEvent(
        event_time=happened,
        received_at=happened + drawn["delay"] * _MINUTE,  # type: ignore[operator]
        insertion_timestamp=queued,
        user_id=str(drawn["user_id"]),
        click_id=str(drawn["click_id"]),
        event_name=str(drawn["event_name"]),
        product_id=drawn["product_id"],  # type: ignore[arg-type]
        price=drawn["price"],  # type: ignore[arg-type]
        currency=drawn["currency"],  # type: ignore[arg-type]
        user_agent=drawn["user_agent"],  # type: ignore[arg-type]
        request_id=drawn["request_id"],  # type: ignore[arg-type]
        source_ip=drawn["source_ip"],  # type: ignore[arg-type]
    )
