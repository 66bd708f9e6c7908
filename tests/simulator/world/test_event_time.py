"""The contract's timestamps, strictly: two patterns and the real calendar."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from contracts.timestamps import parse_timestamp
from simulator.world.event_time import epoch_us, format_event_time, moment_of


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_formatted_moment_is_read_back(moment: datetime) -> None:
    at = epoch_us(moment)
    assert moment_of(at) == moment
    assert parse_timestamp(format_event_time(at)) == moment
