"""What AWS refuses, the local cloud refuses, with AWS's code."""

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local.cloud.json_protocol import AwsError
from local.cloud.kinesis.read import ITERATOR_SECONDS, ShardIterator
from local.cloud.kinesis.service import KinesisService
from tests.local.cloud.kinesis.kinesis_in_process import put, read_stream, service_in

MEBIBYTE = 2**20


@pytest.fixture
def service(tmp_path: Path) -> Any:
    made = service_in(tmp_path)
    made.call("CreateStream", {"StreamName": "s", "ShardCount": 4})
    return made


def record(data: Any = b"x", key: str = "k") -> Any:
    return {"Data": base64.b64encode(data).decode(), "PartitionKey": key}


def scale(service: KinesisService, target: int) -> Any:
    return service.call(
        "UpdateShardCount", {"StreamName": "s", "TargetShardCount": target, "ScalingType": "UNIFORM_SCALING"}
    )


@pytest.mark.parametrize(
    ("operation", "payload", "code"),
    [
        pytest.param("PutRecords", {"Records": [record()] * 501}, "ValidationException", id="501-records"),
        pytest.param("PutRecords", {"Records": []}, "ValidationException", id="no-records"),
        pytest.param(
            "PutRecords", {"Records": [record(b"x" * MEBIBYTE)]}, "ValidationException", id="record-too-large"
        ),
        pytest.param("PutRecords", {"Records": [record(key="")]}, "ValidationException", id="empty-key"),
        pytest.param("PutRecords", {"Records": [record(key="k" * 257)]}, "ValidationException", id="key-too-long"),
        pytest.param("PutRecords", {"Records": [{"Data": "eA=="}]}, "ValidationException", id="no-key"),
        pytest.param(
            "PutRecords",
            {"Records": [record(b"x" * 1_000_000)] * 11},
            "InvalidArgumentException",
            id="request-too-large",
        ),
        pytest.param("PutRecords", {"Records": [record() | {"Data": "#"}]}, "SerializationException", id="no-base64"),
        pytest.param(
            "PutRecord",
            record() | {"ExplicitHashKey": str(2**128)},
            "InvalidArgumentException",
            id="hash-key-too-large",
        ),
        pytest.param("PutRecord", record() | {"DryRun": True}, "InvalidArgumentException", id="a-member-we-lack"),
        pytest.param("UpdateStreamMode", {}, "UnknownOperationException", id="an-operation-we-lack"),
        pytest.param("CreateStream", {"ShardCount": 1}, "ResourceInUseException", id="stream-exists"),
        pytest.param("CreateStream", {"StreamName": "t", "ShardCount": 0}, "ValidationException", id="no-shards"),
        pytest.param(
            "CreateStream",
            {"StreamName": "t", "StreamModeDetails": {"StreamMode": "ON_DEMAND"}},
            "InvalidArgumentException",
            id="on-demand",
        ),
        pytest.param("DescribeStream", {"StreamName": "t"}, "ResourceNotFoundException", id="no-such-stream"),
        pytest.param(
            "SplitShard",
            {"ShardToSplit": "shardId-000000000000", "NewStartingHashKey": "1"},
            "InvalidArgumentException",
            id="split-at-the-edge",
        ),
        pytest.param(
            "MergeShards",
            {"ShardToMerge": "shardId-000000000000", "AdjacentShardToMerge": "shardId-000000000002"},
            "InvalidArgumentException",
            id="merge-no-neighbours",
        ),
        pytest.param(
            "IncreaseStreamRetentionPeriod", {"RetentionPeriodHours": 23}, "InvalidArgumentException", id="retention"
        ),
        pytest.param("GetRecords", {"ShardIterator": "nonsense"}, "InvalidArgumentException", id="no-iterator"),
    ],
)
def test_a_refused_call_says_why_with_the_code_of_aws(
    service: KinesisService, operation: str, payload: dict[str, Any], code: str
) -> None:
    if operation not in ("GetRecords", "UpdateStreamMode"):
        payload = {"StreamName": "s"} | payload
    with pytest.raises(AwsError) as refused:
        service.call(operation, payload)
    assert refused.value.code == code
    assert read_stream(service, "s") == []


@pytest.mark.parametrize("target", [9, 1])
def test_scaling_beyond_double_or_half_is_refused(service: KinesisService, target: int) -> None:
    with pytest.raises(AwsError, match="Current open shard count: 4") as refused:
        scale(service, target)
    assert refused.value.code == "LimitExceededException"


def test_the_eleventh_scaling_of_a_day_is_refused_and_a_day_later_it_is_not(service: KinesisService) -> None:
    for number in range(10):
        scale(service, 5 if number % 2 == 0 else 4)
    with pytest.raises(AwsError, match="10 times in 24 hours") as refused:
        scale(service, 5)
    assert refused.value.code == "LimitExceededException"
    stream = service.streams.get({"StreamName": "s"})
    stream.update(lambda state: replace(state, resize_calls=tuple(at - 24 * 3600 for at in state.resize_calls)))
    assert scale(service, 5)["TargetShardCount"] == 5


def test_the_budget_of_scalings_survives_a_restart(service: KinesisService, tmp_path: Path) -> None:
    for number in range(10):
        scale(service, 5 if number % 2 == 0 else 4)
    with pytest.raises(AwsError, match="10 times in 24 hours"):
        scale(service_in(tmp_path), 5)


def test_splits_and_merges_do_not_spend_the_budget(service: KinesisService) -> None:
    for _ in range(12):
        low, high = service.streams.get({"StreamName": "s"}).state.shards.open_shards()[:2]
        ids = [f"shardId-{one.index:012d}" for one in (low, high)]
        service.call("MergeShards", {"StreamName": "s", "ShardToMerge": ids[0], "AdjacentShardToMerge": ids[1]})
        merged = service.streams.get({"StreamName": "s"}).state.shards.open_shards()[0]
        asked = {"ShardToSplit": f"shardId-{merged.index:012d}", "NewStartingHashKey": str(high.start)}
        service.call("SplitShard", {"StreamName": "s", **asked})
    assert scale(service, 5)["CurrentShardCount"] == 4


def test_a_stream_is_updating_after_a_reshard_and_takes_records_but_no_second_reshard(tmp_path: Path) -> None:
    service = service_in(tmp_path, reshard_seconds=3600)
    service.call("CreateStream", {"StreamName": "s", "ShardCount": 4})
    scale(service, 8)
    summary = service.call("DescribeStreamSummary", {"StreamName": "s"})["StreamDescriptionSummary"]
    assert (summary["StreamStatus"], summary["OpenShardCount"]) == ("UPDATING", 8)
    assert "SequenceNumber" in put(service, "s", "k", b"x")[0]
    with pytest.raises(AwsError) as refused:
        scale(service, 16)
    assert refused.value.code == "ResourceInUseException"


def test_a_stream_that_is_being_created_takes_no_records(tmp_path: Path) -> None:
    service = service_in(tmp_path, create_seconds=3600)
    service.call("CreateStream", {"StreamName": "s", "ShardCount": 1})
    with pytest.raises(AwsError) as refused:
        put(service, "s", "k", b"x")
    assert refused.value.code == "ResourceNotFoundException"


def test_the_accounts_shard_limit_holds(tmp_path: Path) -> None:
    service = service_in(tmp_path, shard_limit=5)
    service.call("CreateStream", {"StreamName": "s", "ShardCount": 4})
    with pytest.raises(AwsError, match="Limit: 5") as refused:
        scale(service, 6)
    assert refused.value.code == "LimitExceededException"
    assert service.call("DescribeLimits", {})["OpenShardCount"] == 4


def test_a_full_shard_throttles_its_records_and_the_others_keep_theirs_in_order(service: KinesisService) -> None:
    def hash_key(shard: int) -> Any:
        return str(shard * 2**126)

    full = [record(b"f") | {"ExplicitHashKey": hash_key(0)}] * 500
    for _ in range(2):
        service.call("PutRecords", {"StreamName": "s", "Records": full})
    mixed = [record(f"{n}".encode()) | {"ExplicitHashKey": hash_key(n % 2)} for n in range(10)]
    answer = service.call("PutRecords", {"StreamName": "s", "Records": mixed})
    codes = [one.get("ErrorCode") for one in answer["Records"]]
    assert codes == ["ProvisionedThroughputExceededException", None] * 5
    assert answer["FailedRecordCount"] == 5
    assert "shardId-000000000000 in stream s under account" in answer["Records"][0]["ErrorMessage"]


def test_a_throttled_single_record_is_an_error(service: KinesisService) -> None:
    put(service, "s", "k", *[b"x"] * 500)
    put(service, "s", "k", *[b"x"] * 500)
    with pytest.raises(AwsError) as refused:
        service.call("PutRecord", {"StreamName": "s"} | record())
    assert refused.value.code == "ProvisionedThroughputExceededException"


def test_an_iterator_expires_after_five_minutes(service: KinesisService) -> None:
    shard = put(service, "s", "k", b"x")[0]["ShardId"]
    asked = {"StreamName": "s", "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
    iterator = ShardIterator.decode(service.call("GetShardIterator", asked)["ShardIterator"])
    old = replace(iterator, issued=iterator.issued - ITERATOR_SECONDS - 1)
    with pytest.raises(AwsError) as refused:
        service.call("GetRecords", {"ShardIterator": old.encode()})
    assert refused.value.code == "ExpiredIteratorException"
