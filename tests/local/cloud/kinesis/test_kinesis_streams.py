"""Records go in and come out: once, in order per key, across reshards and restarts."""

import base64
import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.cloud.json_protocol import AwsError
from local.cloud.kinesis.service import KinesisService
from local.cloud.kinesis.shards import HASH_KEYS
from tests.local.cloud.kinesis.kinesis_in_process import StoredMetrics, put, read_shard, read_stream, service_in

KEYS = ["alice", "bob", "carol", "dave", "erin"]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(KEYS)),
        st.tuples(st.just("scale"), st.integers(1, 8)),
        st.tuples(st.just("restart"), st.none()),
    ),
    max_size=25,
)


def scale(service: KinesisService, target: int) -> None:
    current = service.call("DescribeStreamSummary", {"StreamName": "s"})["StreamDescriptionSummary"]["OpenShardCount"]
    target = min(max(target, -(-current // 2)), current * 2)
    asked = {"StreamName": "s", "TargetShardCount": target, "ScalingType": "UNIFORM_SCALING"}
    with contextlib.suppress(AwsError):  # the eleventh call
        service.call("UpdateShardCount", asked)


@settings(max_examples=40)
@given(steps=STEPS)
def test_every_record_is_readable_once_and_in_order_per_key_across_reshards_and_restarts(
    tmp_path_factory: pytest.TempPathFactory, steps: Any
) -> None:
    folder = tmp_path_factory.mktemp("kinesis")
    service = service_in(folder)
    service.call("CreateStream", {"StreamName": "s", "ShardCount": 2})
    expected: dict[str, list[bytes]] = {key: [] for key in KEYS}
    for number, (step, argument) in enumerate(steps):
        if step == "put":
            payload = f"{number}".encode()
            assert "SequenceNumber" in put(service, "s", argument, payload)[0]
            expected[argument].append(payload)
        elif step == "scale":
            scale(service, argument)
        else:
            service = service_in(folder)
    found = read_stream(service, "s")
    assert {key: [data for found_key, data in found if found_key == key] for key in KEYS} == expected


@pytest.fixture
def service(tmp_path: Path) -> Any:
    made = service_in(tmp_path)
    made.call("CreateStream", {"StreamName": "s", "ShardCount": 2})
    return made


def shards_of(service: KinesisService) -> Any:
    return service.call("ListShards", {"StreamName": "s"})["Shards"]


def test_a_key_goes_to_the_shard_that_owns_its_md5_hash(service: KinesisService) -> None:
    low, high = shards_of(service)
    assert put(service, "s", "a", b"x")[0]["ShardId"] == low["ShardId"]  # md5 0cc1…
    assert put(service, "s", "b", b"x")[0]["ShardId"] == high["ShardId"]  # md5 92eb…


def test_an_explicit_hash_key_overrides_the_partition_key(service: KinesisService) -> None:
    record = {"Data": "eA==", "PartitionKey": "a", "ExplicitHashKey": str(HASH_KEYS - 1)}
    answer = service.call("PutRecords", {"StreamName": "s", "Records": [record]})
    assert answer["Records"][0]["ShardId"] == shards_of(service)[1]["ShardId"]


def test_sequence_numbers_of_a_shard_increase(service: KinesisService) -> None:
    numbers = [int(one["SequenceNumber"]) for one in put(service, "s", "a", *[b"x"] * 100)]
    assert numbers == sorted(set(numbers))


def test_the_end_of_a_closed_shard_names_its_children_and_has_no_next_iterator(service: KinesisService) -> None:
    put(service, "s", "a", b"before")
    parent = shards_of(service)[0]
    middle = str(int(parent["HashKeyRange"]["EndingHashKey"]) // 2)
    asked = {"StreamName": "s", "ShardToSplit": parent["ShardId"], "NewStartingHashKey": middle}
    service.call("SplitShard", asked)
    iterator = service.call(
        "GetShardIterator",
        {"StreamName": "s", "ShardId": parent["ShardId"], "ShardIteratorType": "TRIM_HORIZON"},
    )["ShardIterator"]
    answer = service.call("GetRecords", {"ShardIterator": iterator})
    assert [base64.b64decode(one["Data"]) for one in answer["Records"]] == [b"before"]
    assert "NextShardIterator" not in answer
    assert [child["ParentShards"] for child in answer["ChildShards"]] == [[parent["ShardId"]]] * 2


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        pytest.param({"ShardIteratorType": "TRIM_HORIZON"}, [b"0", b"1", b"2"], id="trim-horizon"),
        pytest.param({"ShardIteratorType": "LATEST"}, [], id="latest"),
        pytest.param({"ShardIteratorType": "AT_SEQUENCE_NUMBER", "of": 1}, [b"1", b"2"], id="at"),
        pytest.param({"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "of": 1}, [b"2"], id="after"),
        pytest.param({"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 0.0}, [b"0", b"1", b"2"], id="at-timestamp"),
    ],
)
def test_an_iterator_starts_where_its_type_says(service: KinesisService, position: Any, expected: Any) -> None:
    stored = put(service, "s", "a", b"0", b"1", b"2")
    if "of" in position:
        position = position | {"StartingSequenceNumber": stored[position["of"]]["SequenceNumber"]}
        del position["of"]
    asked = {"StreamName": "s", "ShardId": stored[0]["ShardId"], **position}
    iterator = service.call("GetShardIterator", asked)["ShardIterator"]
    answer = service.call("GetRecords", {"ShardIterator": iterator})
    assert [base64.b64decode(one["Data"]) for one in answer["Records"]] == expected
    assert answer["MillisBehindLatest"] == 0


def test_an_iterator_from_before_a_restart_still_reads(service: KinesisService, tmp_path: Path) -> None:
    stored = put(service, "s", "a", b"0")
    asked = {"StreamName": "s", "ShardId": stored[0]["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
    iterator = service.call("GetShardIterator", asked)["ShardIterator"]
    answer = service_in(tmp_path).call("GetRecords", {"ShardIterator": iterator})
    assert len(answer["Records"]) == 1


def test_a_deleted_stream_leaves_nothing_behind(service: KinesisService, tmp_path: Path) -> None:
    put(service, "s", "a", b"0")
    service.call("DeleteStream", {"StreamName": "s"})
    assert not list((tmp_path / "kinesis").rglob("*.log"))
    service.call("CreateStream", {"StreamName": "s", "ShardCount": 1})
    assert read_stream(service, "s") == []


def test_metrics_count_what_was_accepted_and_what_was_throttled(tmp_path: Path) -> None:
    metrics = StoredMetrics()
    service = service_in(tmp_path, metrics)
    service.call("CreateStream", {"StreamName": "s", "ShardCount": 1})
    service.call("EnableEnhancedMonitoring", {"StreamName": "s", "ShardLevelMetrics": ["ALL"]})
    accepted = [one for _ in range(3) for one in put(service, "s", "key", *[b"12345"] * 450) if "ShardId" in one]
    read_shard(service, "s", accepted[0]["ShardId"])
    assert metrics.sets["IncomingRecords", None]["Sum"] == len(accepted) == 1_000
    assert metrics.sets["IncomingBytes", None]["Sum"] == 8 * 1_000
    assert metrics.sets["WriteProvisionedThroughputExceeded", None]["Sum"] == 350
    assert metrics.sets["PutRecords.ThrottledRecords", None]["Sum"] == 350
    assert metrics.sets["GetRecords.Records", None]["Sum"] == 1_000
    assert metrics.sets["IncomingRecords", "shardId-000000000000"]["Sum"] == 1_000
    assert metrics.sets["WriteProvisionedThroughputExceeded", "shardId-000000000000"]["Maximum"] == 350


def test_shard_level_metrics_are_silent_until_they_are_switched_on(tmp_path: Path) -> None:
    metrics = StoredMetrics()
    service = service_in(tmp_path, metrics)
    service.call("CreateStream", {"StreamName": "s", "ShardCount": 1})
    read_shard(service, "s", put(service, "s", "key", b"x")[0]["ShardId"])
    assert {shard for _, shard in metrics.sets} == {None}
