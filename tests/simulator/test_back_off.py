"""Waiting before another try: full jitter, the server's word, and two bounds."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.back_off import BackOff, retry_after_seconds

_NOW = datetime(2026, 11, 20, 10, 0, 0, tzinfo=UTC)


@given(tries=st.integers(1, 10_000), share=st.floats(0, 1, exclude_max=True))
def test_a_delay_lies_between_nothing_and_the_doubling_bound(tries: int, share: float) -> None:
    delay = BackOff(first_seconds=0.1, longest_seconds=10).delay(tries, None, lambda: share)
    assert 0 <= delay <= min(10.0, 0.1 * 2.0 ** min(tries - 1, 30))


def test_the_bound_doubles_with_each_try_up_to_the_longest() -> None:
    back_off = BackOff(first_seconds=1, longest_seconds=10)
    assert [back_off.delay(tries, None, lambda: 1.0) for tries in (1, 2, 3, 4, 5, 6)] == [1, 2, 4, 8, 10, 10]


@given(retry_after=st.floats(0, 100), share=st.floats(0, 1))
def test_a_delay_is_never_shorter_than_the_server_asked_for(retry_after: float, share: float) -> None:
    assert BackOff().delay(3, retry_after, lambda: share) >= retry_after


def test_it_gives_up_after_so_many_tries_or_so_long() -> None:
    back_off = BackOff(max_tries=3, give_up_seconds=60)
    assert not back_off.gives_up(2, 59)
    assert back_off.gives_up(3, 0)
    assert back_off.gives_up(1, 60.1)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("Fri, 20 Nov 2026 10:00:30 GMT", 30.0),
        ("Fri, 20 Nov 2026 09:00:00 GMT", 0.0),
        ("soon", None),
        ("-3", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_nonsense_is_nothing(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header, _NOW) == seconds
