"""The promise on recorded traffic, on a part that runs in seconds; docs/scaling.md has the whole."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.scaling.policies import our_policy
from benchmarks.scaling.stream_model import StreamModel, simulate
from benchmarks.scaling.traces import Gaps, load_trace
from kinesis_scaling.scaling_settings import Settings

TRACES = Path(__file__).parents[2] / "data" / "traffic_traces"
DAYS = 2 * 288


@pytest.mark.parametrize(
    ("file", "first", "throttled", "shard_hours"),
    [
        pytest.param("elb_request_count.csv.gz", 0, 0.001, 1_800, id="load-balancer"),
        # Around the jump from 2 to 64 shards within one interval, which no policy can foresee.
        pytest.param("twitter_volume_amzn.csv.gz", 3_735 - DAYS // 2, 0.045, 380, id="mentions"),
    ],
)
def test_two_days_of_recorded_traffic_stays_within_what_is_promised(
    file: str, first: int, throttled: float, shard_hours: float
) -> None:
    whole = load_trace(TRACES / file, Gaps.JOIN).scaled_to_peak(64)
    part = replace(whole, counts=whole.counts[first : first + DAYS])
    outcome = simulate(part, our_policy(Settings()), StreamModel())
    assert outcome.refused_calls == 0
    assert outcome.throttled_share <= throttled
    assert outcome.shard_hours <= shard_hours


def test_the_load_balancer_trace_has_gaps_that_somebody_must_explain() -> None:
    assert len(load_trace(TRACES / "elb_request_count.csv.gz", Gaps.JOIN).counts) == 4_032
    assert len(load_trace(TRACES / "elb_request_count.csv.gz", Gaps.HOLD).counts) == 4_040
