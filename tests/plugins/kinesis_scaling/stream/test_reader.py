"""A stream's state is read whole, and what keeps it from being read is said in one sentence."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from kinesis_scaling.errors import NotAllowedError, OnDemandStreamError, StreamError, UnknownStreamError
from kinesis_scaling.stream.past_calls import CALLS_TAG
from kinesis_scaling.stream.watch import StreamReader
from kinesis_scaling.stream_settings import ScaledStream
from kinesis_scaling.stream_state import StreamStatus
from tests.plugins.kinesis_scaling.stream.stubbed_stream import NOW, STREAM, StubbedStream, result

MINUTE = NOW.replace(second=0) - timedelta(minutes=1)
SHARD_LEVEL = ("IncomingBytes", "IncomingRecords", "WriteProvisionedThroughputExceeded")


def reader(stream: StubbedStream) -> StreamReader:
    return StreamReader(ScaledStream(name=STREAM), kinesis=stream.kinesis, cloudwatch=stream.cloudwatch)


def metrics(stream: StubbedStream, throttled: float = 0.0) -> None:
    points = [{MINUTE: 90_000.0}, {MINUTE: 9e6}, {MINUTE: throttled}, {MINUTE: 10.0}, {MINUTE: 2_500.0}]
    results = [result(f"m{number}", found) for number, found in enumerate(points)]
    stream.answers("get_metric_data", {"MetricDataResults": results})


def test_the_state_is_what_aws_says(stream: StubbedStream) -> None:
    stream.summary(3, "UPDATING")
    stream.limits(shard_limit=500, open_shards=17)
    metrics(stream)
    stream.tags({CALLS_TAG: str(int(NOW.timestamp()) - 60)})

    state, past = reader(stream).read(NOW)

    assert (state.now, state.open_shard_count, state.status) == (NOW, 3, StreamStatus.UPDATING)
    assert [sample.demand for sample in state.samples] == [1.5]
    assert (state.account_shard_limit, state.account_open_shards) == (500, 17)
    assert state.consumer_lag == timedelta(seconds=2.5)
    assert tuple(state.update_calls) == past.calls == (NOW.replace(microsecond=0) - timedelta(seconds=60),)
    assert state.shard_loads == ()


def test_shards_are_looked_at_one_by_one_while_the_stream_throttles_and_their_metrics_are_on(
    stream: StubbedStream,
) -> None:
    stream.summary(2, shard_level=SHARD_LEVEL)
    stream.limits()
    metrics(stream, throttled=500.0)
    stream.tags({})
    stream.shards(1, 1)
    stream.answers("get_metric_data", {"MetricDataResults": [result(f"m{n}", {MINUTE: 600.0}) for n in range(6)]})

    state, _ = reader(stream).read(NOW)

    assert [load.shard_id for load in state.shard_loads] == ["shardId-000000000000", "shardId-000000000001"]


@pytest.mark.parametrize(("shard_level", "throttled"), [(SHARD_LEVEL, 0.0), (SHARD_LEVEL[:2], 500.0), ((), 500.0)])
def test_shards_are_left_alone_otherwise(stream: StubbedStream, shard_level: tuple[str, ...], throttled: float) -> None:
    stream.summary(2, shard_level=shard_level)
    stream.limits()
    metrics(stream, throttled)
    stream.tags({})

    assert reader(stream).read(NOW)[0].shard_loads == ()


def test_a_stream_in_on_demand_mode_is_refused(stream: StubbedStream) -> None:
    stream.summary(4, mode="ON_DEMAND")

    with pytest.raises(OnDemandStreamError, match=f"stream {STREAM} is in on-demand mode.*UpdateStreamMode"):
        reader(stream).read(NOW)


def test_an_unknown_stream_is_named(stream: StubbedStream) -> None:
    stream.refuses("describe_stream_summary", "ResourceNotFoundException", f"Stream {STREAM} not found.")

    with pytest.raises(UnknownStreamError, match=f"there is no stream {STREAM} .*CLICKSTREAM_SCALING.*region"):
        reader(stream).read(NOW)


@pytest.mark.parametrize(
    ("answered", "call", "right"),
    [
        (0, "describe_stream_summary", "kinesis:DescribeStreamSummary"),
        (1, "describe_limits", "kinesis:DescribeLimits"),
        (2, "get_metric_data", "cloudwatch:GetMetricData"),
        (3, "list_tags_for_stream", "kinesis:ListTagsForStream"),
    ],
)
def test_each_right_that_is_missing_is_named(stream: StubbedStream, answered: int, call: str, right: str) -> None:
    answers: list[Callable[[], None]] = [lambda: stream.summary(1), stream.limits, lambda: metrics(stream)]
    for answer in answers[:answered]:
        answer()
    stream.refuses(call, "AccessDeniedException", status=400)

    with pytest.raises(NotAllowedError, match=f"{right} is not allowed for stream {STREAM}.*grant it"):
        reader(stream).read(NOW)


def test_what_aws_says_is_passed_on_where_nothing_better_is_known(stream: StubbedStream) -> None:
    stream.refuses("describe_stream_summary", "KMSAccessDeniedException", "the key is disabled")

    with pytest.raises(StreamError, match="KMSAccessDeniedException: the key is disabled"):
        reader(stream).read(NOW)
