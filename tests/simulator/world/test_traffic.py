"""Shapes are pure functions, and the pace follows them."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import BadArgumentError
from simulator.world.traffic import (
    LINGER_SECONDS,
    WHOLE_SESSIONS,
    Pace,
    PaceSettings,
    Shape,
    batch_due,
    daily_wave,
    events_per_minute,
    minute_factors,
    rate_factor,
)


def test_the_wave_has_mean_one_and_is_highest_in_the_evening() -> None:
    factors = list(minute_factors(Shape.WAVE, first_minute_of_day=0, minutes=1_440))
    assert sum(factors) / len(factors) == pytest.approx(1.0)
    assert factors.index(max(factors)) // 60 in (19, 20)
    assert factors.index(min(factors)) // 60 in (3, 4)


@given(st.floats(0, 86_400))
def test_the_wave_has_no_jumps_not_even_at_midnight(second: float) -> None:
    assert abs(daily_wave(second) - daily_wave(second + 60)) < 0.01


@given(st.sampled_from(Shape), st.floats(0, 86_400), st.floats(0, 1))
def test_no_shape_is_ever_negative(shape: Shape, second_of_day: float, progress: float) -> None:
    assert rate_factor(shape, second_of_day=second_of_day, progress=progress) >= 0


def test_a_ramp_rises_from_nothing_to_twice_the_rate() -> None:
    factors = [rate_factor(Shape.RAMP, second_of_day=0, progress=step / 10) for step in range(11)]
    assert factors == sorted(factors)
    assert (factors[0], factors[-1]) == (0.0, 2.0)


@given(
    st.lists(st.floats(0.1, 10), min_size=1, max_size=300),
    st.integers(0, 1_000_000),
)
def test_minutes_share_exactly_the_total_in_proportion(factors: list[float], total: int) -> None:
    counts = events_per_minute(factors, total)
    assert sum(counts) == total
    shares = [total * factor / sum(factors) for factor in factors]
    for share, given_so_far in zip(accumulate(shares), accumulate(counts), strict=True):
        assert -0.51 <= share - given_so_far < WHOLE_SESSIONS
    if min(shares) > WHOLE_SESSIONS:
        assert all(abs(count - share) <= 1.01 for share, count in zip(shares, counts, strict=True))


def test_low_traffic_comes_in_bursts_in_which_sessions_are_whole() -> None:
    counts = events_per_minute([1.0] * 10_000, 1_010)
    assert sum(counts) == 1_010
    assert set(counts[:-1]) == {0, WHOLE_SESSIONS}


def test_the_pace_is_rate_times_seconds_however_often_it_is_asked() -> None:
    often, once = (Pace(PaceSettings(rate=100), 0.0) for _ in range(2))
    for tick in range(1, 1_000):
        often.due(tick / 100)
    assert abs(often.due(10.0) - 1_000) <= 1
    assert abs(once.due(10.0) - 1_000) <= 1


def test_a_sped_up_wave_passes_a_day_in_its_part_of_the_time() -> None:
    pace = Pace(PaceSettings(rate=10, shape=Shape.WAVE, speedup=3_600), second_of_day=0.0)
    morning, whole = pace.due(6.0), pace.due(24.0)
    assert abs(whole - 240) <= 1
    assert morning < whole / 6


def test_a_spike_is_ten_times_the_rate_in_the_middle_of_the_run() -> None:
    pace = Pace(PaceSettings(rate=10, shape=Shape.SPIKE, length=100.0), second_of_day=0.0)
    before, after = pace.due(46.0), pace.due(54.0)
    assert after - before == pytest.approx(800, abs=2)


@pytest.mark.parametrize(
    ("shape", "rate", "message"),
    [
        (Shape.WAVE, 0.0, "--shape wave needs a --rate above 0"),
        (Shape.RAMP, 5.0, "give --duration or --events"),
        (Shape.SPIKE, 5.0, "give --duration or --events"),
    ],
)
def test_a_shape_without_what_it_needs_is_refused(shape: Shape, rate: float, message: str) -> None:
    with pytest.raises(BadArgumentError, match=message):
        PaceSettings(rate=rate, shape=shape)


def test_a_batch_waits_until_it_is_full_or_has_lingered() -> None:
    assert batch_due(due=99, taken=0, batch_size=100, waited=0.5) == 0
    assert batch_due(due=100, taken=0, batch_size=100, waited=0.0) == 100
    assert batch_due(due=350, taken=100, batch_size=100, waited=0.0) == 100
    assert batch_due(due=7, taken=4, batch_size=100, waited=LINGER_SECONDS) == 3
    assert batch_due(due=4, taken=4, batch_size=100, waited=10.0) == 0
