"""The contract's timestamps, strictly: two patterns and the real calendar."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.world.event_time import epoch_us, format_event_time, moment_of, parse_event_time


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2021-07-12 12:01:58", datetime(2021, 7, 12, 12, 1, 58, tzinfo=UTC)),
        ("2021-07-12 12:01:58.7", datetime(2021, 7, 12, 12, 1, 58, 700_000, tzinfo=UTC)),
        ("2021-07-12 12:01:58.732726", datetime(2021, 7, 12, 12, 1, 58, 732_726, tzinfo=UTC)),
        ("2021-07-12T12:01:58Z", datetime(2021, 7, 12, 12, 1, 58, tzinfo=UTC)),
        ("2021-07-12t12:01:58.123456789z", datetime(2021, 7, 12, 12, 1, 58, 123_456, tzinfo=UTC)),
        ("2021-07-12 12:01:58+02:00", datetime(2021, 7, 12, 10, 1, 58, tzinfo=UTC)),
        ("2021-07-12T00:01:58-23:59", datetime(2021, 7, 13, 0, 0, 58, tzinfo=UTC)),
        ("2024-02-29 00:00:00", datetime(2024, 2, 29, tzinfo=UTC)),
        ("0001-01-01 00:00:00", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31 23:59:59.999999", datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
    ],
)
def test_a_timestamp_of_either_pattern_is_its_moment(text: str, moment: datetime) -> None:
    assert parse_event_time(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2021-07-12",
        "2021-07-12T12:01:58",
        "2021-07-12 12:01",
        "2021-07-12 12:01:58.",
        "2021-07-12 12:01:58.1234567",
        "2021-07-12T12:01:58.1234567890Z",
        "2021-07-12 12:01:58 ",
        "2021-07-12 12:01:58\n",
        " 2021-07-12 12:01:58",
        "2021-07-12 12:01:58+0200",
        "2021-07-12 12:01:58+24:00",
        "2021-07-12 12:01:58+02:60",
        "2021-02-29 12:01:58",
        "2021-13-01 12:01:58",
        "2021-00-10 12:01:58",
        "2021-07-12 24:00:00",
        "2021-07-12 12:60:00",
        "2021-07-12 23:59:60",
        "0000-01-01 00:00:00",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "٢٠٢١-٠٧-١٢ 12:01:58",
        "1626091318",
    ],
)
def test_anything_else_is_no_timestamp(text: str) -> None:
    assert parse_event_time(text) is None


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_formatted_moment_is_read_back(moment: datetime) -> None:
    at = epoch_us(moment)
    assert moment_of(at) == moment
    assert parse_event_time(format_event_time(at)) == moment
