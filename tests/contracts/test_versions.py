"""Versions: equal inputs have equal versions, and every change of an input changes its version."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from contracts.ledger import LandedHour
from contracts.partitions import DAY, LONGEST_DELIVERY, day_of, days_between, hour_of
from contracts.rules import ALLOWED_CLOCK_SKEW, ALLOWED_LATENESS
from contracts.stages import DAYS
from contracts.versions import (
    RawObject,
    event_hour_input_version,
    event_hours_fed_by,
    landing_hours_feeding,
    landing_input_version,
)

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
objects = st.lists(st.builds(RawObject, key=st.text(), etag=st.text(), size=st.integers(0)), max_size=4, unique=True)


def landed(hour: datetime, version: str, **received: int) -> LandedHour:
    fed = {hour_of(TEN + int(offset.removeprefix("h")) * HOUR): rows for offset, rows in received.items()}
    return LandedHour(landing_hour=hour, input_version=version, received_by_event_hour=fed)


@given(objects, st.randoms())
def test_a_landing_version_does_not_depend_on_the_order_of_the_listing(listed: list[RawObject], random: object) -> None:
    shuffled = list(listed)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert landing_input_version(listed) == landing_input_version(shuffled)


@given(objects, objects)
def test_different_listings_have_different_versions(one: list[RawObject], other: list[RawObject]) -> None:
    assert (landing_input_version(one) == landing_input_version(other)) == (set(one) == set(other))


def test_an_event_hour_changes_with_what_feeds_it_or_the_hour_before_and_with_nothing_else() -> None:
    base = [landed(TEN, "a", h0=5), landed(TEN - HOUR, "b", **{"h-1": 7})]
    version = event_hour_input_version(TEN, base)
    assert event_hour_input_version(TEN, reversed(base)) == version
    assert event_hour_input_version(TEN, [*base, landed(TEN + HOUR, "c", h1=3)]) == version
    assert event_hour_input_version(TEN, [*base, landed(TEN + HOUR, "c", h0=0)]) == version
    assert event_hour_input_version(TEN, [*base, landed(TEN + HOUR, "c", h0=1)]) != version
    assert event_hour_input_version(TEN, [landed(TEN, "a", h0=6), base[1]]) != version, "transformed by a repaired rule"
    assert event_hour_input_version(TEN, [landed(TEN, "a", h0=5), landed(TEN - HOUR, "B", **{"h-1": 7})]) != version


@given(
    event_time=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    lateness=st.timedeltas(-ALLOWED_CLOCK_SKEW, ALLOWED_LATENESS),
    delivery=st.timedeltas(timedelta(0), LONGEST_DELIVERY),
)
def test_an_event_is_looked_for_wherever_it_can_land_and_all_that_it_can_change_is_looked_at(
    event_time: datetime, lateness: timedelta, delivery: timedelta
) -> None:
    landing_hour = hour_of(event_time + lateness - delivery)
    event_hours = (hour_of(event_time), hour_of(event_time) + HOUR)
    for event_hour in event_hours:
        first, end = landing_hours_feeding(event_hour)
        assert first <= landing_hour < end
        first, end = event_hours_fed_by(landing_hour, landing_hour + HOUR)
        assert first <= event_hour < end
    for day in days_between(day_of(event_hours[0]) - DAY, day_of(event_hours[1]) + 2 * DAY):
        first_day, end_day = DAYS.fed_by_landing(landing_hour, landing_hour + HOUR)
        assert first_day <= day < end_day


@given(hours=st.integers(-300, 300), length=st.integers(1, 50))
def test_the_two_directions_of_feeding_agree(hours: int, length: int) -> None:
    event_hour, start, end = TEN + hours * HOUR, TEN, TEN + length * HOUR
    feeding_from, feeding_to = landing_hours_feeding(event_hour)
    fed_from, fed_to = event_hours_fed_by(start, end)
    assert (fed_from <= event_hour < fed_to) == (feeding_from < end and start < feeding_to)


def test_a_range_of_event_hours_is_fed_by_all_that_feeds_one_of_them() -> None:
    every = [landing_hours_feeding(TEN + number * HOUR) for number in range(5)]
    assert landing_hours_feeding(TEN, TEN + 4 * HOUR) == (min(every)[0], max(every)[1])


def test_days_fed_by_a_landing_hour_reach_from_the_lateness_before_it_to_its_newest_arrival() -> None:
    assert DAYS.fed_by_landing(TEN, TEN + HOUR) == (date(2026, 11, 14), date(2026, 11, 27))
