"""What the document says of its own freshness, and of names beyond those that have room."""

from datetime import timedelta

from contracts.live_document import MINUTES, MOST_BYTES, MOST_NAMES, HourState, LiveDocument
from contracts.partitions import HOUR
from tests.live.raw_tail import BUFFER, TEN, RawFolder, SetClock, document_of, event_line, read_all, tail_of

AT = TEN + timedelta(minutes=29, seconds=50)


def test_a_document_of_nothing_has_an_hour_of_zeros_and_no_freshness(raw: RawFolder, clock: SetClock) -> None:
    with tail_of(raw.store, clock) as tail:
        read_all(tail)
        document = document_of(tail, clock)
    fresh = document.freshness
    assert (fresh.newest_arrival, fresh.behind, fresh.delivering, fresh.reading, fresh.waiting) == (None,) * 5
    assert document.all_names.events == (0,) * MINUTES
    assert document.first_minute + (MINUTES - 1) * timedelta(minutes=1) == clock.now
    assert LiveDocument.from_json(document.to_json()) == document


def test_how_far_behind_it_is_is_split_into_delivering_reading_and_waiting(raw: RawFolder, clock: SetClock) -> None:
    with tail_of(raw.store, clock) as tail:
        clock.now = AT
        tail.look()
        raw.put("a.gz", event_line(AT - timedelta(seconds=30)), event_line(AT, click="c2"))
        clock.pass_by(seconds=8)
        tail.look()
        clock.pass_by(seconds=2)
        tail.read()
        clock.pass_by(seconds=5)
        fresh = document_of(tail, clock).freshness
    assert (fresh.newest_arrival, fresh.behind) == (AT, 15)
    assert (fresh.delivering, fresh.reading, fresh.waiting) == (8, 2, 5)


def test_an_hour_is_open_then_settling_then_settled_and_complete_only_when_it_was_listed_since(
    raw: RawFolder, clock: SetClock
) -> None:
    raw.put("a.gz", event_line(AT))
    settled = TEN + HOUR + BUFFER + timedelta(minutes=2)
    with tail_of(raw.store, clock) as tail:
        seen = []
        for now in (AT, TEN + HOUR, settled - timedelta(seconds=1)):
            clock.now = now
            read_all(tail)
            seen.append(document_of(tail, clock))
        clock.now = settled
        seen.append(document_of(tail, clock))
        read_all(tail)
        seen.append(document_of(tail, clock))
    hours = [next(hour for hour in document.landing_hours if hour.landing_hour == TEN) for document in seen]
    assert [hour.state for hour in hours] == [
        HourState.OPEN,
        HourState.SETTLING,
        HourState.SETTLING,
        HourState.SETTLED,
        HourState.SETTLED,
    ]
    assert [hour.complete for hour in hours] == [False, False, False, False, True]


def test_names_beyond_those_that_have_room_are_one_series_and_everything_adds_up(
    raw: RawFolder, clock: SetClock
) -> None:
    names = [f"name {number:02}" for number in range(MOST_NAMES + 3)]
    raw.put(
        "a.gz",
        *(event_line(AT, "ann", f"{name} {n}", name) for at, name in enumerate(names) for n in range(len(names) - at)),
    )
    with tail_of(raw.store, clock) as tail:
        read_all(tail)
        document = document_of(tail, clock)
    assert [one.event_name for one in document.names] == names[:MOST_NAMES]
    assert document.others is not None
    assert sum(document.others.events) == 3 + 2 + 1
    assert sum(document.others.users) == sum(document.all_names.users) == 1
    assert sum(document.all_names.events) == sum(range(1, len(names) + 1))
    assert document.sampling.is_exact


def test_a_document_of_the_longest_ids_and_names_has_the_size_that_it_may_have(raw: RawFolder, clock: SetClock) -> None:
    wide = "\N{GRINNING FACE}"
    lines = [event_line(AT, wide * 255 + str(n % 9), wide * 120 + str(n), wide * 120 + str(n % 60)) for n in range(300)]
    raw.put("a.gz", *lines)
    with tail_of(raw.store, clock) as tail:
        read_all(tail)
        document = document_of(tail, clock)
    assert len(document.to_json()) <= MOST_BYTES
    assert document.lines
    assert sum(document.all_names.events) == 300


def test_a_minute_that_objects_of_two_landing_hours_have_is_counted_whole_each_time(
    raw: RawFolder, clock: SetClock
) -> None:
    clock.now = TEN + timedelta(minutes=2)
    raw.put("a.gz", event_line(TEN, "ann"), hour=TEN - HOUR)
    raw.put("b.gz", event_line(TEN, "ann", "c2"), event_line(TEN, "bob", "c2"))
    with tail_of(raw.store, clock) as tail:
        read_all(tail)
        for _ in range(2):
            series = document_of(tail, clock).all_names
            assert (sum(series.events), sum(series.users), sum(series.copies)) == (3, 2, 1)
