"""Rules of validating by the chunk: nothing is lost, and DuckDB accepts only what the definition accepts."""

import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.event_names import EventNames
from spark_jobs.validation.chunks import LineValidator, Validated
from spark_jobs.validation.line import Received, validate_line
from tests.spark_jobs.hostile_lines import RECEIVED_AT, lines

ORDINARY = (
    b'{"received_at":%d,"request_id":"r","source_ip":"10.0.0.1","user_agent":"u","event":{"timestamp":'
    b'"2026-11-22 10:00:00","user_id":"1","click_id":"c","event_name":"Search"}}' % RECEIVED_AT
)

EVENT = ("timestamp", "user_id", "click_id", "event_name", "additional_data")


@pytest.fixture(scope="module")
def validator() -> Iterator[LineValidator]:
    """A validator that asks DuckDB even about a few lines."""
    with LineValidator(few_lines=0) as validator:
        yield validator


@pytest.fixture(scope="module")
def one_by_one() -> Iterator[LineValidator]:
    """A validator that never asks DuckDB, and so is the definition."""
    with LineValidator(few_lines=10**9) as validator:
        yield validator


class TrustingValidator(LineValidator):
    """A validator that takes the lines of each chunk for JSON, as another does until it has seen one that is not."""

    def validate(self, chunk: bytes) -> Validated:
        self._all_json = True
        return super().validate(chunk)


@pytest.fixture(scope="module")
def trusting() -> Iterator[TrustingValidator]:
    """A trusting validator that asks DuckDB even about a few lines."""
    with TrustingValidator(few_lines=0) as validator:
        yield validator


def _rows(table: pa.Table) -> list[str]:
    return sorted(map(repr, table.to_pylist()))


@settings(max_examples=60)  # of many lines each: planning the queries takes longer than asking them
@given(batch=st.lists(lines(), min_size=20, max_size=80))
def test_what_duckdb_accepts_the_definition_accepts_with_the_same_values(
    validator: LineValidator, trusting: TrustingValidator, one_by_one: LineValidator, batch: list[bytes]
) -> None:
    chunk = b"\n".join(batch) + b"\n"
    defined = one_by_one.validate(chunk)
    for quick in (trusting.validate(chunk), validator.validate(chunk)):
        assert _rows(quick.received) == _rows(defined.received)
        assert quick.rejected.to_pylist() == defined.rejected.to_pylist()


@settings(max_examples=100)
@given(chunk=st.lists(st.one_of(st.binary(max_size=60), lines()), max_size=8).map(b"\n".join))
def test_every_line_of_any_bytes_is_received_or_rejected_and_rejected_ones_are_kept_byte_for_byte(
    validator: LineValidator, chunk: bytes
) -> None:
    validated = validator.validate(chunk)
    written = chunk.split(b"\n") if chunk else []
    if written and not written[-1]:
        del written[-1]
    assert validated.lines == len(written) == validated.received.num_rows + validated.rejected.num_rows
    bad = [line for line in written if not isinstance(validate_line(line), Received)]
    assert validated.rejected.column("line").to_pylist() == bad


def test_ordinary_lines_are_decided_without_python(validator: LineValidator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spark_jobs.validation.chunks.validate_line", _unexpected)
    unknown = ORDINARY.replace(b'"user_id"', b'"theme":{"a":[1.50,null]},"user_id"')
    zoned = ORDINARY.replace(b"2026-11-22 10:00:00", b"2026-11-22T12:00:00.123456789+02:00")
    null = ORDINARY.replace(b'"user_id"', b'"additional_data":null,"user_id"')
    validated = validator.validate(b"\n".join([ORDINARY, unknown, zoned, null]))
    assert Counter(validated.received.column("extra").to_pylist()) == {None: 3, '{"theme":{"a":[1.5,null]}}': 1}


def test_names_that_stand_for_a_standard_event_are_beside_lines_that_are_decided_one_by_one(
    validator: LineValidator,
) -> None:
    sent = [ORDINARY.replace(b"Search", name) for name in (b"view_item", b"Search", b" purchase", b"Kauf")]
    leap = ORDINARY.replace(b"10:00:00", b"09:59:60")
    received = validator.validate(b"\n".join([*sent, leap])).received
    names = zip(*(received.column(name).to_pylist() for name in ("event_name", "sent_event_name")), strict=True)
    assert sorted(names, key=str) == sorted(
        [("ViewContent", "view_item"), ("Search", None), ("Purchase", " purchase"), ("Kauf", None), ("Search", None)],
        key=str,
    )


def _usual(colon: str, comma: str, price: str, names: tuple[str, ...] = EVENT, *, event_name: str = "Search") -> bytes:
    """Return a line as a program writes it that spells all of its lines alike."""
    values = {
        "timestamp": '"2026-11-22 10:00:00.5"',
        "user_id": '"1"',
        "click_id": '"c"',
        "event_name": f'"{event_name}"',
        "additional_data": f'{{"time_on_data"{colon}3{comma}"product_id"{colon}"7"{comma}"price"{colon}{price}}}',
    }
    event = comma.join(f'"{name}"{colon}{values[name]}' for name in names)
    return b'{"received_at":%d,"user_agent":"u","event":{%s}}' % (RECEIVED_AT, event.encode())


@pytest.mark.parametrize(("colon", "comma"), [(":", ","), (": ", ", ")])
@pytest.mark.parametrize("names", [EVENT, EVENT[::-1]], ids=["in order", "in another order"])
def test_lines_that_are_spelled_alike_are_read_once(colon: str, comma: str, names: tuple[str, ...]) -> None:
    prices = ["4.04", "4.5", "4.50", "4", "12345.0"]
    usual = [_usual(colon, comma, price, names) for price in prices]
    without = [line.replace(f'{comma}"price"{colon}4.04'.encode(), b"") for line in usual[:1]]
    with LineValidator(few_lines=0, others_query="SELECT error('the second query was asked')") as validator:
        validated = validator.validate(b"\n".join([*usual, *without]))
    assert [str(price) for price in validated.received.column("price").to_pylist()] == [
        "4.04",
        "4.50",
        "4.50",
        "4.00",
        "12345.00",
        "None",
    ]


@pytest.mark.parametrize("name", ["Refund", "refund", "Order Refunded"])
def test_refunds_of_either_sign_that_are_spelled_alike_are_read_once(name: str) -> None:
    lines = [_usual(": ", ", ", price, event_name=name) for price in ("19.90", "-19.90", "-4", "-0.5")]
    with LineValidator(few_lines=0, others_query="SELECT error('the second query was asked')") as validator:
        received = validator.validate(b"\n".join(lines)).received
    assert [str(price) for price in received.column("price").to_pylist()] == ["19.90", "19.90", "4.00", "0.50"]
    assert set(received.column("event_name").to_pylist()) == {"Refund"}


def test_refunds_of_either_sign_in_any_spelling_are_decided_without_python(
    validator: LineValidator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spark_jobs.validation.chunks.validate_line", _unexpected)
    prices = ("-19.90", '"-1.005"', "-0", "19.90")
    lines = [_usual("\t:", ",", price, event_name="refund") for price in prices]
    received = validator.validate(b"\n".join(lines)).received
    assert sorted(map(str, received.column("price").to_pylist())) == ["0.00", "1.01", "19.90", "19.90"]


def test_an_environments_own_names_say_which_events_are_refunds() -> None:
    names = EventNames([("Retour d'achat", "Refund"), ("refund", "Return")])
    sent = ("Retour d'achat", "RETOUR D'ACHAT", "Order Refunded", "refund", "Refund")
    lines = [_usual(":", ",", "-1.5", event_name=name) for name in sent]
    defined = [validate_line(line, names) for line in lines]
    assert [(row.values["event_name"], row.values["price"]) for row in defined if isinstance(row, Received)] == [
        *[("Refund", Decimal("1.50"))] * 3,
        *[("Return", None)] * 2,
    ]
    with LineValidator(names=names, few_lines=0) as quick, LineValidator(names=names, few_lines=10**9) as slow:
        for written in (lines, lines[2:]):
            chunk = b"\n".join(written)
            assert _rows(quick.validate(chunk).received) == _rows(slow.validate(chunk).received)


def _unexpected(line: bytes) -> Received:
    raise AssertionError(f"asked about {line!r}")


@pytest.mark.parametrize(
    "value", ["[]", "[1]", "{}", "true", "NaN", "Infinity", "1e400", "-0", "-0.0", "1.5", "-3", '""']
)
@pytest.mark.parametrize("name", ["time_on_data", "product_id", "price"])
def test_what_stands_without_quotes_in_a_line_like_its_neighbours_is_what_the_definition_says(
    validator: LineValidator, one_by_one: LineValidator, name: str, value: str
) -> None:
    usual = _usual(":", ",", "4.04")
    odd = re.sub(rf'"{name}":[^,}}]*'.encode(), f'"{name}":{value}'.encode(), usual)
    quick, defined = validator.validate(usual + b"\n" + odd), one_by_one.validate(usual + b"\n" + odd)
    assert _rows(quick.received) == _rows(defined.received)
    assert quick.rejected.to_pylist() == defined.rejected.to_pylist()


def test_a_line_that_ends_being_json_at_a_letter_of_two_bytes_is_rejected_and_its_neighbours_are_received(
    trusting: TrustingValidator,
) -> None:
    usual = _usual(":", ",", "4.04")
    validated = trusting.validate(b"\n".join([usual, usual, usual.replace(b'"u",', b'"u",\xc3\xa9'), usual]))
    assert validated.received.num_rows == 3
    assert validated.rejected.column("rejection_reason").to_pylist() == ["not_json"]


_PIECES = (
    *'"\\,{}[]: 0-.', "\t", "\x00", "NaN", "-Infinity", "null", "true", "{}", "[]", "[1]", '"1"', "-0", ".50", "e1",
    "1e400", ',"price":1', ', "price": 1', '"price":4.5,', ', "user_id": "2"', ',"x":1', '\\"', "\\u0031", "é",
    "99999999999999999999",
)  # fmt: skip


@st.composite
def _disfigured(draw: st.DrawFn) -> bytes:
    """Draw a line that is spelled like its neighbours but for a few places."""
    colon, comma = draw(st.sampled_from([(":", ","), (": ", ", ")]))
    price = draw(st.sampled_from(["4.04", "4.5", "4.50", "4.500", "1e2", "-1", "-1.50"]))
    name = draw(st.sampled_from(["Search", "Search", "Refund", "REFUND"]))
    line = _usual(colon, comma, price, event_name=name).decode()
    for _ in range(draw(st.integers(0, 2))):
        start = draw(st.integers(0, len(line)))
        line = line[:start] + draw(st.sampled_from(_PIECES)) + line[start + draw(st.integers(0, 3)) :]
    return line.replace("\n", "").encode()


@settings(max_examples=60)
@given(batch=st.lists(_disfigured(), min_size=20, max_size=80), spaced=st.booleans())
def test_a_line_that_is_nearly_spelled_like_its_neighbours_is_what_the_definition_says(
    validator: LineValidator,
    trusting: TrustingValidator,
    one_by_one: LineValidator,
    batch: list[bytes],
    spaced: bool,
) -> None:
    usual = [_usual(*((": ", ", ") if spaced else (":", ",")), price) for price in ("1", "2.5")]
    chunk = b"\n".join([*usual, *batch])
    defined = one_by_one.validate(chunk)
    for quick in (trusting.validate(chunk), validator.validate(chunk)):
        assert _rows(quick.received) == _rows(defined.received)
        assert quick.rejected.to_pylist() == defined.rejected.to_pylist()


@pytest.mark.parametrize(
    ("chunk", "count"),
    [
        pytest.param(b"", 0, id="no bytes, no line"),
        pytest.param(ORDINARY, 1, id="a last line needs no newline"),
        pytest.param(ORDINARY + b"\n", 1, id="a newline ends a line and begins none"),
        pytest.param(ORDINARY + b"\n\n", 2, id="a blank line is a line"),
        pytest.param(b"\n", 1, id="only a blank line"),
        pytest.param(ORDINARY + b"\r\n" + ORDINARY, 2, id="a carriage return is white space"),
    ],
)
def test_lines_are_what_newlines_end(validator: LineValidator, chunk: bytes, count: int) -> None:
    validated = validator.validate(chunk)
    assert validated.lines == count
    assert validated.received.num_rows == chunk.count(b"Search")


@pytest.mark.parametrize("space", ["", " ", "\t", "\r", " \r\t"])
@pytest.mark.parametrize(
    "value", ["nan", "+NaN", "-NaN", "-infinity", "inf", "[nan]", "[1,INF]", '{"a":-inf}', "[1,]", '{"a":1,}']
)
def test_what_duckdb_reads_and_rfc_8259_does_not_is_rejected(validator: LineValidator, space: str, value: str) -> None:
    spaced = re.sub(r"([:,\[])", lambda mark: mark[1] + space, f'"unknown":{value},"user_id"')
    validated = validator.validate(ORDINARY.replace(b'"user_id"', spaced.encode()))
    assert validated.rejected.column("rejection_reason").to_pylist() == ["not_json"]


def test_a_byte_order_mark_costs_no_event_on_the_first_line_nor_where_files_were_joined(
    validator: LineValidator,
) -> None:
    marked = "\ufeff".encode() + ORDINARY
    validated = validator.validate(b"\n".join([marked, ORDINARY, marked]))
    assert (validated.received.num_rows, validated.rejected.num_rows) == (3, 0)


def test_a_line_that_is_not_json_costs_only_itself_in_its_chunk_and_in_those_after_it() -> None:
    usual = [_usual(":", ",", price) for price in ("1", "2.5")]
    with LineValidator(few_lines=0) as validator:
        for broken in (b'{"received_at":', b"", usual[0][:-1], usual[0]):
            validated = validator.validate(b"\n".join([*usual, broken, *usual]) + b"\n")
            assert validated.rejected.column("line").to_pylist() == [broken] * (broken != usual[0])
            assert validated.received.num_rows == 4 + (broken == usual[0])


def test_a_line_that_is_not_utf8_does_not_disturb_its_neighbours(validator: LineValidator) -> None:
    broken = ORDINARY.replace(b'"r"', b'"\xff\xfe"')
    validated = validator.validate(b"\n".join([ORDINARY, broken, ORDINARY]))
    assert validated.received.num_rows == 2
    assert validated.rejected.to_pylist() == [
        {
            "rejection_reason": "not_json",
            "detail": "not UTF-8: byte 0xff at position 43",
            "line": broken,
            "received_at": None,
        }
    ]
