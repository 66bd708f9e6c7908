from datetime import timedelta

import pytest

from benchmarks.scaling.stream_model import (
    LimitExceededError,
    Move,
    SimulatedStream,
    StreamModel,
    simulate,
    starting_shards,
)
from kinesis_scaling.errors import ScalingSettingsError
from kinesis_scaling.scaling_decision import Action
from kinesis_scaling.stream_state import StreamState, StreamStatus
from tests.benchmarks.scaling.traces import START, trace

MODEL = StreamModel()


def nothing(state: StreamState) -> Move | None:
    return None


class Once:
    """Orders one move at a given second of the trace, and remembers what it was shown."""

    def __init__(self, second: int, action: Action, target: int) -> None:
        self.second, self.move = second, Move(action=action, target=target)
        self.seen: list[StreamState] = []

    def __call__(self, state: StreamState) -> Move | None:
        self.seen.append(state)
        return self.move if len(self.seen) - 1 == self.second // 30 else None


def test_what_is_above_the_capacity_is_throttled() -> None:
    outcome = simulate(trace([1.0, 6.0, 2.0]), nothing, MODEL, open_shards=4)
    assert outcome.throttled_share == pytest.approx(2 / 9)
    assert outcome.lost_share == pytest.approx(2 / 9)
    assert outcome.shard_hours == pytest.approx(4 * 15 / 60)


def test_a_call_takes_effect_after_a_minute_and_two_seconds_for_each_shard() -> None:
    outcome = simulate(trace([1.0, 1.0]), Once(60, Action.UPDATE_SHARD_COUNT, 7), MODEL, open_shards=4)
    assert outcome.capacity == ((0, 4), (60 + 60 + 3 * 2, 7))
    assert outcome.shard_hours == pytest.approx((4 * 126 + 7 * 474) / 3600)


def test_a_merge_takes_45_seconds() -> None:
    outcome = simulate(trace([1.0]), Once(60, Action.MERGE_SHARDS, 3), MODEL, open_shards=4)
    assert outcome.capacity == ((0, 4), (105, 3))


def test_metrics_are_shown_90_seconds_after_their_minute() -> None:
    newest: list[tuple[int, int]] = []

    def watching(state: StreamState) -> Move | None:
        newest.append(((state.now - START).seconds, len(state.samples)))
        return None

    simulate(trace([5.0]), watching, MODEL, open_shards=4)
    assert newest == [(30 * ask, max(0, (30 * ask - 90) // 60)) for ask in range(10)]


def test_the_stream_is_updating_during_a_change() -> None:
    policy = Once(60, Action.UPDATE_SHARD_COUNT, 8)
    simulate(trace([5.0]), policy, MODEL, open_shards=4)
    updating = [place * 30 for place, state in enumerate(policy.seen) if state.status is StreamStatus.UPDATING]
    assert updating == [90, 120]


def test_a_minute_that_cloudwatch_lost_is_never_shown() -> None:
    policy = Once(0, Action.HOLD, 4)
    simulate(trace([1.0, 1.0]), policy, StreamModel(lost_minutes=frozenset({1})), open_shards=4)
    assert [(sample.minute.minute) for sample in policy.seen[-1].samples] == [0, 2, 3, 4, 5, 6, 7]


def test_somebody_elses_change_is_what_the_policy_sees_next() -> None:
    policy = Once(0, Action.HOLD, 4)
    simulate(trace([1.0]), policy, StreamModel(foreign_changes=((60, 9),)), open_shards=4)
    assert [state.open_shard_count for state in policy.seen[:4]] == [4, 4, 9, 9]


def test_producers_that_try_again_lose_nothing_once_there_is_room() -> None:
    demand, model = trace([4.4, 1.0]), StreamModel(retry_for=timedelta(minutes=5))
    outcome = simulate(demand, nothing, model, open_shards=4)
    assert outcome.throttled_share > 0.07
    assert outcome.lost_share == pytest.approx(0.0, abs=1e-4)


def test_producers_give_up_what_is_too_old() -> None:
    outcome = simulate(trace([8.0] * 6), nothing, StreamModel(retry_for=timedelta(minutes=5)), open_shards=4)
    assert 0.3 < outcome.lost_share < 0.5


def test_the_start_is_the_power_of_two_with_a_quarter_free() -> None:
    assert [starting_shards(trace([peak, 9.0])) for peak in (0.1, 0.75, 0.76, 3.0, 3.1)] == [1, 1, 2, 4, 8]


@pytest.mark.parametrize(
    ("action", "target"),
    [
        pytest.param(Action.UPDATE_SHARD_COUNT, 17, id="more-than-twice"),
        pytest.param(Action.UPDATE_SHARD_COUNT, 3, id="less-than-half"),
        pytest.param(Action.UPDATE_SHARD_COUNT, 8, id="no-change"),
        pytest.param(Action.SPLIT_SHARD, 10, id="two-splits-at-once"),
        pytest.param(Action.MERGE_SHARDS, 9, id="a-merge-that-grows"),
    ],
)
def test_the_stream_refuses_what_aws_refuses(action: Action, target: int) -> None:
    with pytest.raises(LimitExceededError):
        SimulatedStream(MODEL, 8).change(action, target, 0)


def test_the_eleventh_call_of_24_hours_is_refused() -> None:
    stream = SimulatedStream(MODEL, 8)
    for number in range(10):
        stream.change(Action.UPDATE_SHARD_COUNT, 9 if number % 2 == 0 else 8, number * 600)
        stream.settle(number * 600 + 100)
    with pytest.raises(LimitExceededError, match="10 calls"):
        stream.change(Action.UPDATE_SHARD_COUNT, 9, 86_399)
    stream.change(Action.UPDATE_SHARD_COUNT, 9, 86_400)


def test_a_busy_stream_refuses_every_order() -> None:
    stream = SimulatedStream(MODEL, 8)
    stream.change(Action.SPLIT_SHARD, 9, 0)
    with pytest.raises(LimitExceededError, match="UPDATING"):
        stream.change(Action.SPLIT_SHARD, 9, 44)


@pytest.mark.parametrize("name", ["update_seconds", "update_seconds_per_shard", "split_or_merge_seconds"])
def test_no_change_takes_less_than_no_time(name: str) -> None:
    with pytest.raises(ScalingSettingsError, match=f"{name} is -1; it must be at least 0"):
        StreamModel(**{name: -1})  # type: ignore[arg-type]
