"""A user's file lands whole: each line under its hour, good ones wrapped, all others byte for byte.

Buffered lines come back whole, by hour, however small the buffers are.
"""

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.event import MAX_LINE_BYTES
from contracts.file_formats import is_gzip
from simulator.errors import InputFileError
from simulator.events_file import LONGEST_WHOLE_LINE, EventsFile
from simulator.raw.replay_to_raw import HourBuffers, Replayed, replay_to_raw
from storage.directory import DirectoryStore
from tests.simulator.raw_reader import raw_lines, raw_objects, tree_digest

_GOOD: dict[str, Any] = {
    "timestamp": "2021-07-12 12:01:58.732726",
    "user_id": "35",
    "click_id": "c",
    "event_name": "Search",
}

_START = datetime(2026, 11, 20, tzinfo=UTC)


def _bare(**fields: Any) -> bytes:
    return json.dumps(_GOOD | fields).encode()


def _envelope(received_at: object, **fields: Any) -> bytes:
    return json.dumps({"received_at": received_at, "event": _GOOD} | fields).encode()


def _replay(tmp_path: Path, content: bytes, raw: str = "raw") -> Replayed:
    path = tmp_path / "events.jsonl"
    path.write_bytes(content)
    store = DirectoryStore(directory=tmp_path / raw)
    return replay_to_raw(EventsFile(path), store, delivery_stream="clickstream-local-raw", progress=lambda _: None)


def _landed(tmp_path: Path, *lines: bytes) -> list[tuple[str, bytes]]:
    replayed = _replay(tmp_path, b"\n".join(lines) + b"\n")
    landed = list(raw_lines(tmp_path / "raw"))
    assert replayed.lines == len(landed) == sum(replayed.landing_hours.values()) == len(lines)
    return landed


def test_a_bare_event_is_wrapped_and_received_at_its_insertion_timestamp(tmp_path: Path) -> None:
    event = _bare(insertion_timestamp="2021-07-12 13:00:00.001")
    [(hour, line)] = _landed(tmp_path, event)
    assert hour == "2021-07-12T13"
    envelope = json.loads(line)
    assert envelope == {
        "received_at": 1_626_094_800_001,
        "request_id": "events.jsonl:1",
        "source_ip": "",
        "user_agent": "",
        "event": json.loads(event),
    }


@pytest.mark.parametrize("insertion", ["yesterday", "", None, [5], "2021-02-30 00:00:00"])
def test_without_a_valid_insertion_timestamp_it_was_received_at_its_timestamp(tmp_path: Path, insertion: Any) -> None:
    [(hour, line)] = _landed(tmp_path, _bare(insertion_timestamp=insertion))
    assert (hour, json.loads(line)["received_at"]) == ("2021-07-12T12", 1_626_091_318_732)


def test_a_zone_counts(tmp_path: Path) -> None:
    [(hour, _)] = _landed(tmp_path, _bare(timestamp="2021-07-13T01:30:00+02:00"))
    assert hour == "2021-07-12T23"


def test_an_envelope_keeps_its_bytes_and_lands_in_its_own_hour(tmp_path: Path) -> None:
    envelope = b' {"event": {"a":1 }, "received_at":1626091318732, "else": 1e2}'
    assert _landed(tmp_path, envelope) == [("2021-07-12T12", envelope)]


@pytest.mark.parametrize(
    "line",
    [
        b"GET / HTTP/1.1",
        b"",
        b'{"timestamp": "2021-07-12 12:01:58", "price": NaN}',
        b'{"timestamp": "2021-07-12 12:01:58",}',
        b'{"timestamp": "2021-07-12 12:01:58", "name": "\xff"}',
        b"\xef\xbb\xbf{}",
        b"\xef\xbb\xbf\xef\xbb\xbf" + _bare(),
        b"[1]",
        b"42",
        b"{}",
        b'{"received_at": "soon", "event": {}}',
        b'{"received_at": 1.5, "event": {}}',
        b'{"received_at": true, "event": {}}',
        b'{"received_at": -1, "event": {}}',
        b'{"received_at": 99999999999999999999999, "event": {}}',
        b'{"request_id": "r", "event": {}}',
        b'{"n": ' + b"7" * 5_000 + b"}",
        b"[" * 5_000 + b"]" * 5_000,
    ],
    ids=lambda line: line[:24].decode(errors="replace"),
)
def test_what_is_neither_lands_byte_for_byte_in_the_hour_before_the_first_valid_time(
    tmp_path: Path, line: bytes
) -> None:
    landed = _landed(tmp_path, line, _bare())
    assert [(hour, content) for hour, content in landed if hour == "2021-07-12T11"] == [("2021-07-12T11", line)]
    assert len(landed) == 2


def test_a_bare_event_without_a_valid_time_is_wrapped_and_was_received_in_the_hour_before(tmp_path: Path) -> None:
    landed = _landed(tmp_path, _bare(timestamp="today"), _bare(timestamp="2021-07-12 00:10:00"))
    hour, line = landed[0]
    assert (hour, json.loads(line)["received_at"]) == ("2021-07-11T23", 1_626_044_400_000)
    assert json.loads(line)["request_id"] == "events.jsonl:1"
    assert json.loads(line)["event"]["timestamp"] == "today"


def test_the_first_valid_time_is_the_first_in_the_file_not_the_earliest(tmp_path: Path) -> None:
    landed = _landed(tmp_path, _bare(timestamp="2021-07-12 12:00:00"), b"x", _bare(timestamp="2020-01-01 05:00:00"))
    assert ("2021-07-12T11", b"x") in landed


def test_a_file_without_any_valid_time_lands_in_the_first_hour_of_1970(tmp_path: Path) -> None:
    landed = _landed(tmp_path, b"x", _bare(timestamp="today"))
    assert [hour for hour, _ in landed] == ["1970-01-01T00", "1970-01-01T00"]
    assert json.loads(landed[1][1])["received_at"] == 0


@pytest.mark.parametrize("first", ["1970-01-01 00:00:00", "1970-01-01 00:59:59.999999"])
def test_where_the_first_valid_time_is_the_first_hour_of_1970_lines_without_one_are_stamped_with_it(
    tmp_path: Path, first: str
) -> None:
    landed = _landed(tmp_path, b"x", _bare(timestamp=None), _bare(timestamp=first))
    assert {hour for hour, _ in landed} == {"1970-01-01T00"}
    assert [json.loads(line)["received_at"] for _, line in landed if b"null" in line] == [0]


@pytest.mark.parametrize("timestamp", ["1969-12-31 23:59:59", "0001-01-01 00:00:00", "9999-12-31 23:59:59"])
def test_a_time_that_no_server_can_have_is_no_arrival(tmp_path: Path, timestamp: str) -> None:
    landed = _landed(tmp_path, _bare(timestamp=timestamp), _bare())
    assert sorted(hour for hour, _ in landed) == ["2021-07-12T11", "2021-07-12T12"]


def test_an_event_with_fields_named_like_an_envelopes_is_still_an_event(tmp_path: Path) -> None:
    [(hour, line)] = _landed(tmp_path, _bare(received_at="2021-07-12", event="click"))
    assert hour == "2021-07-12T12"
    assert json.loads(line)["event"]["event"] == "click"


@pytest.mark.parametrize("event", ["click", {"type": "click"}, None])
def test_an_event_with_both_fields_of_an_envelope_is_still_an_event(tmp_path: Path, event: Any) -> None:
    bare = _bare(received_at=1_626_091_318_732, event=event)
    [(hour, line)] = _landed(tmp_path, bare)
    assert hour == "2021-07-12T12"
    assert json.loads(line)["event"] == json.loads(bare)


def test_an_envelope_may_have_one_of_an_events_fields_beside(tmp_path: Path) -> None:
    envelope = _envelope(1_626_091_318_732, user_id="35")
    assert _landed(tmp_path, envelope) == [("2021-07-12T12", envelope)]


def test_a_byte_order_mark_is_no_part_of_an_event_wherever_files_were_joined(tmp_path: Path) -> None:
    marked = "\ufeff".encode()
    envelope = marked + _envelope(1_626_091_318_732)
    landed = _landed(tmp_path, marked + _bare(), marked + _bare(click_id="d"), envelope)
    assert [json.loads(line)["event"]["click_id"] for _, line in landed[:2]] == ["c", "d"]
    assert landed[2] == ("2021-07-12T12", envelope), "an envelope keeps its bytes; the job reads it"


def test_carriage_returns_around_or_between_an_events_fields_end_no_line(tmp_path: Path) -> None:
    _replay(tmp_path, _bare().replace(b", ", b",\r") + b"\r\n")
    [(_, line)] = raw_lines(tmp_path / "raw")
    assert b"\r" not in line
    assert json.loads(line)["event"] == _GOOD


def test_the_last_line_needs_no_newline_and_an_empty_file_has_no_line(tmp_path: Path) -> None:
    assert _replay(tmp_path, _bare() + b"\n" + _bare()).lines == 2
    empty = _replay(tmp_path, b"", raw="empty")
    assert (empty.lines, empty.objects, raw_objects(tmp_path / "empty")) == (0, 0, [])


def test_a_line_too_large_for_an_event_is_still_wrapped_so_that_the_job_can_say_so(tmp_path: Path) -> None:
    [(hour, line)] = _landed(tmp_path, _bare(padding="x" * MAX_LINE_BYTES))
    assert hour == "2021-07-12T12"
    assert len(line) > MAX_LINE_BYTES


@pytest.mark.parametrize("length", [LONGEST_WHOLE_LINE - 1, LONGEST_WHOLE_LINE, 2 * LONGEST_WHOLE_LINE + 5])
@pytest.mark.parametrize("end", [b"\n", b""])
def test_an_overlong_line_keeps_its_bytes_in_an_object_of_its_own(tmp_path: Path, length: int, end: bytes) -> None:
    overlong = b"y" * length
    replayed = _replay(tmp_path, b"x\n" + _bare() + b"\n" + overlong + end)
    landed = list(raw_lines(tmp_path / "raw"))
    assert ("2021-07-12T11", overlong) in landed
    assert ("2021-07-12T11", b"x") in landed
    assert replayed.lines == len(landed) == replayed.objects == 3


def test_gzip_is_known_by_its_bytes_and_lands_as_the_plain_file_does(tmp_path: Path) -> None:
    content = b"\n".join(_bare(click_id=str(number)) for number in range(50))
    plain = _replay(tmp_path, content, raw="plain")
    compressed = _replay(tmp_path, gzip.compress(content[:500]) + gzip.compress(content[500:]), raw="gz")
    assert plain == compressed
    assert tree_digest(tmp_path / "plain") == tree_digest(tmp_path / "gz")


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:-4] + b"oops",
        lambda whole: whole[:2000] + b"\0" * 99,
    ],
    ids=["cut", "wrong checksum", "overwritten"],
)
def test_a_damaged_gzip_file_is_refused_by_name_and_nothing_is_left_behind(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    lines = b"\n".join(_bare(click_id=f"{number * 7919:x}") for number in range(5_000))
    with pytest.raises(InputFileError, match=r"events\.jsonl is a damaged GZIP file"):
        _replay(tmp_path, damage(gzip.compress(lines)))
    assert list((tmp_path / "raw").iterdir()) == []


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"nowhere\.jsonl: No such file"):
        EventsFile(tmp_path / "nowhere.jsonl")


def test_the_same_content_makes_the_same_objects_and_other_content_others(tmp_path: Path) -> None:
    content = b"\n".join(_bare(timestamp=f"2021-07-12 {hour:02d}:00:00") for hour in range(24))
    _replay(tmp_path, content)
    before = tree_digest(tmp_path / "raw")
    _replay(tmp_path, content)
    assert tree_digest(tmp_path / "raw") == before
    _replay(tmp_path, content + b"\nx")
    assert len(raw_objects(tmp_path / "raw")) == 24 + 25


@settings(max_examples=60)
@given(
    lines=st.lists(
        st.one_of(
            st.binary(max_size=40).filter(lambda line: b"\n" not in line),
            st.datetimes().map(lambda moment: _bare(timestamp=str(moment))),
            st.integers(-5, 2**60).map(_envelope),
            st.sampled_from([_bare(timestamp=None), b"{}", b"[]"]),
        ),
        max_size=30,
    ).filter(lambda lines: not is_gzip(b"\n".join(lines)))  # a file that begins as GZIP is read as GZIP
)
def test_no_line_is_lost_or_added_whatever_the_file_holds(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    tmp_path = tmp_path_factory.mktemp("any")
    replayed = _replay(tmp_path, b"".join(line + b"\n" for line in lines))
    landed = [line for _, line in raw_lines(tmp_path / "raw")]
    assert replayed.lines == len(landed) == len(lines)
    assert replayed.bare_events + replayed.envelopes + replayed.other_lines == replayed.lines
    unwrapped = sorted(_unwrapped(line) for line in landed)
    assert unwrapped == sorted(line.replace(b"\r", b" ") if _is_bare(line) else line for line in lines)


def _is_bare(line: bytes) -> bool:
    return line.startswith(b'{"timestamp"')


def _unwrapped(line: bytes) -> bytes:
    if line.startswith(b'{"received_at":') and b'"request_id":"events.jsonl:' in line:
        return line.split(b'"event":', 1)[1].removesuffix(b"}")
    return line


def test_lines_come_back_by_hour_in_their_order_though_buffers_overflow(tmp_path: Path) -> None:
    buffers = HourBuffers(tmp_path, buffered_bytes=500, file_bytes=10_000)
    expected: dict[datetime, list[bytes]] = {}
    for number in range(2_000):
        arrival = _START + timedelta(minutes=number * 37 % 600)
        line = b"line %d\n" % number
        buffers.write(arrival, line)
        expected.setdefault(arrival.replace(minute=0), []).append(line)
    found: dict[datetime, list[bytes]] = {}
    for file in buffers.close():
        found.setdefault(file.hour, []).extend(gzip.decompress(file.path.read_bytes()).splitlines(keepends=True))
    assert found == expected
    assert buffers.lines_by_hour() == [(hour, len(lines)) for hour, lines in sorted(expected.items())]


def test_a_file_is_closed_at_its_size_and_knows_its_oldest_arrival(tmp_path: Path) -> None:
    buffers = HourBuffers(tmp_path, buffered_bytes=10_000, file_bytes=100)
    for minute in (30, 20, 40, 10, 50):
        buffers.write(_START + timedelta(minutes=minute), b"x" * 49 + b"\n")
    files = list(buffers.close())
    assert [file.raw_bytes for file in files] == [100, 100, 50]
    assert [file.oldest.minute for file in files] == [20, 10, 50]
