"""What the service reads, in which order, and what it does about objects that it can't read."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from contracts.erasure import user_id_sha256
from contracts.event_settings import EventSettings
from contracts.live_document import MINUTES, HourState
from contracts.partitions import HOUR
from contracts.rejections import RejectionReason
from contracts.versions import RawObject
from live.landing_hour import FIRST_RETRY, LONGEST_RETRY
from live.tail import RawTail
from storage.directory import DirectoryStore
from storage.object_store import StorageError, StoredObject
from tests.live.raw_tail import (
    TEN,
    NobodyErased,
    RawFolder,
    SetClock,
    document_of,
    event_line,
    read_all,
    rejected_line,
    tail_of,
)

AT = TEN + timedelta(minutes=29)


@dataclass(frozen=True, kw_only=True)
class WatchedStore(DirectoryStore):
    """A directory that notes what is listed and read, and refuses what is forbidden."""

    reads: list[str] = field(default_factory=list)
    listings: list[str] = field(default_factory=list)
    forbidden: set[str] = field(default_factory=set)

    def objects(self, prefix: str) -> Iterator[RawObject]:
        self.listings.append(prefix)
        return super().objects(prefix)

    def blocks(self, stored: RawObject | StoredObject) -> Iterator[bytes]:
        name = stored.key.rpartition("/")[2]
        self.reads.append(name)
        if name in self.forbidden:
            raise StorageError(f"can't read {name}: AccessDenied")
        return super().blocks(stored)


@pytest.fixture
def store(raw: RawFolder) -> WatchedStore:
    return WatchedStore(directory=raw.path)


def events(tail: RawTail, clock: SetClock) -> int:
    return sum(document_of(tail, clock).all_names.events)


def test_an_object_is_read_once_and_a_new_one_when_it_appears(
    raw: RawFolder, store: WatchedStore, clock: SetClock
) -> None:
    raw.put("a.gz", event_line(AT))
    with tail_of(store, clock) as tail:
        read_all(tail)
        read_all(tail)
        raw.put("b.gz", event_line(AT, click="c2"), event_line(AT, click="c3"))
        read_all(tail)
        assert store.reads == ["a.gz", "b.gz"]
        assert events(tail, clock) == 3


def test_the_newest_objects_are_read_first_and_the_hour_is_filled_backwards(
    raw: RawFolder, store: WatchedStore, clock: SetClock
) -> None:
    for minute in (1, 10, 20, 28):
        raw.put(f"x-10-{minute:02}.gz", event_line(TEN + timedelta(minutes=minute)))
    raw.put("x-09-59.gz", event_line(TEN - timedelta(minutes=1)), hour=TEN - HOUR)
    with tail_of(store, clock) as tail:
        tail.look()
        steps = iter([False, True])
        tail.read(until=lambda: next(steps))
        assert store.reads == ["x-10-28.gz", "x-10-20.gz"]
        fresh = document_of(tail, clock).freshness
        assert fresh.complete_from == TEN + timedelta(minutes=21)  # the minute after, and a buffer's length
        assert fresh.unread_objects == 3
        tail.read()
        assert store.reads[2:] == ["x-10-10.gz", "x-10-01.gz", "x-09-59.gz"]
        document = document_of(tail, clock)
        assert document.freshness.complete_from == document.first_minute


def test_an_hour_that_gets_no_more_objects_is_listed_once_more_when_it_is_settled_and_then_each_minute(
    raw: RawFolder, store: WatchedStore, clock: SetClock
) -> None:
    before = "landing_date=2026-11-22/landing_hour=09/"
    with tail_of(store, clock) as tail:
        clock.now = TEN + timedelta(seconds=20)
        for seconds, listings in ((0, 1), (5, 2), (115, 3), (5, 3), (5, 3), (50, 4)):
            clock.pass_by(seconds=seconds)
            tail.look()
            assert store.listings.count(before) == listings, clock.now


def test_a_damaged_object_is_counted_and_named_and_tried_again_ever_more_seldom(
    raw: RawFolder, store: WatchedStore, clock: SetClock
) -> None:
    raw.put("a.gz", event_line(AT))
    raw.put("bad.gz", content=gzip.compress(b"x\n" * 99)[:-4])
    with tail_of(store, clock) as tail:
        read_all(tail)
        read_all(tail)
        document = document_of(tail, clock)
        (unreadable,) = document.unreadable
        assert (unreadable.key.rpartition("/")[2], unreadable.tries, unreadable.is_damaged) == ("bad.gz", 1, True)
        assert "GZIP" in unreadable.error
        hour = document.landing_hours[0]
        assert (hour.objects, hour.unread_objects, hour.unreadable_objects) == (2, 0, 1)
        assert (hour.lines, hour.rejected) == (1, 0)
        waits = []
        for _ in range(9):
            (failed,) = tail.hours[0].failed.values()
            waits.append(failed.next_try - clock.now)
            clock.now = failed.next_try
            read_all(tail)
        assert waits[:3] == [FIRST_RETRY, 2 * FIRST_RETRY, 4 * FIRST_RETRY]
        assert waits[-1] == LONGEST_RETRY


def test_a_forbidden_object_is_unread_until_it_can_be_read(
    raw: RawFolder, store: WatchedStore, clock: SetClock
) -> None:
    raw.put("a.gz", event_line(AT))
    raw.put("b.gz", event_line(AT, click="c2"))
    store.forbidden.add("a.gz")
    with tail_of(store, clock) as tail:
        clock.now = TEN + HOUR + timedelta(minutes=5)
        read_all(tail)
        document = document_of(tail, clock)
        assert [one.error for one in document.unreadable] == ["can't read a.gz: AccessDenied"]
        (hour,) = (one for one in document.landing_hours if one.landing_hour == TEN)
        assert (hour.state, hour.complete, hour.unread_objects) == (HourState.SETTLED, False, 1)
        store.forbidden.clear()
        clock.pass_by(minutes=1)
        read_all(tail)
        document = document_of(tail, clock)
        (hour,) = (one for one in document.landing_hours if one.landing_hour == TEN)
        assert (hour.complete, hour.received, document.unreadable) == (True, 2, ())


def test_an_object_that_vanishes_between_listing_and_reading_is_named_until_the_next_listing(
    raw: RawFolder, store: WatchedStore, clock: SetClock
) -> None:
    file = raw.put("a.gz", event_line(AT))
    with tail_of(store, clock) as tail:
        tail.look()
        file.unlink()
        tail.read()
        assert [one.key.rpartition("/")[2] for one in document_of(tail, clock).unreadable] == ["a.gz"]
        tail.look()
        assert document_of(tail, clock).unreadable == ()


def test_an_object_that_was_written_anew_is_counted_as_it_is_now(
    raw: RawFolder, store: WatchedStore, clock: SetClock
) -> None:
    raw.put("a.gz", event_line(AT), event_line(AT, click="c2"))
    raw.put("b.gz", event_line(AT, click="c3"))
    with tail_of(store, clock) as tail:
        read_all(tail)
        raw.put("a.gz", event_line(AT))
        read_all(tail)
        assert events(tail, clock) == 2
        assert len(document_of(tail, clock).lines) == 2


def test_lines_of_a_user_who_is_erased_are_rejected_ones_from_then_on_also_those_counted_before(
    raw: RawFolder, store: WatchedStore, clock: SetClock
) -> None:
    raw.put("a.gz", event_line(AT, "ann"), event_line(AT, "bob", "c2"))
    erased = NobodyErased()
    with tail_of(store, clock, erased=erased) as tail:
        read_all(tail)
        erased.erased = frozenset({user_id_sha256("ann")})
        read_all(tail)
        document = document_of(tail, clock)
        assert document.landing_hours[0].rejected_by_reason == {RejectionReason.ERASED_USER: 1}
        assert sum(document.all_names.events) == 1
        assert b"ann" not in document.to_json()


def test_names_mean_what_the_environment_says_and_money_is_the_shop_s(
    raw: RawFolder, store: WatchedStore, clock: SetClock
) -> None:
    price = {"price": 10}
    raw.put(
        "a.gz",
        event_line(AT, name="Bestellung", currency="EUR", additional_data=price),
        event_line(AT, click="c2", name="Purchase", currency="USD", additional_data=price),
    )
    settings = EventSettings(event_names=(("Bestellung", "Purchase"),), currency="EUR")
    with tail_of(store, clock, events=settings) as tail:
        read_all(tail)
        (purchases,) = document_of(tail, clock).names
        assert (purchases.event_name, sum(purchases.series.purchases), sum(purchases.series.revenue)) == (
            "Purchase",
            2,
            10,
        )


def test_minutes_that_are_no_longer_shown_are_forgotten_but_stay_in_their_hour_s_sum(
    raw: RawFolder, store: WatchedStore, clock: SetClock
) -> None:
    raw.put("a.gz", event_line(TEN), rejected_line(TEN))
    with tail_of(store, clock) as tail:
        read_all(tail)
        clock.pass_by(minutes=MINUTES - 29)
        read_all(tail)
        document = document_of(tail, clock)
        (hour,) = (one for one in document.landing_hours if one.landing_hour == TEN)
        assert (sum(document.all_names.events), hour.received, hour.rejected) == (0, 1, 1)
        assert not any(hour.minutes.figures for hour in tail.hours)


def test_lines_without_an_arrival_are_counted_in_their_hour_and_shown_in_no_minute(
    raw: RawFolder, store: WatchedStore, clock: SetClock
) -> None:
    raw.put("a.gz", b"not json", event_line(AT), event_line(AT - timedelta(days=400), timestamp="2020-01-01T00:00:00Z"))
    with tail_of(store, clock) as tail:
        read_all(tail)
        document = document_of(tail, clock)
        hour = document.landing_hours[0]
        assert (hour.received, hour.rejected, hour.undated) == (1, 2, 2)
        assert document.rejections == ()
