"""The specification's judgement of lines, by literal lines."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.specification.addresses import truncated
from tests.specification.json_values import parse
from tests.specification.judgement import Event, Rejection, judge
from tests.specification.timestamps import moment
from tests.specification.torture import json_test_suite

EVENT = b'{"timestamp":"2026-11-22 09:59:58","user_id":"35","click_id":"c","event_name":"Search"%s}'
ENVELOPE = b'{"received_at":1795341600000,"source_ip":"203.0.113.77","event":%s}'


def line(more: bytes = b"") -> bytes:
    return ENVELOPE % (EVENT % more)


def reason(raw: bytes) -> str:
    judged = judge(raw)
    return judged.reason if isinstance(judged, Rejection) else "an event"


def event(raw: bytes) -> Event:
    judged = judge(raw)
    assert isinstance(judged, Event), judged
    return judged


def test_a_full_event_has_every_value() -> None:
    additional = b',"additional_data":{"price":1.005,"product_id":7,"time_on_data":3,"percent_viewed":1.5,"size":"L"}'
    assert event(line(additional + b',"user_ip":"2001:db8:1:2::3","campaign":null')) == Event(
        event_time=datetime(2026, 11, 22, 9, 59, 58, tzinfo=UTC),
        received_at=datetime(2026, 11, 22, 10, tzinfo=UTC),
        user_id="35",
        click_id="c",
        event_name="Search",
        pixel_id=None,
        product_id="7",
        price=Decimal("1.01"),
        time_on_data=3.0,
        percent_viewed=1.5,
        insertion_timestamp=None,
        user_ip="2001:db8:1::",
        source_ip="203.0.113.0",
        user_agent=None,
        request_id=None,
        extra='{"campaign":null,"additional_data":{"size":"L"}}',
    )


#: Lines that just break a rule, or just do not, with the reason.
EDGES = [
    (b"", "not_json"),
    (b"x" * 1_024_000, "too_large"),
    (b'{"received_at":1,"event":null,"too_large":1100000}', "too_large"),
    (b"[" * 65 + b"]" * 65, "too_deep"),
    (b"[" * 64 + b"]" * 64, "not_an_envelope"),
    (ENVELOPE % b"[]", "not_an_object"),
    ("\ufeff".encode() + line(), "an event"),
    ("\ufeff\ufeff".encode() + line(), "not_json"),
    (EVENT % b',"received_at":1795341600000,"event":"click"', "not_an_envelope"),
    (EVENT % b',"received_at":1795341600000,"event":' + EVENT % b"" + b"}", "not_json"),
    (EVENT % (b',"received_at":1795341600000,"event":' + EVENT % b""), "an event"),
    (line(b',"x":1,"x":2'), "duplicate_field"),
    (line(b',"user_ip":5'), "an event"),
    (line().replace(b'"35"', b"true"), "wrong_type"),
    (ENVELOPE % b"{}", "missing_field"),
    (line().replace(b'"35"', b'""'), "invalid_user_id"),
    (line().replace(b'"c"', b'"%s"' % (b"c" * 129)), "invalid_click_id"),
    (line().replace(b"Search", b"9\\u0001x"), "invalid_event_name"),
    (line().replace(b"Search", b"9x"), "an event"),
    (line().replace(b"2026-11-22 09:59:58", b"today"), "invalid_timestamp"),
    (line(b',"insertion_timestamp":"today"'), "an event"),
    (line(b',"additional_data":{"price":-0.01}'), "an event"),
    (line(b',"additional_data":{"product_id":1.5}'), "an event"),
    (line().replace(b"11-22 09:59:58", b"11-15 09:59:59.999999"), "too_late"),
    (line().replace(b"09:59:58", b"10:05:00.000001"), "from_the_future"),
    (line().replace(b"11-22 09:59:58", b"11-15 10:00:00"), "an event"),
    (line().replace(b"09:59:58", b"10:05:00"), "an event"),
    (line().replace(b"Search", b"Sea\\nrch"), "invalid_event_name"),
    (line().replace(b"Search", b"Search\\n"), "an event"),
    (line(b',"x":[%s],"y":{}' % b",".join([b"[]"] * 70)), "an event"),
    (line(b',"additional_data":{"price":0.005}'), "an event"),
    (line(b',"additional_data":{"price":-0.005}').replace(b"Search", b"order refunded"), "an event"),
    (line(b',"additional_data":{"price":-1e16}').replace(b"Search", b"Refund"), "an event"),
    (line(b',"additional_data":{"product_id":9007199254740992}'), "an event"),
    (line(b',"additional_data":{"price":NaN}'), "an event"),
    (line(b',"additional_data":{"price":nan}'), "not_json"),
    (line().replace(b'"user_id":"35"', b'"anonymous_id":"35"'), "an event"),
    (line().replace(b'"user_id":"35"', b'"anonymous_id":true'), "invalid_user_id"),
    (line(b',"sent_at":"2026-11-22 10:00:00"').replace(b"09:59:58", b"10:06:00"), "from_the_future"),
    (line(b',"sent_at":"2026-11-22 10:06:00"').replace(b"09:59:58", b"10:06:00"), "an event"),
    (line(b',"user_ip":"2001:db8:ffff:ffff::3"'), "an event"),
    (line(b',"user_ip":"2002:cb00:714d::1"'), "an event"),
    (line(b',"user_ip":"203.0.113.7, 10.0.0.1"'), "an event"),
]


@pytest.mark.parametrize(("raw", "expected"), EDGES, ids=lambda value: value if isinstance(value, str) else "")
def test_a_line_has_the_first_reason_that_applies(raw: bytes, expected: str) -> None:
    assert reason(raw) == expected


def test_moments_are_what_can_be_read_without_guessing() -> None:
    second = datetime(2021, 7, 12, 12, 1, 58, tzinfo=UTC)
    assert moment("2021-07-12T14:01:58.7327269+02:00") == second.replace(microsecond=732726)
    assert moment("2021-07-12 12:01:58,5") == second.replace(microsecond=500_000)
    assert moment("2021-07-12T12:01:58") == moment("1626091318") == second
    assert moment("2021-07-12T12:01:60Z") == second.replace(second=59, microsecond=999_999)
    assert moment("1626091318000") == moment("1626091318000000") == second
    assert moment("2021-02-30 00:00:00") is moment("12/07/2021 12:01") is moment("2021-07-12T24:00") is None


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("203.0.113.77", "203.0.113.0"),
        (" 203.0.113.77:80 ", "203.0.113.0"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("[2001:db8:1:2::3]:443", "2001:db8:1::"),
        ("fe80::1%eth0", "fe80::"),
        ("203.0.113.7, 10.0.0.1", None),
        ("", None),
    ],
)
def test_an_address_is_cut_to_its_network_and_another_text_is_nothing(address: str, kept: str | None) -> None:
    assert truncated(address) == kept


#: Not JSON, and values all the same.
CONSTANTS = ("n_number_NaN.json", "n_number_infinity.json", "n_number_minus_infinity.json")


@pytest.mark.parametrize("name", sorted(json_test_suite()))
def test_the_parser_knows_json_from_what_is_none(name: str) -> None:
    text = json_test_suite()[name]
    if not name.startswith("i_"):
        assert (parse(text) is not None) == (name.startswith("y_") or name in CONSTANTS)


def test_what_cannot_be_read_is_named_and_kept_but_for_addresses() -> None:
    judged = event(line(b',"currency":"eu","user_ip":[1],"additional_data":{"price":"1,5","product_id":7}'))
    assert judged.unread_fields == ("user_ip", "currency", "additional_data.price")
    assert (judged.extra, judged.price) == ('{"currency":"eu","additional_data":{"price":"1,5"}}', None)
    assert judged.product_id == "7"


def test_a_refund_gives_back_its_price_whatever_the_sign_and_nothing_else_is_negative() -> None:
    negative = line(b',"additional_data":{"price":-2.5}')
    assert event(negative.replace(b"Search", b"Order Refunded")).price == Decimal("2.50")
    assert event(negative.replace(b"Search", b"refund").replace(b"-2.5", b"2.5")).price == Decimal("2.50")
    assert event(negative.replace(b"Search", b"refunds")).unread_fields == ("additional_data.price",)
    assert event(negative).price is None


def test_names_and_clocks_are_corrected() -> None:
    judged = event(line(b',"sent_at":"2026-11-22 10:06:00"').replace(b"Search", b"Product Viewed"))
    assert (judged.event_name, judged.sent_event_name) == ("ViewContent", "Product Viewed")
    assert (judged.event_time, judged.clock_corrected) == (datetime(2026, 11, 22, 9, 53, 58, tzinfo=UTC), True)
