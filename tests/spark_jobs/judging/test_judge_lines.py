"""Rules of judging by the chunk: nothing is lost, and DuckDB accepts only what the definition accepts."""

import re
from collections import Counter
from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_jobs.judging.judge_line import judge_line
from spark_jobs.judging.judge_lines import LineJudge
from spark_jobs.judging.judgement import Received
from tests.spark_jobs.hostile_lines import RECEIVED_AT, lines

ORDINARY = (
    b'{"received_at":%d,"request_id":"r","source_ip":"10.0.0.1","user_agent":"u","event":{"timestamp":'
    b'"2026-11-22 10:00:00","user_id":"1","click_id":"c","event_name":"Search"}}' % RECEIVED_AT
)

EVENT = ("timestamp", "user_id", "click_id", "event_name", "additional_data")


@pytest.fixture(scope="module")
def judge() -> Iterator[LineJudge]:
    """A judge that asks DuckDB even about a few lines."""
    with LineJudge(few_lines=0) as judge:
        yield judge


@pytest.fixture(scope="module")
def one_by_one() -> Iterator[LineJudge]:
    """A judge that never asks DuckDB, and so is the definition."""
    with LineJudge(few_lines=10**9) as judge:
        yield judge


def _rows(table: pa.Table) -> list[str]:
    return sorted(map(repr, table.to_pylist()))


@settings(max_examples=150)
@given(batch=st.lists(lines(), min_size=1, max_size=30))
def test_what_duckdb_accepts_the_definition_accepts_with_the_same_values(
    judge: LineJudge, one_by_one: LineJudge, batch: list[bytes]
) -> None:
    chunk = b"\n".join(batch) + b"\n"
    quick, defined = judge.judge(chunk), one_by_one.judge(chunk)
    assert _rows(quick.received) == _rows(defined.received)
    assert quick.rejected.to_pylist() == defined.rejected.to_pylist()


@settings(max_examples=100)
@given(chunk=st.lists(st.one_of(st.binary(max_size=60), lines()), max_size=8).map(b"\n".join))
def test_every_line_of_any_bytes_is_received_or_rejected_and_rejected_ones_are_kept_byte_for_byte(
    judge: LineJudge, chunk: bytes
) -> None:
    judged = judge.judge(chunk)
    written = chunk.split(b"\n") if chunk else []
    if written and not written[-1]:
        del written[-1]
    assert judged.lines == len(written) == judged.received.num_rows + judged.rejected.num_rows
    bad = [line for line in written if not isinstance(judge_line(line), Received)]
    assert judged.rejected.column("line").to_pylist() == bad


def test_ordinary_lines_are_decided_without_python(judge: LineJudge, monkeypatch: pytest.MonkeyPatch) -> None:
    def unexpected(line: bytes) -> Received:
        raise AssertionError(f"asked about {line!r}")

    monkeypatch.setattr("spark_jobs.judging.judge_lines.judge_line", unexpected)
    unknown = ORDINARY.replace(b'"user_id"', b'"referrer":{"a":[1.50,null]},"user_id"')
    zoned = ORDINARY.replace(b"2026-11-22 10:00:00", b"2026-11-22T12:00:00.123456789+02:00")
    null = ORDINARY.replace(b'"user_id"', b'"additional_data":null,"user_id"')
    judged = judge.judge(b"\n".join([ORDINARY, unknown, zoned, null]))
    assert Counter(judged.received.column("extra").to_pylist()) == {None: 3, '{"referrer":{"a":[1.5,null]}}': 1}


def _usual(colon: str, comma: str, price: str, names: tuple[str, ...] = EVENT) -> bytes:
    """Return a line as a program writes it that spells all of its lines alike."""
    values = {
        "timestamp": '"2026-11-22 10:00:00.5"',
        "user_id": '"1"',
        "click_id": '"c"',
        "event_name": '"Search"',
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
    with LineJudge(few_lines=0, others_query="SELECT error('the second query was asked')") as judge:
        judged = judge.judge(b"\n".join([*usual, *without]))
    assert [str(price) for price in judged.received.column("price").to_pylist()] == [
        "4.04",
        "4.50",
        "4.50",
        "4.00",
        "12345.00",
        "None",
    ]


@pytest.mark.parametrize(
    "value", ["[]", "[1]", "{}", "true", "NaN", "Infinity", "1e400", "-0", "-0.0", "1.5", "-3", '""']
)
@pytest.mark.parametrize("name", ["time_on_data", "product_id", "price"])
def test_what_stands_without_quotes_in_a_line_like_its_neighbours_is_what_the_definition_says(
    judge: LineJudge, one_by_one: LineJudge, name: str, value: str
) -> None:
    usual = _usual(":", ",", "4.04")
    odd = re.sub(rf'"{name}":[^,}}]*'.encode(), f'"{name}":{value}'.encode(), usual)
    quick, defined = judge.judge(usual + b"\n" + odd), one_by_one.judge(usual + b"\n" + odd)
    assert _rows(quick.received) == _rows(defined.received)
    assert quick.rejected.to_pylist() == defined.rejected.to_pylist()


_PIECES = (
    *'"\\,{}[]: 0-.', "\t", "\x00", "NaN", "-Infinity", "null", "true", "{}", "[]", "[1]", '"1"', "-0", ".50", "e1",
    "1e400", ',"price":1', ', "price": 1', '"price":4.5,', ', "user_id": "2"', ',"x":1', '\\"', "\\u0031", "é",
    "99999999999999999999",
)  # fmt: skip


@st.composite
def _disfigured(draw: st.DrawFn) -> bytes:
    """Draw a line that is spelled like its neighbours but for a few places."""
    colon, comma = draw(st.sampled_from([(":", ","), (": ", ", ")]))
    line = _usual(colon, comma, draw(st.sampled_from(["4.04", "4.5", "4.50", "4.500", "1e2", "-1"]))).decode()
    for _ in range(draw(st.integers(0, 2))):
        start = draw(st.integers(0, len(line)))
        line = line[:start] + draw(st.sampled_from(_PIECES)) + line[start + draw(st.integers(0, 3)) :]
    return line.replace("\n", "").encode()


@settings(max_examples=150)
@given(batch=st.lists(_disfigured(), min_size=1, max_size=30), spaced=st.booleans())
def test_a_line_that_is_nearly_spelled_like_its_neighbours_is_what_the_definition_says(
    judge: LineJudge, one_by_one: LineJudge, batch: list[bytes], spaced: bool
) -> None:
    usual = [_usual(*((": ", ", ") if spaced else (":", ",")), price) for price in ("1", "2.5")]
    chunk = b"\n".join([*usual, *batch])
    quick, defined = judge.judge(chunk), one_by_one.judge(chunk)
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
def test_lines_are_what_newlines_end(judge: LineJudge, chunk: bytes, count: int) -> None:
    judged = judge.judge(chunk)
    assert judged.lines == count
    assert judged.received.num_rows == chunk.count(b"Search")


@pytest.mark.parametrize("space", ["", " ", "\t", "\r", " \r\t"])
@pytest.mark.parametrize(
    "value", ["NaN", "nan", "-Infinity", "inf", "[NaN]", "[1,NaN]", '{"a":-inf}', "[1,]", '{"a":1,}']
)
def test_what_duckdb_reads_and_rfc_8259_does_not_is_rejected(judge: LineJudge, space: str, value: str) -> None:
    spaced = re.sub(r"([:,\[])", lambda mark: mark[1] + space, f'"unknown":{value},"user_id"')
    judged = judge.judge(ORDINARY.replace(b'"user_id"', spaced.encode()))
    assert judged.rejected.column("rejection_reason").to_pylist() == ["not_json"]


def test_a_byte_order_mark_costs_no_event_on_the_first_line_nor_where_files_were_joined(judge: LineJudge) -> None:
    marked = "\ufeff".encode() + ORDINARY
    judged = judge.judge(b"\n".join([marked, ORDINARY, marked]))
    assert (judged.received.num_rows, judged.rejected.num_rows) == (3, 0)


def test_a_line_that_is_not_utf8_does_not_disturb_its_neighbours(judge: LineJudge) -> None:
    broken = ORDINARY.replace(b'"r"', b'"\xff\xfe"')
    judged = judge.judge(b"\n".join([ORDINARY, broken, ORDINARY]))
    assert judged.received.num_rows == 2
    assert judged.rejected.to_pylist() == [
        {
            "rejection_reason": "not_json",
            "detail": "not UTF-8: byte 0xff at position 43",
            "line": broken,
            "received_at": None,
        }
    ]
