from datetime import timedelta

import pytest

from kinesis_scaling.scaling_decision import Action, Reason
from kinesis_scaling.scaling_policy import decide
from kinesis_scaling.scaling_settings import ScheduledFloor, Settings
from kinesis_scaling.stream_state import MinuteSample, ShardLoad, StreamState, StreamStatus
from tests.plugins.kinesis_scaling.streams import LATEST, NOW, calls, minutes, stream

QUIET = [1.0] * 120


def test_throttled_records_count_as_demand_so_a_full_stream_doubles() -> None:
    decision = decide(stream(8, [*QUIET, 8.0], throttled={-1: 22.0}), Settings())
    assert decision.action is Action.UPDATE_SHARD_COUNT
    assert decision.reason is Reason.DEMAND
    assert decision.target_shard_count == 16
    assert decision.planned_steps == (16, 32, 56)
    assert decision.evidence.demand == pytest.approx(30.0)
    assert decision.evidence.write_utilization == pytest.approx(3.75)
    assert decision.explanation == (
        "demand is 30.0 shards, 73% of it throttled: 375% of the 8 open; 54 wanted; "
        "8 → 16 → 32 → 56, call 1 of 10 in 24 h"
    )


def test_the_price_is_what_the_move_adds_to_an_hour() -> None:
    decision = decide(stream(8, [*QUIET, 8.0], throttled={-1: 22.0}), Settings(shard_hour_dollars=0.5))
    assert decision.dollars_per_hour == 4.0


def test_a_stream_that_has_what_it_wants_is_left_alone() -> None:
    decision = decide(stream(4, [2.0] * 240), Settings())
    assert (decision.action, decision.reason) == (Action.HOLD, Reason.ENOUGH)
    assert not decision.worth_recording


def test_a_small_move_up_is_a_split() -> None:
    decision = decide(stream(4, [*QUIET, 3.2]), Settings())
    assert (decision.action, decision.target_shard_count) == (Action.SPLIT_SHARD, 5)


def test_one_shard_becomes_two_by_a_split_which_is_faster_than_a_call() -> None:
    decision = decide(stream(1, [0.2, 0.2, 1.0], throttled={-1: 39.0}), Settings())
    assert (decision.action, decision.target_shard_count) == (Action.SPLIT_SHARD, 2)


def test_bytes_count_where_they_need_more_shards_than_records() -> None:
    sample = MinuteSample(minute=LATEST, incoming_records=60_000, incoming_bytes=300_000_000, throttled_records=60_000)
    assert sample.accepted == pytest.approx(5.0)
    assert sample.demand == pytest.approx(10.0)


def test_with_the_ten_calls_spent_a_spike_is_met_with_splits() -> None:
    decision = decide(stream(8, [*QUIET, 8.0], throttled={-1: 22.0}, update_calls=calls(10)), Settings())
    assert (decision.action, decision.target_shard_count) == (Action.SPLIT_SHARD, 9)
    assert "all 10 UpdateShardCount calls" in decision.explanation


def test_a_call_older_than_a_day_is_no_longer_counted() -> None:
    spent = (*calls(9), NOW - timedelta(hours=24))
    decision = decide(stream(8, [*QUIET, 8.0], throttled={-1: 22.0}, update_calls=spent), Settings())
    assert decision.action is Action.UPDATE_SHARD_COUNT
    assert decision.evidence.calls_left == 1


def test_a_call_of_almost_a_day_ago_still_counts() -> None:
    spent = (*calls(9), NOW - timedelta(hours=23, minutes=59))
    decision = decide(stream(8, [*QUIET, 8.0], throttled={-1: 22.0}, update_calls=spent), Settings())
    assert (decision.action, decision.evidence.calls_left) == (Action.SPLIT_SHARD, 0)


def test_growth_that_is_not_urgent_leaves_the_reserve_of_calls() -> None:
    recently_high = [*QUIET, *[20.0] * 10, *[8.0] * 30]
    free = decide(stream(20, recently_high, update_calls=calls(2)), Settings())
    kept = decide(stream(20, recently_high, update_calls=calls(3)), Settings())
    assert (free.action, free.reason) == (Action.UPDATE_SHARD_COUNT, Reason.RECENT_PEAK)
    assert (kept.action, kept.target_shard_count) == (Action.SPLIT_SHARD, 21)


def test_a_quiet_stream_gives_its_shards_back_one_merge_at_a_time() -> None:
    decision = decide(stream(8, [2.0] * 240), Settings())
    assert (decision.action, decision.reason, decision.target_shard_count) == (Action.MERGE_SHARDS, Reason.EXCESS, 7)
    assert decision.planned_steps == (7, 6, 5, 4)
    assert decision.dollars_per_hour == pytest.approx(-0.015)


def test_an_excess_of_a_twentieth_is_left_where_it_is() -> None:
    near = decide(stream(40, [21.5] * 240), Settings())
    far = decide(stream(40, [20.5] * 240), Settings())
    assert (near.action, near.evidence.wanted_shards) == (Action.HOLD, 39)
    assert (far.action, far.evidence.wanted_shards) == (Action.MERGE_SHARDS, 37)


def test_much_excess_goes_by_one_call_at_most_by_half() -> None:
    decision = decide(stream(41, [2.0] * 240), Settings())
    assert (decision.action, decision.target_shard_count) == (Action.UPDATE_SHARD_COUNT, 21)


def test_the_calls_for_the_way_up_are_not_spent_on_the_way_down() -> None:
    decision = decide(stream(40, [2.0] * 240, update_calls=calls(5)), Settings())
    assert (decision.action, decision.target_shard_count) == (Action.MERGE_SHARDS, 39)


def test_a_peak_holds_its_shards_while_it_is_remembered_and_less_of_them_as_it_ages() -> None:
    wanted = [
        decide(stream(20, [*QUIET, 10.0, *[1.0] * age]), Settings()).evidence.wanted_shards for age in (1, 75, 190, 201)
    ]
    assert wanted == [18, 15, 13, 2]


def test_refused_records_are_remembered_for_minutes_only_since_retries_inflate_them() -> None:
    spike = {-20: 50.0}
    remembered = decide(stream(20, [*[4.0] * 240], throttled=spike), Settings())
    assert remembered.evidence.wanted_shards == 8
    fresh = decide(stream(20, [*[4.0] * 240], throttled={-10: 50.0}), Settings())
    assert fresh.evidence.wanted_shards > 54


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        pytest.param({"consumer_lag": timedelta(minutes=6)}, Reason.CONSUMER_LAG, id="a-consumer-lags"),
        pytest.param({"update_calls": (NOW - timedelta(minutes=14),)}, Reason.SETTLING, id="a-call-was-just-made"),
        pytest.param({"throttled": {-1: 0.1}}, Reason.STILL_THROTTLING, id="records-are-refused"),
        pytest.param({"now": NOW + timedelta(minutes=10)}, Reason.PATCHY_METRICS, id="metrics-are-old"),
    ],
)
def test_nothing_is_taken_away_while(given: dict[str, object], reason: Reason) -> None:
    decision = decide(stream(8, [2.0] * 240, **given), Settings())
    assert (decision.action, decision.reason) == (Action.HOLD, reason)
    assert decision.worth_recording


def test_missing_minutes_are_never_zero_so_a_silent_hour_takes_nothing_away() -> None:
    decision = decide(stream(8, [*[2.0] * 180, *[None] * 50, *[2.0] * 5]), Settings())
    assert (decision.action, decision.reason) == (Action.HOLD, Reason.PATCHY_METRICS)


def test_a_minute_without_puts_is_quiet_if_the_reads_of_that_minute_are_there() -> None:
    silent = [MinuteSample(minute=LATEST - timedelta(minutes=age), reads_seen=True) for age in range(239, -1, -1)]
    decision = decide(stream(8, [], samples=silent), Settings())
    assert (decision.action, decision.reason) == (Action.MERGE_SHARDS, Reason.EXCESS)
    assert decision.evidence.demand == 0.0


def test_without_any_metrics_the_open_shards_stay() -> None:
    for samples in ([], minutes([None] * 30)):
        decision = decide(stream(8, [], samples=samples), Settings(minimum_shards=2))
        assert (decision.action, decision.reason) == (Action.HOLD, Reason.NO_METRICS)


def test_the_minimum_needs_no_metrics() -> None:
    decision = decide(stream(2, [], samples=[]), Settings(minimum_shards=4))
    assert (decision.action, decision.reason, decision.target_shard_count) == (Action.SPLIT_SHARD, Reason.MINIMUM, 3)


@pytest.mark.parametrize("status", [StreamStatus.UPDATING, StreamStatus.CREATING, StreamStatus.DELETING])
def test_a_stream_that_is_not_active_is_left_alone(status: StreamStatus) -> None:
    decision = decide(stream(8, [*QUIET, 8.0], throttled={-1: 22.0}, status=status), Settings())
    assert (decision.action, decision.reason) == (Action.HOLD, Reason.STREAM_BUSY)


def test_the_maximum_is_never_passed_and_a_demand_above_it_is_said() -> None:
    settings = Settings(maximum_shards=12)
    rising = decide(stream(8, [*QUIET, 8.0], throttled={-1: 22.0}), settings)
    full = decide(stream(12, [*QUIET, 12.0], throttled={-1: 22.0}), settings)
    assert rising.target_shard_count == 12
    assert (full.action, full.reason) == (Action.HOLD, Reason.AT_CEILING)
    assert "maximum_shards allows 12: raise it" in full.explanation


def test_the_quota_that_other_streams_leave_is_never_passed() -> None:
    given = {"account_shard_limit": 200, "account_open_shards": 197}
    decision = decide(stream(8, [*QUIET, 8.0], throttled={-1: 22.0}, **given), Settings())
    assert (decision.target_shard_count, decision.evidence.ceiling_shards) == (11, 11)


def test_a_count_above_the_maximum_is_brought_down() -> None:
    decision = decide(stream(12, [9.0] * 240), Settings(maximum_shards=10))
    assert (decision.action, decision.target_shard_count) == (Action.MERGE_SHARDS, 11)


def test_a_scheduled_floor_is_there_before_it_begins() -> None:
    begins = NOW + timedelta(minutes=20) - timedelta(days=14)
    friday = ScheduledFloor(shards=40, start=begins, duration=timedelta(hours=12), repeat=timedelta(days=7))
    soon = decide(stream(4, [2.0] * 240), Settings(floors=(friday,)))
    not_yet = decide(stream(4, [2.0] * 240, now=NOW - timedelta(minutes=11)), Settings(floors=(friday,)))
    assert (soon.action, soon.reason, soon.target_shard_count) == (Action.UPDATE_SHARD_COUNT, Reason.SCHEDULED_FLOOR, 8)
    assert "the scheduled floor is 40 shards, 4 are open" in soon.explanation
    assert not_yet.evidence.floor_shards == 1


DAY = 24 * 60


def days_with_peaks(*peaks: float) -> list[float]:
    """Return an hour and then whole days up to now: each quiet but for ten minutes, which begin at now's time + 20."""
    return [1.0] * 60 + [shards for peak in peaks for shards in [*[1.0] * 22, *[peak] * 10, *[1.0] * (DAY - 32)]]


def test_a_peak_that_came_on_two_of_three_days_is_provided_for_before_it_comes() -> None:
    decision = decide(stream(2, days_with_peaks(20.0, 1.0, 20.0)), Settings())
    assert (decision.action, decision.reason) == (Action.UPDATE_SHARD_COUNT, Reason.RECURRING_PEAK)
    assert decision.evidence.recurring_peak == pytest.approx(20.0)
    assert decision.evidence.wanted_shards == 22


def test_a_peak_that_came_once_is_not_expected_again() -> None:
    assert decide(stream(2, days_with_peaks(1.0, 20.0)), Settings()).action is Action.HOLD


def test_a_peak_of_workdays_is_not_expected_on_a_day_that_was_quiet_a_week_ago() -> None:
    week = [1.0, *[20.0] * 5, 20.0]
    assert decide(stream(2, days_with_peaks(*week)), Settings()).evidence.recurring_peak == 1.0
    week[0] = 15.0
    assert decide(stream(2, days_with_peaks(*week)), Settings()).evidence.recurring_peak == 15.0


def hot(utilization: float, hash_range_share: float | None = None) -> tuple[ShardLoad, ...]:
    return (
        ShardLoad(shard_id="shardId-000000000003", write_utilization=0.2),
        ShardLoad(shard_id="shardId-000000000007", write_utilization=utilization, hash_range_share=hash_range_share),
    )


def hot_stream(**given: object) -> StreamState:
    return stream(10, [2.0] * 240, throttled={-1: 0.1, -2: 0.1, -3: 0.1}, **given)


def test_a_hot_shard_is_split_alone() -> None:
    decision = decide(hot_stream(shard_loads=hot(1.2, 0.1)), Settings())
    assert (decision.action, decision.reason) == (Action.SPLIT_SHARD, Reason.HOT_SHARD)
    assert decision.shard_id == "shardId-000000000007"


def test_a_hot_key_is_named_since_no_split_helps() -> None:
    decision = decide(hot_stream(shard_loads=hot(1.2, 0.02)), Settings())
    assert (decision.action, decision.reason) == (Action.HOLD, Reason.HOT_KEY)


def test_throttling_of_an_idle_stream_without_shard_metrics_is_told_not_acted_on() -> None:
    decision = decide(hot_stream(), Settings())
    assert (decision.action, decision.reason) == (Action.HOLD, Reason.HOT_SHARD)
    assert "switch on shard-level metrics" in decision.explanation


def test_an_hour_unknown_does_not_age_the_memory_of_a_peak() -> None:
    before = decide(stream(20, [*QUIET, 10.0]), Settings())
    later = decide(stream(20, [*QUIET, 10.0], now=NOW + timedelta(hours=3)), Settings())
    assert later.evidence.wanted_shards == before.evidence.wanted_shards == 18
