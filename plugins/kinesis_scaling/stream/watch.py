"""A stream on AWS → its state at one moment, and the policy's answer to it: the move to make, or what was close to one.

The state is a `StreamState`: summary, quota, metrics, tags and, while the stream throttles, the load of each shard.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from kinesis_scaling.aws_limits import SHARD_BYTES_PER_SECOND, SHARD_RECORDS_PER_SECOND
from kinesis_scaling.decisions.record import DecisionRecord, note
from kinesis_scaling.errors import OnDemandStreamError
from kinesis_scaling.scaling_decision import Action, Reason, ScalingDecision
from kinesis_scaling.scaling_policy import decide
from kinesis_scaling.stream.aws_errors import translate_aws_errors
from kinesis_scaling.stream.metrics import PERIOD_SECONDS, Metric, Points, StreamMetrics, read_points
from kinesis_scaling.stream.past_calls import PastCalls, past_calls, read_tags, repair
from kinesis_scaling.stream_settings import Mode, ScaledStream
from kinesis_scaling.stream_state import ShardLoad, StreamState, StreamStatus

HASH_KEYS: Final = 2**128
#: A shard's load is read over this much time.
LOAD_WINDOW: Final = timedelta(minutes=5)
#: The shard-level metrics without which a hot shard cannot be found.
LOAD_METRICS: Final = ("IncomingBytes", "IncomingRecords", "WriteProvisionedThroughputExceeded")
#: Loads are read only if the stream throttled in these last minutes: three metrics for each shard cost money.
_THROTTLING_MINUTES: Final = 5


class StreamSummary:
    """The answer of DescribeStreamSummary."""

    def __init__(self, kinesis: Any, stream_name: str) -> None:
        with translate_aws_errors("kinesis:DescribeStreamSummary", stream_name):
            found = kinesis.describe_stream_summary(StreamName=stream_name)["StreamDescriptionSummary"]
        self.status = StreamStatus(found["StreamStatus"])
        self.open_shard_count = int(found["OpenShardCount"])
        self.on_demand = found.get("StreamModeDetails", {}).get("StreamMode") == "ON_DEMAND"
        self.shard_level_metrics = {
            name for monitoring in found["EnhancedMonitoring"] for name in monitoring.get("ShardLevelMetrics", ())
        }


@dataclass(frozen=True, kw_only=True)
class OpenShard:
    """An open shard; its hash key range includes both ends."""

    shard_id: str
    start: int
    end: int

    @property
    def width(self) -> int:
        """Return the number of its hash keys."""
        return self.end - self.start + 1

    @property
    def middle(self) -> int:
        """Return the hash key at which it is split into halves."""
        return self.start + self.width // 2


def open_shards(kinesis: Any, stream_name: str) -> list[OpenShard]:
    """Return the open shards in the order of their keys."""
    request: dict[str, Any] = {"StreamName": stream_name, "ShardFilter": {"Type": "AT_LATEST"}}
    shards: list[OpenShard] = []
    while True:
        with translate_aws_errors("kinesis:ListShards", stream_name):
            page = kinesis.list_shards(**request)
        for shard in page["Shards"]:
            keys = shard["HashKeyRange"]
            start, end = int(keys["StartingHashKey"]), int(keys["EndingHashKey"])
            shards.append(OpenShard(shard_id=shard["ShardId"], start=start, end=end))
        if not page.get("NextToken"):
            return sorted(shards, key=lambda shard: shard.start)
        request = {"NextToken": page["NextToken"]}


def shard_loads(cloudwatch: Any, stream_name: str, shards: Sequence[OpenShard], now: datetime) -> tuple[ShardLoad, ...]:
    """Return the load of each shard in the last minutes, from the shard-level metrics."""
    end = now.replace(second=0, microsecond=0)
    metrics = [Metric(name=name, statistic="Sum", shard_id=shard.shard_id) for shard in shards for name in LOAD_METRICS]
    points = read_points(cloudwatch, stream_name, metrics, end - LOAD_WINDOW, end)
    by_shard = {(metric.shard_id, metric.name): found for metric, found in points.items()}
    return tuple(_load(shard, *(by_shard[shard.shard_id, name] for name in LOAD_METRICS)) for shard in shards)


def _load(shard: OpenShard, in_bytes: Points, in_records: Points, throttled: Points) -> ShardLoad:
    minutes = in_bytes.keys() | in_records.keys() | throttled.keys()
    seconds = max(1, len(minutes)) * PERIOD_SECONDS
    records, refused = sum(in_records.values()), sum(throttled.values())
    accepted = max(
        records / (seconds * SHARD_RECORDS_PER_SECOND), sum(in_bytes.values()) / (seconds * SHARD_BYTES_PER_SECOND)
    )
    # As in MinuteSample: a refused record counts as large as an accepted one.
    wanted = accepted * (1 + refused / records) if records else refused / (seconds * SHARD_RECORDS_PER_SECOND)
    return ShardLoad(
        shard_id=shard.shard_id,
        write_utilization=wanted,
        throttled_records=refused,
        hash_range_share=shard.width / HASH_KEYS,
    )


class StreamReader:
    """Reads one stream again and again; it asks for no known metric twice."""

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
        with translate_aws_errors("kinesis:DescribeLimits", self._stream_name):
            limits = self._kinesis.describe_limits()
        self._metrics.refresh(now)
        past = past_calls(read_tags(self._kinesis, self._stream_name), now)
        state = StreamState(
            now=now,
            open_shard_count=summary.open_shard_count,
            samples=self._metrics.samples,
            status=summary.status,
            update_calls=past.counted(now),
            shard_loads=self._loads(summary, now),
            consumer_lag=self._metrics.consumer_lag,
            account_shard_limit=limits["ShardLimit"],
            account_open_shards=limits["OpenShardCount"],
        )
        return state, past

    def _loads(self, summary: StreamSummary, now: datetime) -> tuple[ShardLoad, ...]:
        throttling = any(sample.throttled_records for sample in self._metrics.samples[-_THROTTLING_MINUTES:])
        if not throttling or not summary.shard_level_metrics.issuperset(LOAD_METRICS):
            return ()
        shards = open_shards(self._kinesis, self._stream_name)
        return shard_loads(self._cloudwatch, self._stream_name, shards, now)


class StreamWatch:
    """Asks the policy; `noted` are the decisions so far that are worth a row, equal ones in a row as one record."""

    def __init__(self, stream: ScaledStream, *, kinesis: Any, cloudwatch: Any, decided_by: str) -> None:
        self._stream = stream
        self._kinesis = kinesis
        self._decided_by = decided_by
        self._reader = StreamReader(stream, kinesis=kinesis, cloudwatch=cloudwatch)
        self.noted: list[DecisionRecord] = []

    def look(self, now: datetime) -> DecisionRecord | None:
        """Return the move to make now, if there is one; in mode `advise` there never is one, and it is only noted."""
        state, past = self._reader.read(now)
        if past.unreadable is not None and self._stream.mode is Mode.ON:
            repair(self._kinesis, self._stream.name, past, now)
        decision = _with_unreadable_tags(_unless_refused(decide(state, self._stream.settings), past, now), past)
        record = DecisionRecord.of(
            decision,
            stream_name=self._stream.name,
            decided_at=now,
            mode=self._stream.mode,
            decided_by=self._decided_by,
        )
        if decision.action is not Action.HOLD and self._stream.mode is Mode.ON:
            return record
        if decision.worth_recording:
            note(self.noted, record)
        return None


def _unless_refused(decision: ScalingDecision, past: PastCalls, now: datetime) -> ScalingDecision:
    """Return the decision, or to hold if AWS has just refused such a move."""
    refusal = past.refusal
    if decision.action is Action.HOLD or refusal is None or not past.holds(decision.action, now):
        return decision
    return replace(
        decision,
        action=Action.HOLD,
        reason=Reason.REFUSED,
        target_shard_count=decision.evidence.open_shards,
        planned_steps=(),
        dollars_per_hour=0.0,
        explanation=f"{decision.explanation}; AWS refused {refusal.action} at {refusal.at:%H:%M}, so it waits",
    )


def _with_unreadable_tags(decision: ScalingDecision, past: PastCalls) -> ScalingDecision:
    if past.unreadable is None:
        return decision
    return replace(decision, explanation=f"{decision.explanation}; {past.unreadable}, so ten calls count as made")
