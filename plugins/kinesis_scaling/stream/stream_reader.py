"""A stream on AWS → its `StreamState`: summary, quota, metrics and tags, read at one moment."""

from datetime import datetime
from typing import Any, Final

from kinesis_scaling.errors import OnDemandStreamError
from kinesis_scaling.stream.aws_errors import explained
from kinesis_scaling.stream.open_shards import LOAD_METRICS, open_shards, shard_loads
from kinesis_scaling.stream.past_calls import PastCalls, past_calls, read_tags
from kinesis_scaling.stream.stream_metrics import StreamMetrics
from kinesis_scaling.stream_settings import ScaledStream
from kinesis_scaling.stream_state import ShardLoad, StreamState, StreamStatus

#: Shards are looked at one by one only while the stream throttles: their metrics are three for each, and are paid for.
_MINUTES_LOOKED_AT: Final = 5


class StreamSummary:
    """What DescribeStreamSummary says."""

    def __init__(self, kinesis: Any, stream_name: str) -> None:
        with explained("kinesis:DescribeStreamSummary", stream_name):
            found = kinesis.describe_stream_summary(StreamName=stream_name)["StreamDescriptionSummary"]
        self.status = StreamStatus(found["StreamStatus"])
        self.open_shard_count = int(found["OpenShardCount"])
        self.on_demand = found.get("StreamModeDetails", {}).get("StreamMode") == "ON_DEMAND"
        self.shard_level_metrics = {
            name for monitoring in found["EnhancedMonitoring"] for name in monitoring.get("ShardLevelMetrics", ())
        }


class StreamReader:
    """Reads one stream again and again; metrics that are known are not asked for twice."""

    def __init__(self, stream: ScaledStream, *, kinesis: Any, cloudwatch: Any) -> None:
        self._kinesis = kinesis
        self._cloudwatch = cloudwatch
        self._stream_name = stream.name
        self._metrics = StreamMetrics(cloudwatch, stream.name, stream.points_come_within)

    def read(self, now: datetime) -> tuple[StreamState, PastCalls]:
        """Return the stream's state, and what its tags say; raise `StreamError` that says what to do."""
        summary = StreamSummary(self._kinesis, self._stream_name)
        if summary.on_demand:
            raise OnDemandStreamError(
                f"stream {self._stream_name} is in on-demand mode, where AWS scales it: remove it from the streams "
                "that are scaled, or switch it to provisioned mode (UpdateStreamMode)"
            )
        with explained("kinesis:DescribeLimits", self._stream_name):
            limits = self._kinesis.describe_limits()
        self._metrics.refresh(now)
        noted = past_calls(read_tags(self._kinesis, self._stream_name), now)
        state = StreamState(
            now=now,
            open_shard_count=summary.open_shard_count,
            samples=self._metrics.samples,
            status=summary.status,
            update_calls=noted.counted(now),
            shard_loads=self._loads(summary, now),
            consumer_lag=self._metrics.consumer_lag,
            account_shard_limit=limits["ShardLimit"],
            account_open_shards=limits["OpenShardCount"],
        )
        return state, noted

    def _loads(self, summary: StreamSummary, now: datetime) -> tuple[ShardLoad, ...]:
        throttling = any(sample.throttled_records for sample in self._metrics.samples[-_MINUTES_LOOKED_AT:])
        if not throttling or not summary.shard_level_metrics.issuperset(LOAD_METRICS):
            return ()
        shards = open_shards(self._kinesis, self._stream_name)
        return shard_loads(self._cloudwatch, self._stream_name, shards, now)
