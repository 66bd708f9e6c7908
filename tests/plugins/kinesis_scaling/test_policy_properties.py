"""What the policy keeps whatever comes: any traffic, delay, lost metrics, changes by others, orders that fail."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import settings as with_settings
from hypothesis import strategies as st

from benchmarks.scaling.stream_model import Move, Simulated, StreamModel, simulate
from benchmarks.scaling.traces import Trace
from kinesis_scaling.aws_limits import UPDATE_CALLS
from kinesis_scaling.scaling_decision import Action, ScalingDecision
from kinesis_scaling.scaling_policy import decide
from kinesis_scaling.scaling_settings import Settings
from kinesis_scaling.stream_state import StreamState, StreamStatus
from tests.benchmarks.scaling.traces import trace
from tests.plugins.kinesis_scaling.streams import calls, stream

MODEL = StreamModel()
demands = st.one_of(st.floats(0, 5), st.floats(0, 80), st.sampled_from([0.0, 1.0, 40.0]))
traces = st.lists(demands, min_size=3, max_size=40).map(trace)
bounds = st.tuples(st.integers(1, 20), st.integers(0, 60)).map(
    lambda pair: Settings(minimum_shards=pair[0], maximum_shards=pair[0] + pair[1])
)
models = st.builds(
    StreamModel,
    metric_delay=st.sampled_from([30, 90, 150, 600]).map(lambda seconds: timedelta(seconds=seconds)),
    lost_minutes=st.frozensets(st.integers(0, 200), max_size=60),
    foreign_changes=st.lists(st.tuples(st.integers(0, 12_000), st.integers(1, 90)), max_size=3).map(tuple),
    retry_for=st.sampled_from([timedelta(0), timedelta(minutes=5)]),
)


@dataclass
class Watched:
    """Our policy, whose every answer is kept; an order may be lost on its way, by its number."""

    settings: Settings
    lost_orders: frozenset[int] = frozenset()
    answers: list[tuple[StreamState, ScalingDecision]] = field(default_factory=list)

    def __call__(self, state: StreamState) -> Move | None:
        decision = decide(state, self.settings)
        self.answers.append((state, decision))
        if decision.action is Action.HOLD or len(self.answers) in self.lost_orders:
            return None
        return Move(action=decision.action, target=decision.target_shard_count, why=decision.explanation)


def check_each_answer(answers: list[tuple[StreamState, ScalingDecision]], settings: Settings) -> None:
    """Assert the rules that hold for one answer."""
    for state, decision in answers:
        open_shards, target = state.open_shard_count, decision.target_shard_count
        if decision.action is Action.HOLD:
            assert target == open_shards
            continue
        assert state.status is StreamStatus.ACTIVE
        assert min(settings.minimum_shards, open_shards) <= target <= max(settings.maximum_shards, open_shards - 1)
        assert decision.explanation
        # A move never leaves the bounds, and never goes the wrong way when the stream is outside them.
        assert target > open_shards or target >= settings.minimum_shards
        assert target < open_shards or target <= settings.maximum_shards


@with_settings(max_examples=25)
@given(traces, bounds, models, st.frozensets(st.integers(0, 300), max_size=40), st.integers(1, 64))
def test_no_limit_of_aws_and_no_bound_is_ever_broken(
    made: Trace, settings: Settings, model: StreamModel, lost_orders: frozenset[int], start: int
) -> None:
    policy = Watched(settings, lost_orders)
    outcome = simulate(made, policy, model, open_shards=start)
    assert outcome.refused_calls == 0
    check_each_answer(policy.answers, settings)


@with_settings(max_examples=4)
@given(st.lists(st.sampled_from([0.5, 3.0, 60.0]), min_size=26, max_size=26))
def test_never_more_than_ten_calls_in_any_24_hours(waves: list[float]) -> None:
    hours = [shards for wave in waves for shards in (wave, *[0.5] * 5)]
    outcome = simulate(trace(hours, minutes=10), Watched(Settings()), StreamModel(ask_every=timedelta(seconds=60)))
    made = [move.second for move in outcome.moves if move.move.action is Action.UPDATE_SHARD_COUNT]
    assert outcome.refused_calls == 0
    assert all(later - first >= 86_400 for first, later in zip(made, made[UPDATE_CALLS:], strict=False))


def directions(outcome: Simulated) -> list[int]:
    return [1 if made.move.target > made.open_shards else -1 for made in outcome.moves]


@with_settings(max_examples=6)
@given(st.floats(0, 64), st.integers(1, 100))
def test_steady_traffic_is_met_in_one_direction_and_then_left_alone(shards: float, start: int) -> None:
    outcome = simulate(trace([shards] * 72), Watched(Settings()), MODEL, open_shards=start)
    assert sum(before != after for before, after in pairwise(directions(outcome))) <= 1
    settled = 5 * 3600
    assert not [made for made in outcome.moves if made.second > settled]


@with_settings(max_examples=8)
@given(st.integers(0, 1_000_000), st.sampled_from([1.0, 5.0, 12.0, 30.0, 60.0]))
def test_noise_of_a_tenth_turns_the_direction_at_most_four_times_an_hour(seed: int, level: float) -> None:
    dice, hours = Random(seed), 5
    outcome = simulate(trace([level * dice.uniform(0.9, 1.1) for _ in range(12 * hours)]), Watched(Settings()), MODEL)
    turns = sum(before != after for before, after in pairwise(directions(outcome)))
    assert turns <= 4 * hours


def decided(state: StreamState) -> ScalingDecision:
    return decide(state, Settings())


@given(st.integers(1, 500), st.floats(0.1, 5_000), st.integers(0, 9))
def test_a_stream_too_small_by_far_takes_the_largest_step_there_is(open_shards: int, more: float, spent: int) -> None:
    accepted = float(open_shards)
    decision = decided(stream(open_shards, [accepted] * 10, throttled={-1: accepted + more}, update_calls=calls(spent)))
    assert decision.target_shard_count == 2 * open_shards
    # A split is faster than a call, and as good, for a stream of one shard.
    assert decision.action is (Action.SPLIT_SHARD if open_shards == 1 else Action.UPDATE_SHARD_COUNT)


def flash_crowd_seconds(make_policy: Callable[[], Watched]) -> list[tuple[int, int]]:
    quiet, crowd = [0.5] * 30, [40.0] * 30
    return list(simulate(trace([*quiet, 20.0, *crowd], minutes=1), make_policy(), MODEL).capacity)


def test_a_flash_crowd_of_40_shards_in_two_minutes_is_met_as_fast_as_doubling_allows() -> None:
    begins = 30 * 60
    changes = flash_crowd_seconds(lambda: Watched(Settings()))
    first, enough = changes[1][0], next(second for second, shards in changes if shards >= 40)
    # One metric minute, 90 seconds of delay, and then a split and five doublings, each asked for within 30 seconds.
    assert first <= begins + 60 + 90 + 45
    fastest = begins + 150 + 45 + sum(60 + 2 * shards for shards in (2, 4, 8, 16, 32))
    assert enough <= fastest + 6 * 30


@given(st.permutations(range(6)))
def test_the_same_state_gives_the_same_decision_whatever_was_asked_before(order: list[int]) -> None:
    states = [stream(size, [float(size)] * 30) for size in (1, 2, 5, 8, 20, 40)]
    first = [decided(state) for state in states]
    assert [decided(states[place]) for place in order] == [first[place] for place in order]
