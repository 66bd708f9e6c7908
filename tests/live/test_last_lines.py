"""What is shown of a line: whose it is and what became of it, and nothing that a visitor is or typed."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.envelope import ENVELOPE_FIELDS
from contracts.event import EVENT_FIELDS
from contracts.event_settings import EventSettings
from contracts.live_document import ACCEPTED, LONGEST_TEXT, MOST_LINES, LiveLine
from live.last_lines import LineFilter, shape
from tests.live.raw_tail import TEN, RawFolder, SetClock, document_of, event_line, read_all, rejected_line, tail_of

AT = TEN + timedelta(minutes=29)
NAMES = sorted(f'"{name}"' for name in {*ENVELOPE_FIELDS, *(field.name for field in EVENT_FIELDS)})


def lines_of(raw: RawFolder, clock: SetClock, *lines: bytes, sought: LineFilter | None = None) -> tuple[LiveLine, ...]:
    raw.put("a.gz", *lines)
    keeping = EventSettings(keep_ip_addresses=True, keep_url_queries=True)
    with tail_of(raw.store, clock, events=keeping, sought=sought) as tail:
        read_all(tail)
        return document_of(tail, clock).lines if sought is None else tail.sought_lines()


def test_an_accepted_line_says_who_and_what_without_address_bits_and_queries_even_where_tables_keep_them(
    raw: RawFolder, clock: SetClock
) -> None:
    sent = {"page_url": "https://shop.example/shoes?mail=ann@example.org", "currency": "EUR"}
    line = event_line(AT, "ann", "c7", "Purchase", additional_data={"product_id": 5, "price": 9.9}, **sent)
    assert lines_of(raw, clock, line) == (
        LiveLine(
            verdict=ACCEPTED,
            field=None,
            detail=None,
            received_at=AT,
            event_name="Purchase",
            click_id="c7",
            user_id="ann",
            address="203.0.113.0",
            excerpt="product_id 5 · price 9.90 EUR · https://shop.example/shoes",
        ),
    )


def test_an_optional_field_that_could_not_be_read_is_named(raw: RawFolder, clock: SetClock) -> None:
    (line,) = lines_of(raw, clock, event_line(AT, additional_data={"price": "cheap"}))
    assert (line.verdict, line.excerpt) == (ACCEPTED, "unread: additional_data.price")


def test_a_rejected_line_names_the_field_and_shows_its_shape(raw: RawFolder, clock: SetClock) -> None:
    (line,) = lines_of(raw, clock, event_line(AT, "ann", timestamp="yesterday", mail="ann@example.org"))
    assert (line.verdict, line.field, line.user_id, line.received_at) == ("invalid_timestamp", "timestamp", "ann", AT)
    assert line.detail is not None
    assert "yesterday" in line.detail
    assert line.excerpt.startswith('{"received_at": 9999999999999, "request_id": "x", "source_ip": "999.9.999.99"')
    assert "ann" not in line.excerpt


@pytest.mark.parametrize("line", [b"", b"{", b"[1]", b"\xff\xfe", b'{"event": 5, "received_at": 1}', b"x" * 5_000])
def test_any_other_line_has_a_verdict_and_a_short_shape(raw: RawFolder, clock: SetClock, line: bytes) -> None:
    (shown,) = lines_of(raw, clock, line)
    assert shown.verdict != ACCEPTED
    assert len(shown.excerpt) <= LONGEST_TEXT
    assert shown.user_id is None


@given(parts=st.lists(st.one_of(st.binary(max_size=30), st.sampled_from([*map(str.encode, NAMES), b":", b" :"]))))
def test_no_letter_and_no_digit_is_left_in_a_shape_but_those_of_names_of_fields(parts: list[bytes]) -> None:
    shown = shape(b"".join(parts)[:LONGEST_TEXT])
    masked = re.sub(rf"(?:{'|'.join(NAMES)})(?=\s*:)", "", shown)
    assert {character for character in masked if character.isalnum()} <= {"x", "9"}


def test_only_names_of_the_contract_s_fields_are_left_in_a_shape() -> None:
    assert shape(b'{"user_id" :"user_id","secret":"user_id"}') == '{"user_id" :"xxxx_xx","xxxxxx":"xxxx_xx"}'


def test_the_newest_lines_are_kept_whatever_the_order_of_objects(raw: RawFolder, clock: SetClock) -> None:
    for number in range(5):
        lines = [
            event_line(AT + timedelta(milliseconds=5 * n + number), click=str(5 * n + number))
            for n in range(MOST_LINES)
        ]
        raw.put(f"{number}.gz", *lines)
    with tail_of(raw.store, clock) as tail:
        read_all(tail)
        document = document_of(tail, clock)
    assert [line.click_id for line in document.lines] == [str(n) for n in range(499, 399, -1)]


def test_lines_of_one_user_or_one_click_are_found_among_however_many_others(raw: RawFolder, clock: SetClock) -> None:
    others = [event_line(AT + timedelta(milliseconds=n), click=str(n)) for n in range(3 * MOST_LINES)]
    hers = [event_line(TEN, "ann", "c7"), event_line(TEN, "ann", "c8"), rejected_line(TEN, "ann")]
    of_ann = lines_of(raw, clock, *hers, *others, sought=LineFilter(user_id="ann"))
    assert sorted((line.click_id or "", line.verdict) for line in of_ann) == [
        ("c1", "missing_field"),
        ("c7", ACCEPTED),
        ("c8", ACCEPTED),
    ]
    of_click = lines_of(raw, clock, *hers, *others, sought=LineFilter(click_id="c8"))
    assert [line.user_id for line in of_click] == ["ann"]
    assert lines_of(raw, clock, *hers, *others, sought=LineFilter(user_id="ann", click_id="c9")) == ()


def test_the_published_lines_are_all_whoever_is_sought(raw: RawFolder, clock: SetClock) -> None:
    raw.put("a.gz", event_line(AT, "ann"), event_line(AT, "bob", "c2"))
    with tail_of(raw.store, clock, sought=LineFilter(user_id="ann")) as tail:
        read_all(tail)
        document = document_of(tail, clock)
        assert {line.user_id for line in document.lines} == {"ann", "bob"}
        assert {line.user_id for line in replace(document, lines=tail.sought_lines()).lines} == {"ann"}
