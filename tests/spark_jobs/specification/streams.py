"""Hypothesis strategies for streams of events as raw lines: each is a few users' days, with all that goes wrong.

Streams are packed, many to a run of Spark, into the same few windows of five days: an hour costs more than an event.
Nearly all users and click_ids are their stream's own, a few are shared. Some users come back 30, 31, 90 or 91 days
later.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.spark_jobs.hostile_lines import lines as hostile_lines
from tests.specification.clean_events import MOST_EVENTS_AT_ONCE, MOST_EVENTS_OF_A_PERSON
from tests.specification.raw_lines import RawLine

START = datetime(2027, 1, 1, tzinfo=UTC)
DAYS_OF_A_WINDOW = 5
WINDOWS = 6
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND, MILLISECOND, SECOND, MINUTE, HOUR, DAY = (
    timedelta(microseconds=1),
    timedelta(milliseconds=1),
    timedelta(seconds=1),
    timedelta(minutes=1),
    timedelta(hours=1),
    timedelta(days=1),
)
WRONG_BY = 1_000 * DAY
Stamps = dict[str, str | None]
#: Fields whose values differ from stream to stream.
_STREAMS_OWN = ("timestamp", "sent_at", "insertion_timestamp", "user_id", "anonymous_id", "click_id")
CRAWLER = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"

_starts = st.sampled_from([-HOUR, -30 * MINUTE, -20 * MINUTE, -MICROSECOND, 0 * HOUR, 10 * MINUTE, 30 * MINUTE])
_steps = st.sampled_from(
    [
        *(0 * HOUR, 0 * HOUR, MICROSECOND, SECOND, 7 * MINUTE, 20 * MINUTE, 30 * MINUTE - MICROSECOND),
        *(30 * MINUTE, 30 * MINUTE, 30 * MINUTE + MICROSECOND, 31 * MINUTE, 61 * MINUTE),
    ]
)
_delays = st.sampled_from(
    [
        *([SECOND] * 12),
        *(0 * HOUR, -SECOND, 20 * MINUTE, 2 * HOUR, 6 * DAY, 7 * DAY, 7 * DAY + MILLISECOND),
        *(-5 * MINUTE, -5 * MINUTE - MILLISECOND),
    ]
)
_names = st.sampled_from(
    ["Search", "ViewContent", "AddToCart", "Purchase"] * 3
    + ["Sign up", "search", "Product Added", "Refund", "refund", "Order Refunded"]
)
_users = st.sampled_from(["ann", "ann", "bob", "cleo", "ZOË", "10"])
_devices = st.sampled_from([None, None, None, "phone", "laptop", "ann"])
_products = st.sampled_from([None, "p1", "p1", "p2", 7, 7.0, "7", "", "ключ"])
_prices = st.sampled_from(
    [None, None, 0, 0.005, 1.005, 19.99, "19.99", "€5", -1, 417.975, 1234567890123.45, 999999999999999.99]
)
_currencies = st.sampled_from([None, None, "EUR", "eur ", "USD", "€"])
_agents = st.sampled_from([None, "", *["Mozilla/5.0 (X11; Linux x86_64)"] * 2, CRAWLER, "okhttp/4.9.3"])
_addresses = st.sampled_from([None, "", "203.0.113.77", "198.51.100.4", "2001:db8:1:2:3:4:5:6"])
#: Where a visit comes from: mostly nothing is said; else a campaign, another site, the page before, or no address.
_origins: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        *([{}] * 4),
        {"utm_source": "newsletter", "utm_medium": "email", "utm_campaign": "spring"},
        {"utm_source": "Search.example", "referrer": "https://search.example/"},
        {"referrer": "https://ann@Search.Example:443/?q=shoes", "page_url": "https://shop.example/shoes?color=red"},
        {"referrer": "http://Shop.example:80/shoes", "page_url": "https://shop.example"},
        {"referrer": "https://[2001:DB8::1]:8080", "utm_medium": "direct"},
        {"referrer": "about:client", "page_url": "/shoes", "utm_source": ""},
    ]
)
#: What is said otherwise by an event that is sent again: of fields that decide between copies, often several.
_languages = st.sampled_from(["de", "fr"])
_changes: st.SearchStrategy[dict[str, Any]] = (
    st.just({})
    | st.fixed_dictionaries({"lang": _languages})
    | st.fixed_dictionaries(
        {},
        optional={
            "user_id": st.sampled_from(["ann", "zed"]),
            "event_name": st.sampled_from(["Purchase", "A", "ZZ"]),
            "pixel_id": st.sampled_from(["", "other", "zz"]),
            "user_ip": _addresses,
            "lang": _languages,
            "additional_data": st.fixed_dictionaries(
                {"product_id": _products, "price": _prices}, optional={"percent_viewed": st.sampled_from([0.5, 20])}
            ),
        },
    )
)
#: What becomes of a value that is no text, in a field for an address on a rejected line, is not specified.
_hostile_lines = hostile_lines().filter(lambda line: not re.search(rb'_ip"\s*:\s*(?!null|"[0-9.]*")', line))


@dataclass(kw_only=True)
class Stream:
    """A stream being drawn: its window, its lines so far, and where each user's clock stands.

    `shape` is what a stream of another index has in common with it, if it was drawn alike.
    """

    index: int
    shape: tuple[str, ...] = ()
    lines: list[RawLine] = field(default_factory=list)
    clocks: dict[str, datetime] = field(default_factory=dict)

    @property
    def base(self) -> datetime:
        return START + self.index % WINDOWS * DAYS_OF_A_WINDOW * DAY

    def add(
        self, event: dict[str, Any], *, received_at: datetime, stamps: Stamps | None = None, early: bool = False
    ) -> None:
        """Add an event's line, under the hour in which it was received, or the one before it."""
        milliseconds = (received_at - EPOCH) // MILLISECOND
        envelope = {"received_at": milliseconds, **(stamps or {}), "event": event}
        self.add_line(json.dumps(envelope, ensure_ascii=False).encode(), received_at - early * HOUR)
        known = {name: value for name, value in event.items() if name not in _STREAMS_OWN}
        ids = [str(event.get(name)).removeprefix(f"{self.index} ") for name in ("user_id", "anonymous_id")]
        self.shape += (f"{event['timestamp'][10:]} {received_at - self.base} {ids} {known} {stamps}",)

    def add_line(self, line: bytes, received_at: datetime) -> None:
        hour = received_at.replace(minute=0, second=0, microsecond=0)
        key = f"landing_date={hour:%Y-%m-%d}/landing_hour={hour:%H}/{self.index % 2}.gz"
        self.lines += [RawLine(landing_hour=hour, object_key=key, line=part) for part in line.split(b"\n")]


@st.composite
def streams(draw: st.DrawFn, index: int) -> Stream:
    """A stream of up to two walks of some users, and now and then a machine, a bot, one who comes back, hostility."""
    stream = Stream(index=index)
    for _ in range(draw(st.integers(1, 2))):
        anchor = stream.base + draw(st.integers(1, 3)) * DAY + draw(st.sampled_from([0, 0, 10])) * HOUR
        for number in range(draw(st.integers(1, 12))):
            _add_event(draw, stream, anchor, number)
    kind = draw(st.integers(0, 32))
    if kind == 0:
        _add_machine(draw, stream)
    elif kind == 1:
        _add_many(draw, stream)
    elif kind < 5:
        _add_burst(draw, stream)
    elif kind < 9:
        _add_return(draw, stream)
    elif kind < 19:
        stream.add_line(draw(_hostile_lines), stream.base + DAY)
    stream.lines = draw(st.permutations(stream.lines)) if len(stream.lines) < 8 else stream.lines[::-1]
    return stream


def _epoch_microseconds(moment: datetime) -> str:
    return str((moment - datetime(1970, 1, 1, tzinfo=UTC)) // MICROSECOND)


def _add_event(draw: st.DrawFn, stream: Stream, anchor: datetime, number: int) -> None:
    """Move a user's clock by a step, and let something happen; then perhaps send it again."""
    user = draw(_users)
    before = stream.clocks.get(user)
    time = anchor + draw(_starts) if before is None or before < anchor - 3 * HOUR else before + draw(_steps)
    stream.clocks[user] = time
    copied = draw(st.integers(0, 9))
    own = f"{stream.index} " if draw(st.integers(0, 19)) else ""
    click_id = f"{own}c{len(stream.lines)}" if copied else f"{own}c{max(number - 1, 0)}"
    event = {
        "timestamp": _spelled(time, zoned=draw(st.booleans())),
        "user_id": own + user,
        "click_id": click_id,
        "event_name": draw(_names),
        "user_ip": draw(_addresses),
        "currency": draw(_currencies),
        "additional_data": {"product_id": draw(_products), "price": draw(_prices)},
        **draw(_origins),
    }
    if device := draw(_devices):
        event["anonymous_id"] = own + device
        if number % 5 == 4:  # before the user has a name
            del event["user_id"]
    if number % 3 == 0:
        event |= {"pixel_id": f"pixel-{number % 2}", "insertion_timestamp": _spelled(time, zoned=False), "lang": "e\n"}
    received_at = time + draw(_delays)
    if number % 7 == 3:  # by a clock that is years ahead
        event |= {
            name: _epoch_microseconds(moment + WRONG_BY)
            for name, moment in (("timestamp", time), ("sent_at", received_at))
        }
    stamps = {"source_ip": draw(_addresses), "user_agent": draw(_agents), "request_id": f"r{number}"}
    early = draw(st.integers(0, 9)) == 0
    stream.add(event, received_at=received_at, stamps=stamps, early=early)
    if draw(st.integers(0, 5)) == 0:
        changed = draw(_changes)
        again = received_at + draw(st.sampled_from([0 * HOUR, 0 * HOUR, SECOND, 3 * HOUR]))
        stream.add({**event, **changed}, received_at=again, stamps=stamps)


def _add_machine(draw: st.DrawFn, stream: Stream) -> None:
    """Let one user act through one or two days without a break, or with one that is a microsecond too long."""
    midnight = stream.base + DAY
    time = midnight + draw(st.sampled_from([0 * HOUR, 29 * MINUTE, 30 * MINUTE, 30 * MINUTE + MICROSECOND]))
    end = midnight + draw(
        st.sampled_from([DAY, DAY, 2 * DAY, DAY - 31 * MINUTE, DAY + 31 * MINUTE, 2 * DAY + 5 * HOUR])
    )
    step = draw(st.sampled_from([30 * MINUTE, 30 * MINUTE, 29 * MINUTE + 59 * SECOND]))
    odd = draw(st.integers(0, 60))
    for number in range(200):
        event = {"timestamp": _spelled(time, zoned=True), "user_id": f"{stream.index} robot"}
        click = {"click_id": f"{stream.index} m{number}", "event_name": "ViewContent"}
        stream.add({**event, **click}, received_at=time + SECOND)
        time += step + MICROSECOND * (number == odd)
        if time >= end:
            break


def _add_many(draw: st.DrawFn, stream: Stream) -> None:
    """Let one user act in an hour as often as a person may, or once more, some of it twice."""
    hour = stream.base + 2 * DAY + 12 * HOUR
    for number in range(MOST_EVENTS_OF_A_PERSON + draw(st.integers(0, 1))):
        event = {"timestamp": _spelled(hour + number * SECOND, zoned=False), "event_name": "Search"}
        sent = {**event, "user_id": f"{stream.index} eager", "click_id": f"{stream.index} x{number}"}
        for _ in range(1 + (number < 3)):
            stream.add(sent, received_at=hour + number * SECOND)


def _add_burst(draw: st.DrawFn, stream: Stream) -> None:
    """Let one user act at once as often as a page may, or once more; within a second, or a second apart."""
    hour = stream.base + 2 * DAY + 15 * HOUR
    last = draw(st.sampled_from([0 * SECOND, SECOND - MICROSECOND, SECOND, 59 * MINUTE]))
    for number in range(MOST_EVENTS_AT_ONCE + draw(st.integers(0, 1))):
        time = hour + (last if number == 1 else 0 * SECOND)
        event = {"timestamp": _spelled(time, zoned=False), "event_name": "ViewContent"}
        sent = {**event, "user_id": f"{stream.index} burst", "click_id": f"{stream.index} y{number}"}
        stream.add(sent, received_at=time + SECOND)


def _add_return(draw: st.DrawFn, stream: Stream) -> None:
    """Let a user come back after as many days as a table's memory has, or one more."""
    first = stream.base + 2 * DAY + 9 * HOUR
    for number, days in enumerate((0, draw(st.sampled_from([1, 29, 30, 31, 89, 90, 91])))):
        time = first + days * DAY
        user = f"{stream.index} back"
        event = {"timestamp": _spelled(time, zoned=False), "user_id": user, "click_id": f"b{stream.index} {number}"}
        stream.add({**event, "event_name": "Search"}, received_at=time)


def _spelled(time: datetime, *, zoned: bool) -> str:
    return (time + 2 * HOUR).isoformat()[:-6] + "+02:00" if zoned else time.isoformat(sep=" ")[:-6]


def packed(drawn: list[Stream]) -> Iterator[RawLine]:
    """Yield the lines of all streams."""
    for stream in drawn:
        yield from stream.lines
