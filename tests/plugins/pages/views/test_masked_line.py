"""Of a rejected line the shape is shown, and the field that was wrong; nothing else that somebody sent."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.event import EVENT_FIELDS
from pages.panels import Piece
from pages.views.masked_line import field_of, pieces_of

WORDS = st.text(st.characters(categories=["L", "N"]), min_size=4, max_size=12)


def shown(line: bytes, field: str | None) -> str:
    return "".join(piece.text for piece in pieces_of(line, field))


def test_the_offending_field_and_its_value_are_marked() -> None:
    line = b'{"received_at":1,"event":{"user_id":"ann","timestamp":"yesterday","price":3}}'
    pieces = pieces_of(line, "timestamp")
    assert [piece for piece in pieces if piece.marked] == [
        Piece(text='"timestamp":', marked=True),
        Piece(text='"yesterday"', marked=True),
    ]
    assert shown(line, "timestamp") == ('{"received_at":9,"event":{"user_id":"xxx","timestamp":"yesterday","price":9}}')


@pytest.mark.parametrize("field", ["user_id", "click_id", "user_ip", "user_agent"])
def test_a_value_that_says_who_somebody_is_stays_masked(field: str) -> None:
    assert "anna" not in shown(json.dumps({field: "anna@shop.example"}).encode(), field)


@given(
    values=st.dictionaries(st.sampled_from([field.name for field in EVENT_FIELDS]), WORDS, min_size=1),
    unknown=st.dictionaries(WORDS, WORDS),
    cut=st.integers(0, 40),
)
def test_no_word_of_another_value_is_shown(values: dict[str, str], unknown: dict[str, str], cut: int) -> None:
    names = {field.name for field in EVENT_FIELDS} | {"event", "received_at"}
    line = json.dumps({"event": {**unknown, **values}, "received_at": 12345}, ensure_ascii=False).encode()
    text = shown(line[: len(line) - cut], None)
    for word in [*values.values(), *unknown, *unknown.values()]:
        if set(word) - set("x9") and not any(word in name for name in names):
            assert word not in text


@given(line=st.binary(max_size=300), field=st.sampled_from([None, "timestamp", "user_id"]))
def test_any_bytes_have_a_shape(line: bytes, field: str | None) -> None:
    assert len(shown(line, field)) <= 700


def test_a_long_line_is_cut() -> None:
    text = shown(b'{"event":{"page_url":"' + b"a" * 1_000_000 + b'"}}', "page_url")
    assert len(text) < 1_000
    assert text.endswith("…")


@pytest.mark.parametrize(
    ("detail", "field"),
    [
        ("`timestamp` is empty: ''", "timestamp"),
        ("`additional_data.size` is there twice", "additional_data.size"),
        ("12 bytes with its newline", None),
    ],
)
def test_the_field_is_what_the_detail_names_first(detail: str, field: str | None) -> None:
    assert field_of(detail) == field
