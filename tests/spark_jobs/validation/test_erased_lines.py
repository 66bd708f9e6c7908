"""Rules of refusing lines of erased users: whatever the spelling, one rejection that keeps nothing."""

import json

import pyarrow as pa
import pytest

from contracts.erasure import user_id_sha256
from spark_jobs.validation.chunks import LineValidator
from spark_jobs.validation.erased_lines import ids_in, mentions, without_erased

ERASED = frozenset({user_id_sha256("35")})
RECEIVED_AT = 1_795_341_600_000


def line(user_id: str, more: str = "") -> str:
    return (
        f'{{"received_at":{RECEIVED_AT},"request_id":"r","source_ip":"10.0.0.1","user_agent":"u","event":{{"timestamp":'
        f'"2026-11-22 10:00:00","user_id":{user_id},"click_id":"c","event_name":"Search"{more}}}}}'
    )


def validated(*lines: str) -> tuple[pa.Table, pa.Table]:
    with LineValidator() as validator:
        found = validator.validate("\n".join(lines).encode())
    return without_erased(found.received, found.rejected, ERASED)


@pytest.mark.parametrize("user_id", ['"35"', r'"\u0033\u0035"', r'"3\u0035"'])
def test_an_erased_users_event_is_a_rejection_that_keeps_nothing_but_its_arrival(user_id: str) -> None:
    received, rejected = validated(line(user_id), line('"36"'))
    assert received.column("user_id").to_pylist() == ["36"]
    (row,) = rejected.to_pylist()
    assert (row["rejection_reason"], row["line"]) == ("erased_user", None)
    assert "35" not in row["detail"]
    assert row["received_at"].timestamp() * 1000 == RECEIVED_AT


def test_an_event_of_another_user_stays_whatever_fields_hold_the_id() -> None:
    received, rejected = validated(line('"1357"', ',"pixel_id":"35","friend":"35"'))
    assert (received.num_rows, rejected.num_rows) == (1, 0)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(line('"35"', ',"pixel_id":1'), id="wrong type of another field"),
        pytest.param('{"user_id":"35",', id="cut off"),
        pytest.param('"} {"user_id":"35"', id="quotes out of step"),
        pytest.param('{"user_id":"\\u00335"', id="escaped"),
        pytest.param(json.dumps({"received_at": 1, "event": line('"35"')}), id="JSON in a string"),
        pytest.param(json.dumps(json.dumps({"event": line(r'"\u00335"')})), id="JSON in JSON in a string"),
        pytest.param(r'{"event":"{\u0022user_id\u0022:\u002235\u0022}"}', id="escaped quotes"),
        pytest.param(r"cut \"user_id\":\"35\" off", id="the inside of a string"),
    ],
)
def test_a_line_that_is_no_event_is_the_users_if_any_string_in_it_is_the_id(broken: str) -> None:
    received, rejected = validated(broken)
    assert received.num_rows == 0
    assert rejected.column("rejection_reason").to_pylist() == ["erased_user"]
    assert rejected.column("line").to_pylist() == [None]


@pytest.mark.parametrize("broken", ['{"user_id":"1357",', '{"user_id":"35 ",', '{"user_id":357,', "35", ""])
def test_a_line_that_is_no_event_is_kept_if_no_string_in_it_is_the_whole_id(broken: str) -> None:
    _, rejected = validated(line('"1"', ',"pixel_id":1'), broken)
    assert "erased_user" not in rejected.column("rejection_reason").to_pylist()
    assert broken.encode() in [*rejected.column("line").to_pylist(), b""]


@pytest.mark.parametrize("number", ["35", "35.0", "3.5e1", " 35 "])
@pytest.mark.parametrize("name", ["user_id", "anonymous_id", r"\u0075ser_id"])
def test_a_number_in_the_place_of_an_id_is_the_id(name: str, number: str) -> None:
    assert mentions(f'{{"{name}":{number},'.encode(), ERASED)
    assert mentions(f'"{{\\"{name}\\":{number},"'.encode(), ERASED)
    assert not mentions(f'{{"click_id":{number},"{name}":351}}'.encode(), ERASED)


def test_a_user_outside_of_the_basic_plane_is_found_as_a_surrogate_pair() -> None:
    assert mentions(rb'{"user_id":"\ud83d\ude00"', {user_id_sha256("😀")})
    assert mentions('{"user_id":"😀"'.encode(), {user_id_sha256("😀")})


def test_half_a_surrogate_pair_and_wrong_escapes_are_no_obstacle() -> None:
    assert list(ids_in(r'"\ud83d" "\x" "35"'))[-1] == "35"


def test_a_line_made_to_be_unescaped_for_ever_is_given_up_on() -> None:
    assert not mentions(b'"' + rb"\u005c" * 20_000 + b'"', ERASED)


def test_a_line_of_escaped_quotes_that_none_ends_is_looked_through_once() -> None:
    """It would take hours if each of them was taken for the beginning of a string that may end."""
    assert not mentions(b'"user_id":"x","note":"' + rb"\\\"" * 250_000 + rb"\\" + b'"}}', ERASED)
