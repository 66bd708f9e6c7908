"""Which hours are stale follows from versions alone."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.event_settings import EventSettings
from contracts.ledger import EventRow, LandedHour, LandingRow
from contracts.partitions import PartitionKeyError, hours_between, settled_at
from contracts.stages import EVENT_HOURS
from contracts.staleness import published_window, stale_keys, stale_landing_hours
from contracts.versions import RawObject, event_hour_input_version, landing_input_version
from pipeline.lake_status.hours import (
    last_settled_hour,
    published_together,
)
from pipeline.lake_status.reconcile import reconciled_range

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = (TEN - timedelta(hours=10), TEN + timedelta(hours=14))
OBJECTS = [RawObject(key="raw/landing_date=2026-11-22/landing_hour=10/a.gz", etag="e1", size=10)]


def stale_event_hours(
    start: datetime, end: datetime, landed_hours: list[LandedHour], made: list[EventRow]
) -> list[datetime]:
    return stale_keys(EVENT_HOURS.inputs(list(hours_between(start, end)), landed_hours), made)


def landed(hour: datetime, received: Mapping[datetime, int], version: str = "v1") -> LandedHour:
    return LandedHour(landing_hour=hour, input_version=version, received_by_event_hour=received)


def aggregated(hour: datetime, *landed_hours: LandedHour) -> EventRow:
    version = event_hour_input_version(hour, landed_hours)
    return EventRow(event_hour=hour, input_version=version, received=1, clean=1, duplicates=0)


def landing_row(objects: list[RawObject], *, settled: bool = True) -> LandingRow:
    return LandingRow(
        landing_hour=TEN,
        input_version=landing_input_version(objects),
        settled=settled,
        unreadable_objects=0,
        lines=0,
        received=0,
        rejected=0,
        received_by_event_hour={},
    )


def test_an_hour_that_received_its_first_event_is_stale() -> None:
    assert stale_event_hours(*DAY, [landed(TEN, {TEN: 1})], []) == [TEN]


def test_an_hour_without_any_event_is_not_stale() -> None:
    assert stale_event_hours(*DAY, [landed(TEN, {}), landed(TEN + HOUR, {TEN: 0})], []) == []


def test_an_hour_made_from_what_is_there_is_not_stale() -> None:
    landing = landed(TEN, {TEN: 3})

    assert stale_event_hours(*DAY, [landing], [aggregated(TEN, landing)]) == []


def test_a_late_event_makes_its_hour_and_the_next_stale_and_no_other() -> None:
    on_time = [landed(TEN + n * HOUR, {TEN + n * HOUR: 5}) for n in range(4)]
    made = [aggregated(TEN + n * HOUR, *on_time) for n in range(4)]
    late = landed(TEN + 5 * HOUR, {TEN + HOUR: 1})

    assert stale_event_hours(*DAY, [*on_time, late], made) == [TEN + HOUR, TEN + 2 * HOUR]


def test_an_hour_that_lost_all_its_events_is_stale() -> None:
    before, after = landed(TEN, {TEN: 3}), landed(TEN, {}, version="v2")

    assert stale_event_hours(*DAY, [after], [aggregated(TEN, before)]) == [TEN]


def test_hours_outside_the_window_are_left_to_others() -> None:
    start, end = published_window(TEN)
    far = landed(TEN, {TEN - 3 * HOUR: 1, TEN - 2 * HOUR: 1, TEN + HOUR: 1, TEN + 2 * HOUR: 1})

    assert stale_event_hours(start, end, [far], []) == [TEN - 2 * HOUR, TEN + HOUR]


def test_an_hour_is_made_together_with_all_that_one_landing_hour_publishes() -> None:
    start, end = published_window(TEN)

    for hour in hours_between(start, end):
        first, after = published_together(hour)
        assert first <= start
        assert end <= after


@pytest.mark.parametrize(
    ("objects", "row", "expected"),
    [
        pytest.param(OBJECTS, None, [TEN], id="never-made"),
        pytest.param(OBJECTS, landing_row(OBJECTS), [], id="made-from-the-same-objects"),
        pytest.param(OBJECTS, landing_row([]), [TEN], id="an-object-came-late"),
        pytest.param([], landing_row(OBJECTS), [TEN], id="objects-are-gone"),
        pytest.param(OBJECTS, landing_row(OBJECTS, settled=False), [TEN], id="made-while-open"),
        pytest.param([], None, [], id="nothing-ever-landed"),
    ],
)
def test_a_landing_hour_is_stale_if_its_objects_are_not_those_it_was_made_from(
    objects: list[RawObject], row: LandingRow | None, expected: list[datetime]
) -> None:
    listing = {TEN: objects} if objects else {}

    assert stale_landing_hours([TEN], listing, [row] if row else []) == expected


def test_an_hour_that_was_made_before_addresses_were_to_be_kept_is_stale() -> None:
    assert stale_landing_hours(
        [TEN], {TEN: OBJECTS}, [landing_row(OBJECTS)], EventSettings(keep_ip_addresses=True)
    ) == [TEN]


@given(since=st.timedeltas(min_value=timedelta(), max_value=timedelta(days=400)))
def test_the_last_settled_hour_is_settled_and_the_next_is_not(since: timedelta) -> None:
    now, buffer = TEN + since, timedelta(minutes=5)
    hour = last_settled_hour(now, buffer)

    assert settled_at(hour, buffer) <= now < settled_at(hour + HOUR, buffer)


def test_by_default_the_last_eight_days_are_reconciled() -> None:
    first, last = reconciled_range(None, None, TEN)

    assert (first, last) == (TEN - timedelta(days=8), TEN)


def test_a_range_given_by_hand_is_taken_as_it_is() -> None:
    given_range = reconciled_range("2026-11-01T00", "2026-11-02T23", TEN)

    assert given_range == (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, 23, tzinfo=UTC))


def test_a_range_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(PartitionKeyError, match="2026-11-02T00"):
        reconciled_range("2026-11-02T00", "2026-11-01T00", TEN)
