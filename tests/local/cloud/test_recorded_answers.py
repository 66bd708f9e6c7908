"""The local cloud answers as AWS did when it was recorded (see aws_recorded/README.md)."""

import gzip
import json
import re
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.local.cloud.conftest import Clients

pytestmark = pytest.mark.cloud

RECORDED = Path(__file__).parent / "aws_recorded"
PLACEHOLDER = re.compile(r"<[^<>]+>|timestamp|starting_hash|ending_hash")
ROLE = "arn:aws:iam::000000000000:role/delivery"


def recorded(file: str, test: str) -> Any:
    answers = json.loads((RECORDED / f"{file}.json").read_text())
    (name,) = [name for name in answers if name.endswith(f"::{test}")]
    return answers[name]["recorded-content"]


def assert_matches(expected: Any, actual: Any, where: str = "answer") -> None:
    """Equal, but for what the recording replaced by placeholders, and for HTTP headers, which it left out."""
    if isinstance(expected, dict):
        actual = {key: value for key, value in actual.items() if key in expected or key != "ResponseMetadata"}
        assert expected.keys() == actual.keys(), where
        for key, value in expected.items():
            if key == "ResponseMetadata":
                assert actual[key]["HTTPStatusCode"] == value["HTTPStatusCode"]
            else:
                assert_matches(value, actual[key], f"{where}.{key}")
    elif isinstance(expected, list):
        assert len(expected) == len(actual), where
        for place, value in enumerate(expected):
            assert_matches(value, actual[place], f"{where}[{place}]")
    elif isinstance(expected, str) and PLACEHOLDER.fullmatch(expected):
        assert isinstance(actual, str | datetime), where
        assert actual, where
    else:
        assert expected == (str(actual) if isinstance(actual, bytes) else actual), where


def test_a_stream_made_without_a_shard_count_has_four_shards(clients: Clients, name: str) -> None:
    clients.kinesis.create_stream(StreamName=name)
    clients.kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
    answer = clients.kinesis.list_shards(StreamName=name)
    assert_matches(recorded("kinesis", "test_create_stream_without_shard_count"), {"Shards": answer["Shards"]})


def test_tags_are_listed(clients: Clients, name: str) -> None:
    clients.kinesis.create_stream(StreamName=name, ShardCount=1)
    clients.kinesis.add_tags_to_stream(StreamName=name, Tags={"foo": "bar"})
    answer = clients.kinesis.list_tags_for_stream(StreamName=name)
    assert_matches(recorded("kinesis", "test_add_tags_to_stream"), {"Tags": answer["Tags"][0]})
    assert not answer["HasMoreTags"]


def test_records_come_back_byte_for_byte(clients: Clients, name: str) -> None:
    clients.kinesis.create_stream(StreamName=name, ShardCount=1)
    expected = recorded("kinesis", "test_record_lifecycle_data_integrity")
    payloads = [b"", b"a" * 1024, b"test", "ünicödé 统一码 💣💻🔥".encode()]
    for data in payloads:
        clients.kinesis.put_record(StreamName=name, Data=data, PartitionKey="1")
    iterator = clients.kinesis.get_shard_iterator(
        StreamName=name, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    answer = clients.kinesis.get_records(ShardIterator=iterator)
    expected["Records"][1]["Data"] = str(payloads[1])  # recorded with another length of a's
    assert_matches(expected, {"Records": answer["Records"]})


def test_a_stream_that_does_not_exist_is_named_with_its_account(clients: Clients) -> None:
    expected = recorded("kinesis", "test_cbor_exceptions")["cbor-error"]
    with pytest.raises(clients.kinesis.exceptions.ResourceNotFoundException) as refused:
        clients.kinesis.describe_stream(StreamName="wrong-stream-name")
    error = refused.value.response["Error"]
    assert error["Code"] == expected["__type"]
    assert error["Message"] == expected["message"].replace("111111111111", "000000000000")


def make_delivery_stream(clients: Clients, name: str, bucket: str, arn: str, prefix: str) -> None:
    clients.s3.create_bucket(Bucket=bucket)
    clients.firehose.create_delivery_stream(
        DeliveryStreamName=name,
        DeliveryStreamType="KinesisStreamAsSource",
        KinesisStreamSourceConfiguration={"KinesisStreamARN": arn, "RoleARN": ROLE},
        ExtendedS3DestinationConfiguration={
            "BucketARN": f"arn:aws:s3:::{bucket}",
            "RoleARN": ROLE,
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 0},
            "Prefix": prefix,
        },
    )


def bodies(clients: Clients, bucket: str) -> Any:
    listed = clients.s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return [clients.s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read() for one in listed]


def await_bytes(clients: Clients, bucket: str, count: int) -> Any:
    deadline = time.monotonic() + 30
    while sum(map(len, bodies(clients, bucket))) < count and time.monotonic() < deadline:
        time.sleep(0.1)
    return b"".join(bodies(clients, bucket))


def make_stream(clients: Clients, name: str) -> Any:
    clients.kinesis.create_stream(StreamName=name, ShardCount=1)
    return clients.kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]


def test_firehose_delivers_records_bare_one_after_the_other(clients: Clients, name: str) -> None:
    make_delivery_stream(clients, name, name, make_stream(clients, name), "")
    messages = recorded("kinesis_firehose", "test_kinesis_firehose_s3")["s3"]
    # One call, so that all of them are in one object: the listing's order is not that of the uploads.
    records = [{"Data": json.dumps(message).encode(), "PartitionKey": "1"} for message in messages]
    clients.kinesis.put_records(StreamName=name, Records=records)
    expected = "".join(json.dumps(message) for message in messages).encode()
    assert await_bytes(clients, name, len(expected)) == expected


def test_two_delivery_streams_read_one_stream(clients: Clients, name: str) -> None:
    arn = make_stream(clients, name)
    content = recorded("firehose", "test_kinesis_firehose_kinesis_as_source_multiple_delivery_streams")
    (expected,) = {message["folder-name"] for message in next(iter(content.values())).values()}
    for letter in "ab":
        make_delivery_stream(clients, f"{name}-{letter}", f"{name}-{letter}", arn, "folder/")
    clients.kinesis.put_record(StreamName=name, Data=expected.encode(), PartitionKey="1")
    for letter in "ab":
        assert await_bytes(clients, f"{name}-{letter}", len(expected)) == expected.encode()


def test_delivery_stream_tags_are_listed_removed_and_added(clients: Clients, name: str) -> None:
    make_delivery_stream(clients, name, name, make_stream(clients, name), "")
    expected = recorded("firehose", "test_resource_tagging")
    clients.firehose.tag_delivery_stream(DeliveryStreamName=name, Tags=[{"Key": "subject", "Value": "taboo"}])
    assert_matches(expected["list-tags-1"], clients.firehose.list_tags_for_delivery_stream(DeliveryStreamName=name))
    removed = clients.firehose.untag_delivery_stream(DeliveryStreamName=name, TagKeys=["subject"])
    assert_matches(expected["remove-tags"], removed)
    assert_matches(expected["list-tags-2"], clients.firehose.list_tags_for_delivery_stream(DeliveryStreamName=name))
    tags = [{"Key": "feeling", "Value": "uncomfortable"}]
    added = clients.firehose.tag_delivery_stream(DeliveryStreamName=name, Tags=tags)
    assert_matches(expected["add-tags"], added)
    assert_matches(expected["list-tags-3"], clients.firehose.list_tags_for_delivery_stream(DeliveryStreamName=name))


def test_gzip_objects_end_in_gz_and_hold_the_records(clients: Clients, name: str) -> None:
    make_delivery_stream(clients, name, name, make_stream(clients, name), "")
    described = clients.firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]
    clients.firehose.update_destination(
        DeliveryStreamName=name,
        CurrentDeliveryStreamVersionId=described["VersionId"],
        DestinationId=described["Destinations"][0]["DestinationId"],
        ExtendedS3DestinationUpdate={"CompressionFormat": "GZIP"},
    )
    clients.kinesis.put_record(StreamName=name, Data=b"line\n", PartitionKey="1")
    assert gzip.decompress(await_bytes(clients, name, 1)) == b"line\n"
    (key,) = [one["Key"] for one in clients.s3.list_objects_v2(Bucket=name)["Contents"]]
    assert re.fullmatch(rf"\d{{4}}/\d\d/\d\d/\d\d/{name}-2-\d{{4}}(-\d\d){{5}}-[0-9a-f-]{{36}}\.gz", key)
