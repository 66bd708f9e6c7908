"""Each record of the stream is in one object, whatever dies between reading it and remembering that."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local.cloud.firehose.checkpoint import Plan, Range
from local.cloud.firehose.destination import Destination
from local.cloud.json_protocol import AwsError
from tests.local.cloud.firehose.firehose_in_process import CONFIGURATION, Delivery, KilledError
from tests.local.cloud.kinesis.kinesis_in_process import put, service_in


@pytest.fixture
def delivery(tmp_path: Path) -> Any:
    service_in(tmp_path).call("CreateStream", {"StreamName": "s", "ShardCount": 2})
    return Delivery(tmp_path).start()


def lines(*numbers: int) -> Any:
    return [f"{number}\n".encode() for number in numbers]


@pytest.mark.parametrize("dies", [pytest.param(-1, id="before-the-upload"), pytest.param(1, id="after-the-upload")])
def test_a_kill_around_the_upload_neither_loses_nor_doubles_a_record(delivery: Delivery, dies: int) -> None:
    put(delivery.kinesis, "s", "a", *lines(1, 2))
    delivery.bucket.dies = dies
    with pytest.raises(KilledError):
        delivery.step()
    put(delivery.kinesis, "s", "a", *lines(3))
    delivery.version = 2  # a configuration changed in between moves no planned object
    delivery.start()
    while delivery.step():
        pass
    assert sorted(delivery.bucket.lines()) == [b"1", b"2", b"3"]


def test_a_restart_with_records_in_the_buffer_delivers_them_once(delivery: Delivery) -> None:
    delivery.hints = {"IntervalInSeconds": 900}
    put(delivery.kinesis, "s", "a", *lines(1, 2))
    assert not delivery.step()
    delivery.start()
    delivery.hints = {}
    assert delivery.step()
    assert delivery.bucket.lines() == [b"1", b"2"]


def test_a_buffer_below_its_size_waits_for_its_interval(delivery: Delivery) -> None:
    delivery.hints = {"IntervalInSeconds": 900}
    put(delivery.kinesis, "s", "a", *lines(1))
    assert not delivery.step()
    assert delivery.bucket.objects == {}


def test_a_full_buffer_does_not_wait(delivery: Delivery) -> None:
    delivery.hints = {"IntervalInSeconds": 900}
    put(delivery.kinesis, "s", "a", b"x" * 600_000)
    put(delivery.kinesis, "s", "b", b"y" * 600_000)
    assert delivery.step()
    assert len(delivery.bucket.objects) == 1


def test_records_of_a_key_keep_their_order_across_a_reshard(delivery: Delivery) -> None:
    put(delivery.kinesis, "s", "a", *lines(1, 2))
    asked = {"StreamName": "s", "TargetShardCount": 4, "ScalingType": "UNIFORM_SCALING"}
    delivery.kinesis.call("UpdateShardCount", asked)
    put(delivery.kinesis, "s", "a", *lines(3, 4))
    while delivery.step():
        pass
    assert delivery.bucket.lines() == [b"1", b"2", b"3", b"4"]


def test_a_child_shard_waits_until_its_parent_is_read_though_the_parent_fills_several_objects(
    delivery: Delivery,
) -> None:
    stream = delivery.kinesis.streams.get({"StreamName": "s"})
    parent = stream.state.shards.open_shards()[0]
    for number in (1, 2, 3):
        stream.log(parent).append([(b"a", f"{number}{'x' * 600_000}\n".encode())], arrived=number)
    stream.update(lambda state: replace(state, shards=state.shards.split(parent, parent.end // 2, now=4)))
    for child in stream.state.shards.children(parent.index):
        stream.log(child).append([(b"a", b"4\n")], arrived=4)
    while delivery.step():
        pass
    assert [line[:1] for line in delivery.bucket.lines()] == [b"1", b"2", b"3", b"4", b"4"]


def test_the_same_records_make_the_same_object(delivery: Delivery) -> None:
    ranges = (Range(shard=0, start=3, end=9),)
    state = delivery.state()
    first, second = (Plan.of_records(state, "incarnation", ranges, 1_800_000_000_000) for _ in range(2))
    other = Plan.of_records(state, "incarnation", (replace(ranges[0], end=10),), 1_800_000_000_000)
    assert first.key == second.key != other.key


def test_what_was_in_the_stream_before_the_delivery_stream_stays_there(tmp_path: Path) -> None:
    kinesis = service_in(tmp_path)
    kinesis.call("CreateStream", {"StreamName": "s", "ShardCount": 2})
    put(kinesis, "s", "a", *lines(1))
    delivery = Delivery(tmp_path).start()
    put(delivery.kinesis, "s", "a", *lines(2))
    delivery.step()
    assert delivery.bucket.lines() == [b"2"]


def test_a_refused_upload_is_tried_again_later_and_moves_nothing_on(
    delivery: Delivery, caplog: pytest.LogCaptureFixture
) -> None:
    put(delivery.kinesis, "s", "a", *lines(1))
    delivery.bucket.status = 404
    assert not delivery.step()
    assert "delivery stream d: s3://raw/raw/" in caplog.text
    delivery.bucket.status = 200
    delivery.start()
    assert delivery.step()
    assert delivery.bucket.lines() == [b"1"]


def test_a_record_over_firehoses_limit_goes_to_the_error_prefix_with_its_data(delivery: Delivery) -> None:
    put(delivery.kinesis, "s", "a", b"x" * (1_000 * 1024 + 1))
    put(delivery.kinesis, "s", "b", *lines(1))
    assert delivery.step()
    (error_key,) = [key for key in delivery.bucket.objects if key.startswith("errors/processing-failed/")]
    error = json.loads(delivery.bucket.objects[error_key])
    assert error["errorCode"] == "Firehose.RecordTooLarge"
    assert delivery.bucket.lines() == [b"1"]


def test_an_object_is_named_by_stream_version_and_the_arrival_of_its_oldest_record(delivery: Delivery) -> None:
    put(delivery.kinesis, "s", "a", *lines(1))
    delivery.step()
    (key,) = delivery.bucket.objects
    assert key.startswith("raw/20")
    name = key.rsplit("/", 1)[1]
    assert name.startswith("d-1-20")
    assert name.endswith(".gz")


def test_a_stream_made_again_under_its_name_is_read_from_its_start(delivery: Delivery) -> None:
    put(delivery.kinesis, "s", "a", *lines(1))
    delivery.step()
    delivery.kinesis.call("DeleteStream", {"StreamName": "s"})
    delivery.kinesis.call("CreateStream", {"StreamName": "s", "ShardCount": 1})
    put(delivery.kinesis, "s", "a", *lines(2))
    delivery.step()
    assert sorted(delivery.bucket.lines()) == [b"1", b"2"]


def test_a_plan_for_a_stream_that_was_made_again_is_dropped_with_its_records(delivery: Delivery) -> None:
    put(delivery.kinesis, "s", "a", *lines(1))
    delivery.bucket.dies = -1
    with pytest.raises(KilledError):
        delivery.step()
    delivery.kinesis.call("DeleteStream", {"StreamName": "s"})
    delivery.kinesis.call("CreateStream", {"StreamName": "s", "ShardCount": 2})
    put(delivery.kinesis, "s", "a", *lines(2, 3))
    delivery.start()
    while delivery.step():
        pass
    assert delivery.bucket.lines() == [b"2", b"3"]


def test_a_delivery_stream_whose_source_is_gone_waits_and_says_so_once(
    delivery: Delivery, caplog: pytest.LogCaptureFixture
) -> None:
    delivery.kinesis.call("DeleteStream", {"StreamName": "s"})
    for _ in range(3):
        delivery.pump._retry_at = 0
        assert not delivery.step()
    assert caplog.text.count("stream/s does not exist; trying again") == 1


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"DynamicPartitioningConfiguration": {"Enabled": True}}, id="dynamic-partitioning"),
        pytest.param({"ProcessingConfiguration": {"Enabled": True, "Processors": []}}, id="processing"),
        pytest.param({"S3BackupMode": "Enabled"}, id="backup"),
        pytest.param({"CompressionFormat": "Snappy"}, id="snappy"),
        pytest.param({"FileExtension": ".json"}, id="a-member-we-lack"),
        pytest.param({"BucketARN": "raw"}, id="no-arn"),
        pytest.param({"BufferingHints": {"SizeInMBs": 129}}, id="buffer-too-large"),
        pytest.param({"BufferingHints": {"IntervalInSeconds": 901}}, id="interval-too-long"),
    ],
)
def test_a_destination_that_we_cannot_serve_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(AwsError):
        Destination.parse(CONFIGURATION | change)
