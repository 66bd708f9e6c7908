"""Live events carry the real now, each defect its own time, and all copies come before the end."""

import json
from collections import Counter
from datetime import timedelta
from random import Random

import pytest

from contracts.rejections import RejectionReason
from contracts.rules import ALLOWED_CLOCK_SKEW, ALLOWED_LATENESS
from contracts.timestamps import parse_timestamp
from simulator.errors import BadArgumentError
from simulator.http.sources import OutgoingEvent, SyntheticEvents, events_in_order, live_events
from simulator.world.defects import DEFAULT_SHARES, Channel, Defect, DefectShares
from simulator.world.event_time import HOUR_US, MINUTE_US, epoch_us, moment_of
from simulator.world.shop import World

_NOW = 29_900_000 * MINUTE_US + 12_345_678


def _source(shares: DefectShares, limit: int = 1_000, channel: Channel = Channel.API) -> SyntheticEvents:
    return live_events(seed=1, run="test", rate=50, shares=shares, channel=channel, now=_NOW, limit=limit)


def _all(source: SyntheticEvents) -> list[OutgoingEvent]:
    taken = []
    while batch := source.take(64, _NOW):
        taken += batch
    return taken


def _time_of(event: OutgoingEvent) -> int:
    moment = parse_timestamp(json.loads(event.body)["timestamp"])
    assert moment is not None
    return epoch_us(moment)


def test_events_come_in_the_order_of_the_worlds_time() -> None:
    events = events_in_order(World(1), 29_900_000, 200)
    times = [next(events).at for _ in range(3_000)]
    assert times == sorted(times)


def test_a_good_event_is_stamped_with_the_time_of_sending_and_counted_in_that_hour() -> None:
    for event in _source(DefectShares()).take(100, _NOW):
        assert 0 <= _time_of(event) - _NOW < 1_000
        assert event.event_hour == _NOW // HOUR_US


def test_exactly_as_many_events_as_asked_for_are_made_with_copies_on_top() -> None:
    assert len(_all(_source(DefectShares(), limit=777))) == 777
    copied = _all(_source(DefectShares(duplicates=0.2), limit=777))
    pairs = Counter(event.click_id for event in copied)
    doubles = sum(count == 2 for count in pairs.values())
    assert len(copied) == 777 + doubles
    assert max(pairs.values()) == 2
    assert {event.click_id for event in copied if event.has_copy} == {id_ for id_, count in pairs.items() if count == 2}


def test_a_copy_is_byte_for_byte_its_original() -> None:
    bodies: dict[str | None, set[bytes]] = {}
    for event in _all(_source(DefectShares(duplicates=0.5), limit=200)):
        bodies.setdefault(event.click_id, set()).add(event.body)
    assert all(len(each) == 1 for each in bodies.values())


@pytest.mark.parametrize(
    ("shares", "earliest", "latest", "rejection"),
    [
        (DefectShares(late=1.0), -ALLOWED_LATENESS + timedelta(hours=11), -timedelta(hours=1), None),
        (DefectShares(late=1.0, longest_delay_hours=6), -timedelta(hours=6), -timedelta(hours=1), None),
        (
            DefectShares(too_late=1.0),
            -ALLOWED_LATENESS - timedelta(days=2),
            -ALLOWED_LATENESS - timedelta(seconds=30),
            RejectionReason.TOO_LATE,
        ),
        (
            DefectShares(from_the_future=1.0),
            ALLOWED_CLOCK_SKEW + timedelta(hours=1),
            timedelta(days=2),
            RejectionReason.FROM_THE_FUTURE,
        ),
    ],
)
def test_a_moved_event_keeps_clear_of_the_limit(
    shares: DefectShares, earliest: timedelta, latest: timedelta, rejection: RejectionReason | None
) -> None:
    for event in _all(_source(shares, limit=300)):
        assert earliest <= moment_of(_time_of(event)) - moment_of(_NOW) <= latest + timedelta(milliseconds=1)
        assert event.rejection is rejection
        assert event.event_hour == _time_of(event) // HOUR_US


def test_shares_are_kept_about_and_the_same_seed_makes_the_same_events() -> None:
    first, second = (_all(_source(DEFAULT_SHARES, limit=20_000)) for _ in range(2))
    assert [event.body for event in first] == [event.body for event in second]
    defects = Counter(event.defect for event in first)
    for defect in Defect:
        expected = 20_000 * getattr(DEFAULT_SHARES, defect)
        assert 0.4 * expected < defects[defect] < 2 * expected


def test_a_malformed_event_has_a_reason_and_no_click_id_to_look_for() -> None:
    events = _all(_source(DefectShares(malformed=1.0), limit=200))
    assert all(event.rejection is not None and event.click_id is None for event in events)
    assert all(event.defect is Defect.MALFORMED for event in events)


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"duplicates": -0.1}, "must not be negative"),
        ({"duplicates": 0.6, "late": 0.6}, "more than 1 together"),
        ({"longest_delay_hours": 200}, "not 200"),
        ({"longest_delay_hours": 1}, "not 1"),
    ],
)
def test_shares_without_sense_are_refused(shares: dict[str, float], message: str) -> None:
    with pytest.raises(BadArgumentError, match=message):
        DefectShares(**shares)  # type: ignore[arg-type]


def test_without_a_limit_there_is_no_end() -> None:
    source = SyntheticEvents(events_in_order(World(1), 29_900_000, 10), DefectShares(), Channel.API, Random(1))
    assert len(source.take(500, _NOW)) == 500
