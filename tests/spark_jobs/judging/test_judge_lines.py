"""Rules of judging by the chunk: nothing is lost, and DuckDB accepts only what the definition accepts."""

import re
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


@settings(max_examples=150, deadline=None)
@given(batch=st.lists(lines(), min_size=1, max_size=30))
def test_what_duckdb_accepts_the_definition_accepts_with_the_same_values(
    judge: LineJudge, one_by_one: LineJudge, batch: list[bytes]
) -> None:
    chunk = b"\n".join(batch) + b"\n"
    quick, defined = judge.judge(chunk), one_by_one.judge(chunk)
    assert _rows(quick.received) == _rows(defined.received)
    assert quick.rejected.to_pylist() == defined.rejected.to_pylist()


@settings(max_examples=100, deadline=None)
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
    assert judged.received.column("extra").to_pylist() == [None, '{"referrer":{"a":[1.5,null]}}', None, None]


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
