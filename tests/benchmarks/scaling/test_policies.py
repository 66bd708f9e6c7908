import pytest

from benchmarks.scaling.policies import PUBLISHED, AwsSamples, Epsagon, ScalingUtils, Substation, TargetTracking
from benchmarks.scaling.stream_model import Policy, StreamModel, simulate
from tests.benchmarks.scaling.traces import trace


def changes(policy: Policy, demand: list[float], open_shards: int) -> list[tuple[int, int]]:
    """Return (minute of the order, target) of each move."""
    outcome = simulate(trace(demand), policy, StreamModel(), open_shards=open_shards)
    return [(made.second // 60, made.move.target) for made in outcome.moves]


def test_aws_samples_doubles_after_25_minutes_at_three_quarters() -> None:
    assert changes(AwsSamples(), [7.0] * 8, 8) == [(26, 16)]


def test_aws_samples_halves_after_five_hours_below_a_quarter() -> None:
    assert changes(AwsSamples(), [1.0] * 62, 8) == [(301, 4)]


def test_scaling_utils_grows_by_half_and_waits_15_minutes() -> None:
    assert changes(ScalingUtils(), [20.0] * 8, 8) == [(15, 12), (30, 18)]


def test_substation_grows_by_a_factor_of_its_size_after_five_minutes() -> None:
    assert changes(Substation(), [8.0] * 2, 8) == [(6, 14)]


def test_epsagon_grows_after_one_period_and_shrinks_after_a_day() -> None:
    assert changes(Epsagon(), [7.0, 7.0], 8) == [(6, 12)]
    assert changes(Epsagon(), [1.0] * 290, 8) == [(1441, 4), (1446, 2)]


def test_target_tracking_sees_what_is_throttled_and_keeps_60_percent() -> None:
    assert changes(TargetTracking(), [12.0], 8)[0] == (2, 16)


@pytest.mark.parametrize("name", PUBLISHED)
def test_no_published_policy_orders_what_our_stream_would_refuse_on_a_noisy_day(name: str) -> None:
    demand = [4.0 + place % 3 + 30 * (place % 100 > 90) for place in range(300)]
    outcome = simulate(trace(demand), PUBLISHED[name](), StreamModel())
    assert outcome.moves
    if name in ("scaling-utils", "target-tracking"):  # these count their calls; the others run into the limit
        assert outcome.refused_calls == 0
