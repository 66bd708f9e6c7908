"""A stream that takes records, over HTTP: what is read of it, and each move with AWS's limits in the way."""

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kinesis_scaling.decisions.record import DecisionRecord, Outcome
from kinesis_scaling.scaling_decision import Action, Evidence, Reason, ScalingDecision
from kinesis_scaling.stream.moves import StreamMoves, is_settled
from kinesis_scaling.stream.past_calls import past_calls, read_tags
from kinesis_scaling.stream.watch import StreamReader
from kinesis_scaling.stream_settings import Mode, ScaledStream
from kinesis_scaling.stream_state import StreamState
from local.cloud.process import LocalCloud

pytestmark = pytest.mark.cloud

MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    arguments = ("--reshard-seconds", "0.1", "--reshard-operation-seconds", "0")
    with LocalCloud(Path(tmp_path_factory.mktemp("cloud")), arguments=arguments) as cloud:
        yield cloud


def now() -> datetime:
    return datetime.now(tz=UTC)


class RealStream:
    """A stream of one shard that nobody else uses: CloudWatch remembers a name longer than Kinesis."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.name = f"clicks-{uuid.uuid4().hex[:8]}"
        self.kinesis: Any = cloud.client("kinesis")
        self._cloudwatch = cloud.client("cloudwatch")
        self.kinesis.create_stream(StreamName=self.name, ShardCount=1)

    def read(self, at: datetime) -> StreamState:
        settings = ScaledStream(name=self.name, points_come_within=timedelta(0))
        state, _ = StreamReader(settings, kinesis=self.kinesis, cloudwatch=self._cloudwatch).read(at)
        return state

    def flood(self) -> int:
        """Put four times in one call what a shard takes a second; return how many of the 400 records were refused."""
        batch = [{"Data": b"x" * 9_999, "PartitionKey": "k"}] * 400
        refused: int = self.kinesis.put_records(StreamName=self.name, Records=batch)["FailedRecordCount"]
        return refused

    def get(self) -> None:
        [shard] = self.kinesis.list_shards(StreamName=self.name)["Shards"]
        asked = {"ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = self.kinesis.get_shard_iterator(StreamName=self.name, **asked)["ShardIterator"]
        self.kinesis.get_records(ShardIterator=iterator)

    def make(self, action: Action, open_shards: int, target: int) -> DecisionRecord:
        """Make a move and wait until the stream is ACTIVE."""
        record = decided(action, open_shards, target, self.name)
        moves = StreamMoves(self.kinesis, self.name)
        ended = moves.begin(record, now(), tried_before=False)
        if ended is not None:
            return ended
        self.wait()
        return moves.end(record, now())

    def wait(self) -> None:
        deadline = time.monotonic() + 30
        while not is_settled(self.kinesis, self.name):
            assert time.monotonic() < deadline, "the stream stays UPDATING"
            time.sleep(0.05)


def decided(action: Action, open_shards: int, target: int, name: str) -> DecisionRecord:
    evidence = Evidence(open_shards=open_shards, wanted_shards=target, floor_shards=1, ceiling_shards=99, calls_left=9)
    decision = ScalingDecision(
        action=action, target_shard_count=target, reason=Reason.DEMAND, explanation="as in the test", evidence=evidence
    )
    return DecisionRecord.of(decision, stream_name=name, decided_at=now(), mode=Mode.ON, decided_by="a test")


@pytest.fixture
def stream(cloud: LocalCloud) -> RealStream:
    return RealStream(cloud)


def test_what_was_put_and_refused_in_a_minute_is_the_demand_that_is_read(stream: RealStream) -> None:
    refused = stream.flood()
    stream.get()

    state = stream.read(now() + MINUTE)

    assert refused > 0
    assert sum(sample.incoming_records or 0 for sample in state.samples) == 400 - refused
    assert sum(sample.incoming_bytes or 0 for sample in state.samples) == (400 - refused) * 10_000
    assert sum(sample.throttled_records for sample in state.samples) == refused
    assert sum(sample.demand or 0 for sample in state.samples) == pytest.approx(4_000_000 / 60_000_000)
    assert state.samples[-1].reads_seen
    assert state.consumer_lag is not None
    assert state.open_shard_count == 1
    assert (state.account_open_shards or 0) >= 1


def test_shards_are_looked_at_one_by_one_where_their_metrics_are_switched_on(stream: RealStream) -> None:
    stream.kinesis.enable_enhanced_monitoring(StreamName=stream.name, ShardLevelMetrics=["ALL"])
    stream.make(Action.UPDATE_SHARD_COUNT, 1, 2)
    stream.flood()

    state = stream.read(now() + MINUTE)

    loads = sorted(state.shard_loads, key=lambda load: load.write_utilization)
    assert [load.hash_range_share for load in loads] == [0.5, 0.5]
    assert loads[0].write_utilization == 0.0
    assert loads[1].throttled_records > 0


def test_a_stream_is_doubled_split_and_merged_and_its_tag_has_the_one_call(stream: RealStream) -> None:
    doubled = stream.make(Action.UPDATE_SHARD_COUNT, 1, 2)
    split = stream.make(Action.SPLIT_SHARD, 2, 3)
    merged = stream.make(Action.MERGE_SHARDS, 3, 2)

    assert [(move.outcome, move.resulting_shards) for move in (doubled, split, merged)] == [
        (Outcome.DONE, 2),
        (Outcome.DONE, 3),
        (Outcome.DONE, 2),
    ]
    noted = past_calls(read_tags(stream.kinesis, stream.name), now())
    assert noted.calls == (doubled.decided_at.replace(microsecond=0),)


def test_the_eleventh_call_of_a_day_is_refused_and_splits_go_on(stream: RealStream) -> None:
    for number in range(10):  # by hand: no tag knows of them
        target = 2 if number % 2 == 0 else 1
        asked = {"TargetShardCount": target, "ScalingType": "UNIFORM_SCALING"}
        stream.kinesis.update_shard_count(StreamName=stream.name, **asked)
        stream.wait()

    refused = stream.make(Action.UPDATE_SHARD_COUNT, 1, 2)

    assert refused.outcome is Outcome.REFUSED
    assert "LimitExceededException" in (refused.outcome_detail or "")
    assert len(stream.read(now()).update_calls) >= 10
    assert stream.make(Action.SPLIT_SHARD, 1, 2).outcome is Outcome.DONE
