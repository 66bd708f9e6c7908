"""Rules of what is a user's: whole values in any spelling, of one user or of thousands, and never a part of a value."""

import pyarrow as pa
import pytest

from spark_jobs.operations.erasure.user_matching import SoughtUsers, split_lines, without
from tests.spark_jobs.operations.erasure.lakes import FIRST_LINES, FIRST_LINES_KEPT, failed, line

USER_35 = SoughtUsers(ids=("35",))


def test_lines_of_the_user_are_told_from_the_neighbours_in_every_spelling() -> None:
    kept, removed = without(b"".join(FIRST_LINES), USER_35.hold_line)
    assert (kept, removed) == (b"".join(FIRST_LINES_KEPT), 4)
    assert USER_35.held_lines(b"".join(FIRST_LINES)) == 4


def test_no_lines_hold_nobody() -> None:
    assert USER_35.suspects(pa.array([], pa.binary())) == []


@pytest.mark.parametrize("chunk", [b"", b"\n", b"a", b"a\n", b"a\n\nb", b"\r\n a"])
def test_lines_together_are_the_chunk(chunk: bytes) -> None:
    assert b"".join(split_lines(chunk)) == chunk


@pytest.mark.parametrize("user_id", ["a.b*", "(x", "é😀", "a-b@c.d", "tab\there", "[", "^$"])
def test_an_id_is_looked_for_literally(user_id: str) -> None:
    users = SoughtUsers(ids=(user_id,))
    lines = pa.array([line(user_id, "a"), line("axb", "b"), b"\xff"], pa.binary())
    assert users.suspects(lines) == [0]


@pytest.mark.parametrize(
    ("event", "theirs"),
    [
        ('"user_id":35', True),
        ('"user_id" : 35.0', True),
        ('"user_id":3.5e1', True),
        (r'"\u0075ser_id":35', True),
        ('"anonymous_id":35', True),
        ('"user_id":"","anonymous_id":35', True),
        ('"user_id":7,"anonymous_id":35', False),
        ('"user_id":351', False),
        ('"user_id":-35', False),
        ('"user_id":7,"pixel_id":35', False),
    ],
)
def test_a_user_is_found_by_a_number_and_by_what_stands_in_for_it(event: str, theirs: bool) -> None:
    written = line("35", "a").replace(b'"user_id":"35"', event.encode())
    assert USER_35.held_lines(written) == theirs


def test_more_ids_than_one_expression_takes_are_all_found() -> None:
    users = SoughtUsers(ids=tuple(f"user-{number}" for number in range(1000)))
    lines = [line(f"user-{number}", "a") for number in (0, 199, 200, 999, 1000)]
    assert users.held_lines(b"".join(lines)) == 4


def test_an_error_object_is_looked_into_through_its_base64() -> None:
    errors = failed(line("35", "a")) + failed(line("3", "b")) + b'{"rawData":"not base64"}\n' + b'{"note":"35"}\n'
    assert without(errors, USER_35.hold_error) == (failed(line("3", "b")) + b'{"rawData":"not base64"}\n', 2)
