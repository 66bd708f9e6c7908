"""The definition of a valid line, rule by rule: lines that just break a rule, and lines that just do not."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from contracts.event import MAX_LINE_BYTES
from contracts.rejections import FORMER_REASONS, RejectionReason
from contracts.tables import EVENT_COLUMNS
from spark_jobs.validation.line import ColumnValue, Received, Rejected, validate_line

RECEIVED_AT = 1_795_341_600_000  # 2026-11-22T10:00:00Z
ABSENT = object()


def line_of(changes: dict[str, Any] | None = None, additional: Any = ABSENT, **envelope: Any) -> bytes:
    """A valid line, with fields of the event changed (ABSENT removes one), and of the envelope."""
    event: dict[str, Any] = {
        "timestamp": "2026-11-22 09:59:58.5",
        "user_id": "35",
        "click_id": "c1",
        "event_name": "Search",
        "additional_data": additional,
        **(changes or {}),
    }
    written = {name: value for name, value in event.items() if value is not ABSENT}
    stamped = {
        "received_at": RECEIVED_AT,
        "request_id": "r",
        "source_ip": "10.0.0.1",
        "user_agent": "",
        "event": written,
    }
    return json.dumps({**stamped, **envelope}).encode()


def received(line: bytes) -> Mapping[str, ColumnValue]:
    outcome = validate_line(line)
    assert isinstance(outcome, Received), outcome
    assert set(outcome.values) == {column.name for column in EVENT_COLUMNS}
    return outcome.values


def rejected(line: bytes) -> Rejected:
    outcome = validate_line(line)
    assert isinstance(outcome, Rejected), outcome
    assert outcome.line == line
    return outcome


def test_a_valid_event_is_received_with_its_typed_values() -> None:
    additional = {"time_on_data": 79, "percent_viewed": 39.7, "product_id": 557246, "price": 417.975}
    assert received(line_of({"pixel_id": "p", "user_ip": ""}, additional)) == {
        "event_time": datetime(2026, 11, 22, 9, 59, 58, 500000, tzinfo=UTC),
        "received_at": datetime(2026, 11, 22, 10, tzinfo=UTC),
        "user_id": "35",
        "click_id": "c1",
        "event_name": "Search",
        "pixel_id": "p",
        "product_id": "557246",
        "price": Decimal("417.98"),
        "time_on_data": 79.0,
        "percent_viewed": 39.7,
        "insertion_timestamp": None,
        "user_ip": None,
        "source_ip": "10.0.0.1",
        "user_agent": None,
        "request_id": "r",
        "extra": None,
        "sent_at": None,
        "anonymous_id": None,
        "page_url": None,
        "referrer": None,
        "utm_source": None,
        "utm_medium": None,
        "utm_campaign": None,
        "currency": None,
        "sent_event_name": None,
        "clock_corrected": False,
        "unread_fields": None,
    }


def with_event(text: str) -> bytes:
    return b'{"received_at":1795341600000,"event":%s}' % text.encode()


REJECTED = [
    ("too_large", b'"' + b"x" * MAX_LINE_BYTES + b'"'),
    ("too_large", line_of(event=None, too_large=1_100_000, partition_key="35")),
    ("not_json", b""),
    ("not_json", b" \r"),
    ("not_json", b"hello"),
    ("not_json", b"\xef\xbb\xbf"),
    ("not_json", b"\xef\xbb\xbf" * 2 + line_of()),
    ("not_json", b" \xef\xbb\xbf" + line_of()),
    ("not_an_envelope", b"\xef\xbb\xbf{}"),
    ("not_json", with_event('{"a":1,}')),
    ("not_json", with_event('{"a":"\t"}')),
    ("not_json", line_of() + b"{}"),
    ("not_json", line_of().replace(b'"35"', b'"\xff"')),
    ("not_json", b"[" * 100_000),
    ("not_json", b"[" * 70 + b"]" * 69 + b"}"),
    ("too_deep", with_event("[" * 64 + "]" * 64)),
    ("too_deep", b"[" * 300_000 + b"]" * 300_000),
    ("not_an_envelope", b"7"),
    ("not_an_envelope", b"[]"),
    ("not_an_envelope", b'{"event":{}}'),
    ("not_an_envelope", b'{"received_at":1}'),
    ("not_an_envelope", line_of(received_at="1795341600000")),
    ("not_an_envelope", line_of(received_at=1795341600000.0)),
    ("not_an_envelope", line_of(received_at=True)),
    ("not_an_envelope", line_of(received_at=-1)),
    ("not_an_envelope", line_of(received_at=253_402_300_800_000)),
    ("not_an_envelope", line_of(source_ip=5)),
    ("not_an_envelope", b'{"received_at":1,"received_at":1,"event":{}}'),
    ("not_an_object", line_of(event=[])),
    ("not_an_object", line_of(event=None)),
    ("duplicate_field", with_event('{"user_id":"1","user_id":"1"}')),
    ("duplicate_field", with_event('{"user_id":"1","\\u0075ser_id":"1"}')),
    ("duplicate_field", with_event('{"additional_data":{"x":1,"x":2}}')),
    ("missing_field", line_of({"click_id": ABSENT})),
    ("missing_field", line_of({"timestamp": None})),
    ("missing_field", line_of({"timestamp": None, "": True})),
    ("missing_field", line_of({"user_id": None, "event_name": 5})),
    ("not_json", with_event('{"a":nan}')),
    ("not_json", with_event('{"a":+Infinity}')),
    ("not_an_envelope", line_of(received_at=float("nan"))),
    ("wrong_type", line_of({"user_id": ["35"]})),
    ("wrong_type", line_of({"user_id": {}, "anonymous_id": "a"})),
    ("wrong_type", line_of({"click_id": True})),
    ("wrong_type", line_of({"event_name": 5})),
    ("wrong_type", line_of({"timestamp": float("nan")})),
    ("invalid_user_id", line_of({"user_id": ""})),
    ("invalid_user_id", line_of({"user_id": 1.5})),
    ("invalid_user_id", line_of({"user_id": "u" * 257, "anonymous_id": "a"})),
    ("invalid_user_id", line_of({"user_id": None, "anonymous_id": "a" * 257})),
    ("invalid_user_id", line_of({"user_id": "😀" * 257})),
    ("invalid_click_id", line_of({"click_id": ""})),
    ("invalid_click_id", line_of({"click_id": "é" * 129})),
    ("invalid_event_name", line_of({"event_name": ""})),
    ("invalid_event_name", line_of({"event_name": " \t"})),
    ("invalid_event_name", line_of({"event_name": "a\nb"})),
    ("invalid_event_name", line_of({"event_name": "a\u0085"})),
    ("invalid_event_name", line_of({"event_name": "ä" * 129})),
    ("invalid_timestamp", line_of({"timestamp": ""})),
    ("invalid_timestamp", line_of({"timestamp": "11/22/2026 09:00:00"})),
    ("invalid_timestamp", line_of({"timestamp": -1})),
    ("invalid_timestamp", line_of({"timestamp": 10**17})),
    ("invalid_timestamp", line_of({"timestamp": "2026-02-30 09:00:00"})),
    ("too_late", line_of({"timestamp": "2026-11-15 09:59:59.999999"})),
    ("from_the_future", line_of({"timestamp": "2026-11-22 10:05:00.000001"})),
]


@pytest.mark.parametrize(("reason", "line"), REJECTED)
def test_a_line_that_breaks_a_rule_is_rejected_for_it(reason: str, line: bytes) -> None:
    assert rejected(line).rejection_reason == reason


def test_every_reason_that_a_line_alone_can_give_has_a_line_above() -> None:
    tested = {reason for reason, _ in REJECTED}
    others = {RejectionReason.UNREADABLE_OBJECT, RejectionReason.ERASED_USER, *FORMER_REASONS}
    assert tested == set(RejectionReason) - others


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b" " * (MAX_LINE_BYTES - 1 - len(line_of())) + line_of(), id="just not too large"),
        pytest.param(
            line_of(received_at=0).replace(b"2026-11-22 09", b"1970-01-01 00").replace(b"59:58.5", b"00:00"), id="epoch"
        ),
        pytest.param(line_of({"user_id": "😀" * 256, "click_id": "é" * 128}), id="longest ids"),
        pytest.param(line_of({"event_name": " " + "ä" * 128}), id="longest name"),
        pytest.param(line_of({"event_name": "Add_to.cart: v-2"}), id="custom name"),
        pytest.param(line_of({"timestamp": "2026-11-15 10:00:00"}), id="seven days late"),
        pytest.param(line_of({"timestamp": "2026-11-22 10:05:00"}), id="five minutes ahead"),
        pytest.param(line_of({"insertion_timestamp": "", "pixel_id": None}, None), id="empty and null are absent"),
        pytest.param(line_of({"user_id": "\u0000"}), id="NUL is a character"),
        pytest.param(line_of({"x": "[" * 100}), id="brackets in a string nest nothing"),
        pytest.param(line_of({"x": [[]] * 70, "y": {}}), id="many brackets side by side, and an empty object"),
        pytest.param(line_of({"x": json.loads("[" * 62 + "]" * 62)}), id="64 levels"),
        pytest.param(line_of({"x": "\\ud800"}), id="a backslash before ud800"),
        pytest.param(line_of() + b"\r", id="carriage return"),
        pytest.param(b"\xef\xbb\xbf" + line_of(), id="byte order mark"),
    ],
)
def test_a_line_at_the_edge_of_a_rule_is_received(line: bytes) -> None:
    received(line)


@pytest.mark.parametrize(
    ("spelling", "price"),
    [
        ("1.005", "1.01"),
        ("2.675", "2.68"),
        ("0.004999", "0.00"),
        ("1e2", "100.00"),
        ("-0.0", "0.00"),
        ("9007199254740993", "9007199254740992.00"),
        ("9999999999999998", "9999999999999998.00"),
        ("1e-320", "0.00"),
    ],
)
def test_a_price_is_its_doubles_shortest_spelling_rounded_half_up(spelling: str, price: str) -> None:
    line = line_of(additional={"price": 5}).replace(b": 5}", b": " + spelling.encode() + b"}")
    assert received(line)["price"] == Decimal(price)


@pytest.mark.parametrize(
    ("value", "product_id"),
    [
        ("sku-1", "sku-1"),
        (7, "7"),
        (7.0, "7"),
        (-0, "0"),
        (2**53 + 1, str(2**53 + 1)),
        (10**30, str(10**30)),
        ("", None),
        (None, None),
    ],
)
def test_a_product_id_is_a_string_whatever_it_came_as(value: Any, product_id: str | None) -> None:
    assert received(line_of(additional={"product_id": value}))["product_id"] == product_id


@pytest.mark.parametrize(
    ("path", "value", "kept"),
    [
        ("insertion_timestamp", "now", '{"insertion_timestamp":"now"}'),
        ("pixel_id", ["p"], '{"pixel_id":["p"]}'),
        ("utm_source", "s" * 257, '{"utm_source":"%s"}' % ("s" * 257)),
        ("currency", "euro", '{"currency":"euro"}'),
        ("currency", "ısk", '{"currency":"ısk"}'),
        ("anonymous_id", 1.5, '{"anonymous_id":1.5}'),
        ("user_ip", ["203.0.113.7"], None),
        ("page_url", "u" * 8_193, None),
        ("additional_data", [], '{"additional_data":[]}'),
        ("additional_data", "none", '{"additional_data":"none"}'),
        ("additional_data.price", "1,299.00", '{"additional_data":{"price":"1,299.00"}}'),
        ("additional_data.price", "€19,99", '{"additional_data":{"price":"€19,99"}}'),
        ("additional_data.price", -0.01, '{"additional_data":{"price":-0.01}}'),
        ("additional_data.price", 10**16, '{"additional_data":{"price":10000000000000000}}'),
        ("additional_data.price", float("nan"), '{"additional_data":{"price":"NaN"}}'),
        ("additional_data.price", True, '{"additional_data":{"price":true}}'),
        ("additional_data.percent_viewed", "1e400", '{"additional_data":{"percent_viewed":"1e400"}}'),
        ("additional_data.time_on_data", {"s": 3}, '{"additional_data":{"time_on_data":{"s":3}}}'),
        ("additional_data.product_id", 1.5, '{"additional_data":{"product_id":1.5}}'),
    ],
)
def test_what_cannot_be_read_costs_an_optional_field_and_not_the_event(path: str, value: Any, kept: str | None) -> None:
    name = path.rpartition(".")[2]
    values = received(line_of(additional={name: value}) if "." in path else line_of({path: value}))
    assert (values["unread_fields"], values["extra"]) == ([path], kept)
    assert values.get(name) is None


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("price", "19.99", Decimal("19.99")),
        ("price", " 2e1 ", Decimal("20.00")),
        ("time_on_data", "12", 12.0),
        ("percent_viewed", "-0.5", -0.5),
    ],
)
def test_a_number_as_text_is_the_number(name: str, value: str, read: object) -> None:
    values = received(line_of(additional={name: value}))
    assert (values[name], values["unread_fields"]) == (read, None)


@pytest.mark.parametrize("name", ["Refund", "refund", "Order Refunded", " order refunded\n"])
@pytest.mark.parametrize(
    ("sent", "price"), [(19.99, "19.99"), (-19.99, "19.99"), (" -1.005", "1.01"), (-0.0, "0.00"), (-1e15, "1e15")]
)
def test_the_price_of_a_refund_is_the_amount_given_back_whatever_its_sign(name: str, sent: Any, price: str) -> None:
    values = received(line_of({"event_name": name}, {"price": sent}))
    assert (values["event_name"], values["price"], values["unread_fields"]) == ("Refund", Decimal(price), None)
    assert not Decimal(str(values["price"])).is_signed()


@pytest.mark.parametrize(
    ("name", "price"),
    [("Refund", -1e16), ("Refund", "-1,5"), ("Refunded", -1), ("Purchase", -1), ("order completed", "-0.01")],
)
def test_another_events_negative_price_is_unread_and_a_refunds_is_as_limited_as_any(name: str, price: Any) -> None:
    values = received(line_of({"event_name": name}, {"price": price}))
    assert (values["price"], values["unread_fields"]) == (None, ["additional_data.price"])


def test_digits_are_a_text_and_an_id() -> None:
    values = received(line_of({"user_id": 35, "click_id": 12345678901234567, "pixel_id": 5, "anonymous_id": 1e3}))
    assert [values[name] for name in ("user_id", "click_id", "pixel_id", "anonymous_id")] == [
        *("35", "12345678901234567", "5", "1000")
    ]


@pytest.mark.parametrize("user_id", [ABSENT, None, ""])
def test_an_anonymous_id_stands_in_for_a_user_id_that_is_absent(user_id: Any) -> None:
    values = received(line_of({"user_id": user_id, "anonymous_id": "device"}))
    assert (values["user_id"], values["anonymous_id"]) == ("device", "device")
    assert received(line_of({"anonymous_id": "device"}))["user_id"] == "35"


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("purchase", "Purchase"),
        (" Add To Cart ", "AddToCart"),
        ("view_item", "ViewContent"),
        ("Product Viewed", "ViewContent"),
        ("$pageview", "$pageview"),
        ("加入购物车", "加入购物车"),
        (" 404 error\n", "404 error"),
        ("ſearch", "ſearch"),
    ],
)
def test_a_name_is_trimmed_and_may_stand_for_a_standard_event(sent: str, name: str) -> None:
    values = received(line_of({"event_name": sent}))
    assert values["event_name"] == name
    assert values["sent_event_name"] == (None if sent == name else sent)


@pytest.mark.parametrize(
    ("timestamp", "sent_at", "event_time", "corrected"),
    [
        ("2026-11-22 09:59:00", "2026-11-22 10:00:00", "09:59:00", False),
        ("2026-11-22 09:59:00", "2026-11-22 10:05:00", "09:59:00", False),
        ("2026-11-22 09:59:00", "2026-11-22 10:05:00.000001", "09:53:59.999999", True),
        ("2019-01-01 00:00:00", "2019-01-01 00:10:00", "09:50:00", True),
        ("2031-01-01 00:00:00", "2031-01-01 01:00:00", "09:00:00", True),
        ("2026-11-22 09:59:00", "soon", "09:59:00", False),
    ],
)
def test_a_clock_that_was_wrong_when_it_sent_is_corrected(
    timestamp: str, sent_at: str, event_time: str, corrected: bool
) -> None:
    values = received(line_of({"timestamp": timestamp, "sent_at": sent_at}))
    assert values["event_time"] == datetime.fromisoformat(f"2026-11-22T{event_time}Z")
    assert values["clock_corrected"] is corrected


def test_an_event_may_be_as_late_by_a_wrong_clock_as_by_a_right_one() -> None:
    late = {"timestamp": "2019-01-01 00:00:00", "sent_at": "2019-01-08 00:00:00"}
    assert received(line_of(late))["event_time"] == datetime(2026, 11, 15, 10, tzinfo=UTC)
    assert rejected(line_of({**late, "sent_at": "2019-01-08 00:00:00.1"})).rejection_reason == "too_late"
    early = {"timestamp": "2019-01-01 00:05:01", "sent_at": "2019-01-01 00:00:00"}
    assert rejected(line_of(early)).rejection_reason == "from_the_future"


def test_half_of_a_surrogate_pair_is_a_replacement_character() -> None:
    assert received(line_of({"query": "shoes \ud83d", "emoji": "\ud83d\ude00"}))["extra"] == (
        '{"query":"shoes \ufffd","emoji":"\U0001f600"}'
    )


def test_unknown_fields_are_kept_as_json_nested_as_they_came() -> None:
    line = line_of({"page": {"url": "é/", "n": [1.50, None]}}, {"price": 1, "colour": "red"})
    assert received(line)["extra"] == '{"page":{"url":"é/","n":[1.5,null]},"additional_data":{"colour":"red"}}'


def test_unknown_fields_of_the_envelope_are_ignored() -> None:
    assert received(line_of(region="eu")) == received(line_of())


def test_a_rejection_names_the_field_and_its_value_cut() -> None:
    detail = rejected(line_of({"event_name": "9" * 5000})).detail
    assert "`event_name`" in detail
    assert '"9999' in detail
    assert len(detail) < 400


BARE: dict[str, Any] = {"timestamp": "2026-11-22 09:59:58", "user_id": "35", "click_id": "c1", "event_name": "Search"}


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        (b"7", "neither an event nor an envelope: the line is a number, not an object"),
        (b'{"ts":1}', "neither an event nor an envelope: `received_at` is absent"),
        (
            b'{"received_at":"soon","event":{}}',
            "neither an event nor an envelope: `received_at` is a string, not an in",
        ),
        (json.dumps(BARE).encode(), "an event without an envelope: `received_at` is absent"),
        (
            json.dumps(BARE | {"received_at": RECEIVED_AT, "event": "click"}).encode(),
            'an event without an envelope: its own `event` is a string: "click"',
        ),
    ],
)
def test_a_line_that_is_no_envelope_says_whether_it_is_an_event(line: bytes, detail: str) -> None:
    validated = rejected(line)
    assert (validated.rejection_reason, validated.received_at) == ("not_an_envelope", None)
    assert validated.detail.startswith(detail)


def test_an_envelope_may_repeat_its_events_fields() -> None:
    assert received(line_of(**BARE)) == received(line_of())


def test_a_rejection_carries_received_at_where_the_envelope_could_be_read() -> None:
    assert rejected(line_of({"user_id": ""})).received_at == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert rejected(b"{}").received_at is None
