"""Hours and days, their keys and their S3 prefixes."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.partitions import (
    FIREHOSE_PREFIX,
    PartitionKeyError,
    day_key,
    day_of,
    days_between,
    hour_key,
    hour_of,
    hours_between,
    hours_of_day,
    landing_hour_of_key,
    landing_prefix,
    parse_day_key,
    parse_hour_key,
    settled_at,
)

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
moments = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001


@given(moments)
def test_an_hour_reads_back_from_its_key_and_from_its_prefix(moment: datetime) -> None:
    hour = hour_of(moment)
    assert hour <= moment < hour + timedelta(hours=1)
    assert parse_hour_key(hour_key(moment)) == hour
    assert landing_hour_of_key(landing_prefix(hour) + "object.gz") == hour


def test_the_prefix_is_what_firehose_writes() -> None:
    filled = FIREHOSE_PREFIX.replace("!{timestamp:yyyy-MM-dd}", "2026-11-22").replace("!{timestamp:HH}", "10")
    assert landing_prefix(TEN) == filled == "raw/landing_date=2026-11-22/landing_hour=10/"


def test_hours_are_utc_whatever_the_zone() -> None:
    assert hour_of(datetime(2026, 11, 22, 12, 59, tzinfo=timezone(timedelta(hours=2)))) == TEN


@pytest.mark.parametrize(
    "key", ["", "None", "2026-11-22", "2026-11-22T24", "2026-11-22T1", "2026-11-22T10:00", "２026-11-22T10"]
)
def test_what_is_no_hour_key_is_named_in_the_error(key: str) -> None:
    with pytest.raises(PartitionKeyError, match="is not an hour; write it like"):
        parse_hour_key(key)


def test_an_object_outside_a_landing_prefix_is_an_error() -> None:
    with pytest.raises(PartitionKeyError, match=r"errors/x\.gz"):
        landing_hour_of_key("errors/x.gz")


def test_a_naive_datetime_is_no_hour() -> None:
    with pytest.raises(PartitionKeyError, match="no time zone"):
        hour_of(TEN.replace(tzinfo=None))


def test_hours_between_leaves_the_end_out() -> None:
    assert list(hours_between(TEN, TEN + timedelta(hours=2))) == [TEN, TEN + timedelta(hours=1)]


def test_a_landing_hour_settles_a_buffer_interval_and_a_margin_after_its_end() -> None:
    assert settled_at(TEN, timedelta(seconds=60)) == TEN + timedelta(hours=1, minutes=3)


@given(moments)
def test_a_day_reads_back_from_its_key_and_holds_the_hours_that_lie_in_it(moment: datetime) -> None:
    day = day_of(moment)
    assert parse_day_key(day_key(day)) == day
    hours = list(hours_of_day(day))
    assert len(hours) == 24
    assert hour_of(moment) in hours
    assert {day_of(hour) for hour in hours} == {day}


def test_a_day_is_utc_whatever_the_zone() -> None:
    assert day_of(datetime(2026, 11, 23, 1, tzinfo=timezone(timedelta(hours=2)))) == date(2026, 11, 22)


@pytest.mark.parametrize("key", ["", "None", "2026-11-31", "20261122", "2026-11-22T10", "2026-W47-7", "２026-11-22"])
def test_what_is_no_day_key_is_named_in_the_error(key: str) -> None:
    with pytest.raises(PartitionKeyError, match="is not a day; write it like"):
        parse_day_key(key)


def test_days_between_leaves_the_end_out() -> None:
    assert list(days_between(date(2026, 11, 30), date(2026, 12, 2))) == [date(2026, 11, 30), date(2026, 12, 1)]
