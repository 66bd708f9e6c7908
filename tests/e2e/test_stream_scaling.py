"""The scaling DAG in real Airflows over a real stream: 1 → n → 1 shards, whatever is killed on the way.

The policy's hours are minutes here; metrics are CloudWatch's, one point a minute.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import boto3
import pytest

from contracts.names import LakeLocation
from kinesis_scaling.decisions.record import DecisionRecord, Outcome
from kinesis_scaling.decisions.store import open_decision_store
from kinesis_scaling.scaling_decision import Action
from kinesis_scaling.stream.past_calls import past_calls, read_tags
from local.airflow import LocalAirflow
from local.cloud.process import LocalCloud
from local.demo.scaling import SCALING_DAG, SCALING_VARIABLE, write_settings
from tests.e2e.running_pipeline import wait_until

pytestmark = [pytest.mark.airflow, pytest.mark.cloud, pytest.mark.e2e, pytest.mark.timeout(1_200)]

STREAM: Final = "clickstream-test-events"
LAKE: Final = LakeLocation(
    raw_uri="s3://raw/raw", warehouse_uri="s3://warehouse/warehouse", database="clickstream_test"
)
#: Long enough to be killed in.
RESHARD_SECONDS: Final = 8


class Producer(threading.Thread):
    """Puts numbered records at `rate` a second, refused ones until they are accepted; `accepted` are their numbers."""

    def __init__(self, kinesis: Any) -> None:
        super().__init__(daemon=True)
        self.rate = 100
        self.accepted: set[int] = set()
        self._kinesis = kinesis
        self._number = 0
        self._ended = threading.Event()

    def run(self) -> None:
        waiting: list[int] = []
        while not self._ended.is_set() or waiting:
            began = time.monotonic()
            if not self._ended.is_set():
                waiting += range(self._number, self._number + self.rate // 4)
                self._number += self.rate // 4
            waiting = self._put(waiting[:500]) + waiting[500:]
            time.sleep(max(0.0, 0.25 - (time.monotonic() - began)))

    def end(self) -> None:
        self._ended.set()
        self.join()

    def _put(self, numbers: list[int]) -> list[int]:
        """Return the numbers that were not accepted; records without an answer may be stored twice."""
        if not numbers:
            return []
        records = [{"Data": json.dumps(number), "PartitionKey": str(number)} for number in numbers]
        try:
            answer = self._kinesis.put_records(StreamName=STREAM, Records=records)
        except Exception:  # noqa: BLE001 (the cloud is being killed: botocore may raise anything)
            return numbers
        taken = [number for number, result in zip(numbers, answer["Records"], strict=True) if "ErrorCode" not in result]
        self.accepted.update(taken)
        return sorted(set(numbers) - set(taken))


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    arguments = ("--reshard-seconds", str(RESHARD_SECONDS))
    with LocalCloud(tmp_path / "cloud", arguments=arguments) as cloud, pytest.MonkeyPatch.context() as patch:
        for name, value in cloud.environment().items():
            patch.setenv(name, value)
        boto3.client("s3").create_bucket(Bucket="warehouse")
        boto3.client("glue").create_database(DatabaseInput={"Name": LAKE.database})
        boto3.client("kinesis").create_stream(StreamName=STREAM, ShardCount=1)
        yield cloud


def airflow(tmp_path: Path, name: str, cloud: LocalCloud) -> LocalAirflow:
    settings = write_settings(tmp_path / "scaling.toml", STREAM)
    environment = {
        **cloud.environment(),
        "CLICKSTREAM_ENVIRONMENT": "test",
        "CLICKSTREAM_RAW_URI": LAKE.raw_uri,
        "CLICKSTREAM_WAREHOUSE_URI": LAKE.warehouse_uri,
        "CLICKSTREAM_DATABASE": LAKE.database,
        SCALING_VARIABLE: str(settings),
    }
    return LocalAirflow(tmp_path / name, environment=environment, unpause=[SCALING_DAG])


def open_shards() -> int:
    summary = boto3.client("kinesis").describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"]
    return int(summary["OpenShardCount"])


def is_updating() -> bool:
    summary = boto3.client("kinesis").describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"]
    return bool(summary["StreamStatus"] == "UPDATING")


def decisions() -> list[DecisionRecord]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return open_decision_store(LAKE).read(STREAM, start, datetime.now(tz=UTC))


def stored() -> list[int]:
    """Return the numbers in all shards, closed ones too."""
    kinesis, found = boto3.client("kinesis"), []
    for shard in kinesis.list_shards(StreamName=STREAM)["Shards"]:
        iterator: str | None = kinesis.get_shard_iterator(
            StreamName=STREAM, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while iterator:
            page = kinesis.get_records(ShardIterator=iterator)
            found += [json.loads(record["Data"]) for record in page["Records"]]
            iterator = page.get("NextShardIterator") if page["Records"] or page["MillisBehindLatest"] else None
    return found


def moves(test: Callable[[DecisionRecord], bool]) -> list[DecisionRecord]:
    return [record for record in decisions() if record.outcome is Outcome.DONE and test(record)]


def test_a_stream_grows_for_a_spike_and_shrinks_after_it_though_everything_is_killed_once(
    tmp_path: Path, cloud: LocalCloud
) -> None:
    producer = Producer(boto3.client("kinesis"))
    with airflow(tmp_path, "first", cloud) as first:
        producer.start()
        wait_until(lambda: bool(first.api.runs(SCALING_DAG)), what="a run of the scaling DAG")
        first.kill("triggerer")
        first.revive("triggerer")

        producer.rate = 1_500
        wait_until(is_updating, what="the stream is resharded for the spike")
        first.kill("scheduler")  # in the middle of a move
        first.revive("scheduler")
        wait_until(lambda: open_shards() >= 2 and is_updating(), what="the next move")
        cloud.kill()
        cloud.start()
        wait_until(lambda: open_shards() >= 3, what="room for the spike")

        producer.rate = 100
        with airflow(tmp_path, "second", cloud) as second:  # two schedulers at once
            wait_until(lambda: open_shards() == 1 and not is_updating(), what="one shard again")
            producer.end()
            wait_until(lambda: bool(moves(lambda record: record.resulting_shards == 1)), what="the last move's row")
            assert second.api.runs(SCALING_DAG)

    rows = decisions()
    assert len({row.decision_id for row in rows}) == len(rows)
    assert moves(
        lambda record: record.action is Action.UPDATE_SHARD_COUNT and record.target_shards > record.open_shards
    )
    assert moves(lambda record: record.target_shards < record.open_shards)
    calls = {row.decided_at.replace(microsecond=0) for row in moves(lambda r: r.action is Action.UPDATE_SHARD_COUNT)}
    noted = past_calls(read_tags(boto3.client("kinesis"), STREAM), datetime.now(tz=UTC))
    assert calls <= set(noted.calls)
    assert len(noted.calls) <= 10
    numbers = stored()
    assert producer.accepted <= set(numbers)
    assert len(producer.accepted) == max(producer.accepted) + 1, "a record was given up"
