"""The promise: once an hour is settled, the sum of its live minutes is what job 1 writes into `landing_ledger`.

Whatever objects there are, in whatever order they appear, are read, are replaced or vanish, and however often the
service is killed in between. And each minute is what its own lines are, by an own definition of every figure.
"""

import gzip
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import example, given, settings
from hypothesis import strategies as st

from contracts.ledger import LandingLedgerRow
from contracts.live_document import HourState, LandingHourTotals, LiveDocument
from contracts.partitions import HOUR
from contracts.versions import landing_input_version
from live.minutes import minute_of
from live.tail import RawTail
from spark_jobs.landing.landing_plan import LandingHour
from spark_jobs.landing.transform_events import landing_ledger_row
from spark_jobs.validation.chunks import LineValidator
from spark_jobs.validation.object_lines import ObjectCounts, validate_object
from spark_jobs.validation.privacy import Privacy
from storage.by_hour import landed_objects
from tests.live.raw_tail import (
    BUFFER,
    TEN,
    RawFolder,
    SetClock,
    document_of,
    event_line,
    read_all,
    rejected_line,
    tail_of,
)
from tests.specification.judgement import Event, judge

NINE = TEN - HOUR
HOURS = (NINE, TEN)
#: When the first hour is settled, and when both are.
LATER = TEN + timedelta(minutes=45)
SETTLED = TEN + HOUR + BUFFER + timedelta(minutes=3)


@st.composite
def _lines(draw: st.DrawFn) -> bytes:
    at = NINE + timedelta(minutes=draw(st.integers(0, 119)), milliseconds=draw(st.integers(0, 59_999)))
    kind = draw(st.sampled_from(["event"] * 6 + ["rejected", "late", "no envelope", "not json", "empty", "old"]))
    match kind:
        case "rejected":
            return rejected_line(at)
        case "late":
            return event_line(at, timestamp=(at - timedelta(days=8)).isoformat())
        case "no envelope":
            return b'{"event": {}}'
        case "not json":
            return draw(st.sampled_from([b"{", b"\xff\xfe", b"[1,2", b'{"received_at": NaN, "event":']))
        case "empty":
            return b""
        case "old":
            return event_line(datetime.fromtimestamp(draw(st.integers(0, 2_000_000_000)), tz=at.tzinfo))
    name = draw(st.sampled_from(["Search", "Purchase", "purchase", "Refund", "wishlist"]))
    price = draw(st.none() | st.integers(0, 99_999))
    more = {} if price is None else {"additional_data": {"price": price / 100}}
    agent = draw(st.sampled_from(["Mozilla/5.0", "Googlebot/2.1", "curl/8"]))
    users, clicks = st.sampled_from("abc"), st.sampled_from("123456")
    return event_line(at, draw(users), draw(clicks), name, user_agent=agent, **more)


@st.composite
def _contents(draw: st.DrawFn) -> bytes:
    text = b"\n".join(draw(st.lists(_lines(), max_size=8)))
    text += draw(st.sampled_from([b"\n", b""]))
    content = gzip.compress(text, mtime=0)
    return draw(st.sampled_from([content, content, content, content, text, content[:-3], b"", b"\x1f\x8bnoise"]))


@dataclass(frozen=True)
class Put:
    """An object appears, a copy of an earlier one perhaps, or bytes in the place of an earlier one."""

    hour: datetime
    name: str
    content: bytes


@dataclass(frozen=True)
class Remove:
    """An object is gone."""

    number: int


@dataclass(frozen=True)
class Round:
    """The service looks, and reads so many objects at most, some seconds later."""

    objects: int
    seconds: int


class Kill:
    """The service is killed, and another starts."""


_STEPS = st.lists(
    st.one_of(
        st.builds(Put, st.sampled_from(HOURS), st.sampled_from(["a", "b", "c", "d"]), _contents()),
        st.builds(Round, st.integers(1, 3), st.integers(0, 900)),
        st.builds(Remove, st.integers(0, 9)),
        st.just(Kill()),
    ),
    max_size=14,
)


def _object_files(raw: RawFolder) -> list[Path]:
    return sorted(path for path in raw.path.rglob("*") if path.is_file())


def _take(step: object, raw: RawFolder, tail: RawTail, clock: SetClock) -> None:
    match step:
        case Put(hour, name, content):
            raw.put(f"{name}.gz", hour=hour, content=content)
        case Remove(number):
            files = _object_files(raw)
            if files:
                files[number % len(files)].unlink()
        case Round(objects, seconds):
            clock.now = min(clock.now + timedelta(seconds=seconds), LATER)
            tail.look()
            left = iter(range(objects - 1, -1, -1))
            tail.read(until=lambda: next(left, 0) == 0)


def _live(steps: list[object], raw: RawFolder, clock: SetClock) -> tuple[LiveDocument, LiveDocument]:
    """Return the documents after all steps, kills among them: once the first hour is settled, and once both are."""
    with ExitStack() as running:
        tail = running.enter_context(tail_of(raw.store, clock))
        for step in steps:
            if isinstance(step, Kill):
                tail = running.enter_context(tail_of(raw.store, clock))
            _take(step, raw, tail, clock)
        documents = []
        for clock.now in (LATER, SETTLED):
            read_all(tail)
            documents.append(document_of(tail, clock))
        return documents[0], documents[1]


def _ledger(raw: RawFolder) -> dict[datetime, LandingLedgerRow]:
    """Return the rows that job 1 writes of what lies there."""
    landed = landed_objects(raw.store, HOURS)
    counts: dict[str, ObjectCounts] = {}
    with LineValidator() as validator:
        for objects in landed.values():
            for raw_object in objects:
                counted = counts[raw_object.key] = ObjectCounts()
                list(validate_object(raw.store, raw_object, validator, counted, Privacy()))
    return {
        hour: landing_ledger_row(
            LandingHour(landing_hour=hour, objects=objects, input_version=landing_input_version(objects), settled=True),
            counts,
        )
        for hour, objects in landed.items()
    }


def _figures(totals: LandingHourTotals) -> tuple[object, ...]:
    sums = totals.lines, totals.received, totals.rejected, totals.unreadable_objects
    return *sums, dict(totals.rejected_by_reason)


def _figures_of_row(row: LandingLedgerRow) -> tuple[object, ...]:
    return row.lines, row.received, row.rejected, row.unreadable_objects, dict(row.rejected_by_reason)


def _shown_lines(raw: RawFolder) -> Iterator[bytes]:
    """Yield the lines of readable objects."""
    for file in _object_files(raw):
        content = file.read_bytes()
        if content.startswith(b"\xff\xfe"):  # UTF-16, by its mark: the object is unreadable, not its first line
            continue
        try:
            text = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        except (EOFError, OSError):
            continue
        yield from text.removesuffix(b"\n").split(b"\n") if text else ()


@settings(max_examples=40)
@given(steps=_STEPS)
def test_the_sum_of_a_settled_hour_s_minutes_is_its_row_of_the_ledger(steps: list[object]) -> None:
    with TemporaryDirectory() as folder:
        raw = RawFolder(path=Path(folder) / "raw")
        raw.path.mkdir()
        documents = _live(steps, raw, SetClock(NINE + timedelta(minutes=50)))
        rows = _ledger(raw)
        for hour, document in zip(HOURS, documents, strict=True):
            (totals,) = (one for one in document.landing_hours if one.landing_hour == hour)
            assert totals.state is HourState.SETTLED
            assert totals.complete
            assert _figures(totals) == _figures_of_row(rows[hour])


@settings(max_examples=25)
@example(steps=[Put(NINE, "a", b"\xff\xfe\n" + event_line(NINE + timedelta(minutes=46)))])
@given(steps=_STEPS)
def test_a_minute_is_what_the_specification_says_of_its_lines(steps: list[object]) -> None:
    with TemporaryDirectory() as folder:
        raw = RawFolder(path=Path(folder) / "raw")
        raw.path.mkdir()
        document, _ = _live(steps, raw, SetClock(NINE + timedelta(minutes=50)))
        judged = [judge(line) for line in _shown_lines(raw)]
    events: defaultdict[tuple[int, str], list[Event]] = defaultdict(list)
    rejections: Counter[tuple[int, str]] = Counter()
    first = minute_of(document.first_minute)
    for one in judged:
        if one.received_at is None or not 0 <= minute_of(one.received_at) - first < len(document.all_names.events):
            continue
        at = minute_of(one.received_at) - first
        if isinstance(one, Event):
            events[at, one.event_name].append(one)
        else:
            rejections[at, one.reason] += 1
    named = {one.event_name: one.series for one in document.names}
    assert document.others is None
    for at in range(len(document.all_names.events)):
        here = {name: found for (minute, name), found in events.items() if minute == at}
        for name, series in named.items():
            of_name = here.get(name, [])
            assert series.events[at] == len(of_name)
            assert series.users[at] == len({event.user_id for event in of_name})
            assert series.copies[at] == len(of_name) - len({event.click_id for event in of_name})
            purchases = [event for event in of_name if event.event_name == "Purchase"]
            assert series.purchases[at] == len(purchases)
            assert series.revenue[at] == sum((event.price or Decimal(0) for event in purchases), Decimal(0))
            assert series.bots[at] == sum(event.user_agent == "Googlebot/2.1" for event in of_name)
        everybody = [event for found in here.values() for event in found]
        assert document.all_names.events[at] == len(everybody)
        assert document.all_names.users[at] == len({event.user_id for event in everybody})
        assert here.keys() <= named.keys()
    shown = {(at, one.reason): n for one in document.rejections for at, n in enumerate(one.lines) if n}
    assert shown == rejections
