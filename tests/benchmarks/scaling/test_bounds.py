"""Bounds of what a policy can do: the cheapest plan, and the least loss to the worst jump."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.scaling.bounds import bound_of_jump, detection_bound, optimal_plan, shards_needed_before
from benchmarks.scaling.policies import run_on_demand
from benchmarks.scaling.stream_model import Move, StreamModel, simulate
from benchmarks.scaling.traces import load_trace
from kinesis_scaling.scaling_decision import Action
from kinesis_scaling.stream_state import StreamState, StreamStatus
from tests.benchmarks.scaling.traces import START, trace

TRACES = Path(__file__).parents[2] / "data" / "traffic_traces"
ONCE = StreamModel()
RETRIES = StreamModel(retry_for=timedelta(minutes=5))


def test_until_the_first_minute_is_published_nothing_changes_and_then_the_climb_takes_its_time() -> None:
    """From 2 to 4 shards: a split gives the third after 45 s, a call both after 64 s; steps of 5 s round up."""
    jump = trace([1.0] * 3 + [4.0] * 2)
    bound = detection_bound(jump, ONCE, shards_before=2)
    assert bound is not None
    assert (bound.time, bound.interval) == (START + timedelta(minutes=15), 3)
    assert (bound.demand_before, bound.demand, bound.unseen_seconds) == (1.0, 4.0, 150)
    assert bound.lost_share * sum(jump.demand) * 300 == pytest.approx(2 * 190 + 1 * (210 - 190))


def test_later_metrics_and_slower_resharding_cost_more() -> None:
    jump = trace([1.0] * 3 + [4.0] * 2)
    late = replace(ONCE, metric_delay=timedelta(seconds=190))
    slow = replace(ONCE, update_seconds_per_shard=12, split_or_merge_seconds=300)
    losses = [bound_of_jump(jump, model, 3, 2).lost_share * sum(jump.demand) * 300 for model in (ONCE, late, slow)]
    assert losses == pytest.approx([400, 2 * 290 + 20, 2 * 220 + 10])


def test_producers_that_try_again_lose_less_and_least_if_they_send_the_oldest_first() -> None:
    jump = trace([1.0] * 3 + [40.0, 4.0, 1.0, 1.0])
    given_up = bound_of_jump(jump, ONCE, 3, 2)
    tried_again = bound_of_jump(jump, RETRIES, 3, 2)
    assert given_up.lost_share == given_up.lost_share_oldest_first
    assert 0 < tried_again.lost_share_oldest_first < tried_again.lost_share < given_up.lost_share


def test_oldest_first_loses_exactly_what_room_was_missing_for_within_five_minutes() -> None:
    """Nothing is added: two shards take the oldest for the jump's five minutes, and for those of its last records."""
    never = replace(RETRIES, update_seconds=10_000, split_or_merge_seconds=10_000)
    bound = bound_of_jump(trace([1.0, 10.0, 0.0, 0.0, 0.0]), never, 1, 2)
    assert bound.lost_share_oldest_first * 11 * 300 == pytest.approx(10 * 300 - 2 * (300 + 295))


def test_the_jump_that_costs_most_is_the_one_that_counts() -> None:
    bound = detection_bound(trace([1.0, 3.0, 1.0, 9.0, 1.0, 5.0]), RETRIES, shards_before=2)
    assert bound is not None
    assert bound.interval == 3


@pytest.mark.parametrize("shards", [4, 5], ids=["just-enough", "more"])
def test_a_policy_that_holds_enough_loses_nothing_to_any_jump(shards: int) -> None:
    assert detection_bound(trace([1.0, 4.0, 1.0]), RETRIES, shards) is None


def test_the_shards_needed_are_the_fewest_that_keep_the_goal() -> None:
    jump = trace([2.0] * 3 + [40.0, 9.0] + [2.0] * 40)
    needed = shards_needed_before(jump, RETRIES, 3, 0.01)
    assert 2 < needed < 40
    losses = [bound_of_jump(jump, RETRIES, 3, shards).lost_share for shards in (needed, needed - 1)]
    assert losses[0] <= 0.01 < losses[1]


class KnowsAllFromTheFirstMinuteOn:
    """Doubles (or splits a single shard) at every moment it may, from the first sample above `held` on."""

    def __init__(self, held: int) -> None:
        self.held = held

    def __call__(self, state: StreamState) -> Move | None:
        shards = state.open_shard_count
        seen = any((sample.demand or 0.0) > self.held for sample in state.samples)
        if not seen or state.status is not StreamStatus.ACTIVE or shards > 400:
            return None
        action = Action.SPLIT_SHARD if shards == 1 else Action.UPDATE_SHARD_COUNT
        return Move(action=action, target=2 * shards)


@settings(max_examples=40)
@given(
    held=st.integers(1, 12),
    before=st.lists(st.floats(0, 0.99), min_size=1, max_size=4),
    jump=st.floats(1.2, 30),
    after=st.lists(st.floats(0, 2), min_size=1, max_size=6),
    retry_minutes=st.sampled_from([0, 2, 5]),
)
def test_no_policy_that_learns_from_metrics_loses_less(
    held: int, before: list[float], jump: float, after: list[float], retry_minutes: int
) -> None:
    made = trace([share * held for share in (*before, jump, *after)])
    model = StreamModel(retry_for=timedelta(minutes=retry_minutes))
    bound = bound_of_jump(made, model, len(before), held)
    outcome = simulate(made, KnowsAllFromTheFirstMinuteOn(held), model, open_shards=held)
    assert bound.lost_share_oldest_first <= bound.lost_share + 1e-9
    assert bound.lost_share <= outcome.lost_share + 1e-9


def test_the_recorded_jump_costs_what_the_documentation_says() -> None:
    mentions = load_trace(TRACES / "twitter_volume_amzn.csv.gz").scaled_to_peak(64)
    worst = detection_bound(mentions, RETRIES, 6)
    assert worst is not None
    assert (worst.lost_share, worst.lost_share_oldest_first) == pytest.approx((0.000895, 0.000287), abs=5e-7)
    assert bound_of_jump(mentions, RETRIES, worst.interval, 10).lost_share == pytest.approx(0.000630, abs=5e-7)
    assert shards_needed_before(mentions, RETRIES, worst.interval, 0.0001) == 27


@settings(max_examples=25)
@given(st.lists(st.floats(0, 40), min_size=2, max_size=60))
def test_the_optimal_plan_throttles_nothing_and_keeps_every_limit(demand: list[float]) -> None:
    made = trace([1.0, *demand], minutes=60)
    climbs = all(after <= 2 * max(1.0, before) for before, after in pairwise(made.demand))
    plan = optimal_plan(made, StreamModel())
    shards = plan.open_shards
    assert all(count >= wanted for count, wanted in zip(shards, made.demand, strict=True)) or not climbs
    assert all((before + 1) // 2 <= after <= 2 * before for before, after in pairwise(shards))
    calls = [place for place, (before, after) in enumerate(pairwise(shards)) if before != after]
    assert all(later - first >= 24 for first, later in zip(calls, calls[10:], strict=False))


def test_the_optimal_plan_holds_the_shards_of_two_peaks_rather_than_spend_calls_it_has_not() -> None:
    busy = trace([1.0, 2.0] * 144)
    plan = optimal_plan(busy, StreamModel())
    assert plan.update_calls <= 10
    assert 1.5 * 24 < plan.shard_hours <= 2 * 24


def test_on_demand_takes_twice_the_peak_of_the_past_and_throttles_what_comes_sooner() -> None:
    outcome = run_on_demand(trace([2.0] * 6 + [10.0] * 6 + [20.0] * 2))
    assert outcome.room[:9] == (4.0,) * 9
    assert outcome.room[9:] == (20.0,) * 5
    assert outcome.throttled_share == pytest.approx(3 * 6.0 / 112)


def test_on_demand_bills_by_the_hour_and_by_the_gigabyte() -> None:
    hour = trace([1.0] * 12)
    assert hour.interval == timedelta(minutes=5)
    assert run_on_demand(hour).dollars == pytest.approx(0.04 + 3.6e6 * 1024 / 2**30 * (0.08 + 0.04))
