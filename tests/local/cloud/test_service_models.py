"""Every operation of ours answers what botocore's service model says; the `clients` fixture checks each answer."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.exceptions
import botocore.session
import pytest

from local.cloud.emr_serverless.service import OPERATIONS as EMR_SERVERLESS
from local.cloud.firehose.service import OPERATIONS as FIREHOSE
from local.cloud.kinesis.service import OPERATIONS as KINESIS
from tests.local.cloud.conftest import Clients
from tests.local.cloud.service_model import violations

ROLE = "arn:aws:iam::000000000000:role/delivery"


@pytest.mark.parametrize(
    ("service", "operations"), [("kinesis", KINESIS), ("firehose", FIREHOSE), ("emr-serverless", EMR_SERVERLESS)]
)
def test_the_table_of_operations_knows_only_members_of_the_model(service: str, operations: dict[str, Any]) -> None:
    model = botocore.session.get_session().get_service_model(service)
    for operation, (_, members) in operations.items():
        assert set(members) <= set(model.operation_model(operation).input_shape.members), operation


def test_the_validator_finds_what_is_missing_unknown_or_of_a_wrong_type() -> None:
    shape = botocore.session.get_session().get_service_model("kinesis").operation_model("DescribeLimits").output_shape
    answer = {"ShardLimit": "5", "OpenShardCount": 1, "OnDemandStreamCount": 0, "Surprise": 1}
    assert violations(shape, answer) == [
        "answer.OnDemandStreamCountLimit is missing",
        "answer.Surprise is unknown to DescribeLimitsOutput",
        "answer.ShardLimit is no integer: '5'",
    ]


def await_active(kinesis: Any, name: str) -> None:
    deadline = time.monotonic() + 20
    while kinesis.describe_stream(StreamName=name)["StreamDescription"]["StreamStatus"] != "ACTIVE":
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.cloud
def test_every_kinesis_operation_answers_its_model(clients: Clients, name: str) -> None:
    kinesis, called = clients.kinesis, set()
    kinesis.meta.events.register("before-call.kinesis", lambda model, **_: called.add(model.name))
    kinesis.create_stream(StreamName=name, ShardCount=2, Tags={"a": "b"})
    summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    arn = summary["StreamARN"]
    kinesis.start_stream_encryption(StreamName=name, EncryptionType="KMS", KeyId="alias/aws/kinesis")
    put = kinesis.put_record(StreamARN=arn, Data=b"x", PartitionKey="k", SequenceNumberForOrdering="0")
    assert put["EncryptionType"] == "KMS"
    kinesis.put_records(StreamName=name, Records=[{"Data": b"x", "PartitionKey": str(n)} for n in range(50)])
    kinesis.stop_stream_encryption(StreamName=name, EncryptionType="KMS", KeyId="alias/aws/kinesis")
    kinesis.enable_enhanced_monitoring(StreamName=name, ShardLevelMetrics=["IncomingBytes", "IncomingRecords"])
    left = kinesis.disable_enhanced_monitoring(StreamName=name, ShardLevelMetrics=["IncomingBytes"])
    assert left["DesiredShardLevelMetrics"] == ["IncomingRecords"]
    kinesis.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=48)
    kinesis.decrease_stream_retention_period(StreamName=name, RetentionPeriodHours=24)
    kinesis.add_tags_to_stream(StreamName=name, Tags={"c": "d"})
    kinesis.remove_tags_from_stream(StreamName=name, TagKeys=["a"])
    kinesis.tag_resource(ResourceARN=arn, Tags={"e": "f"})
    kinesis.untag_resource(ResourceARN=arn, TagKeys=["c"])
    assert kinesis.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "e", "Value": "f"}]
    kinesis.list_tags_for_stream(StreamName=name)
    kinesis.describe_limits()
    assert name in kinesis.list_streams()["StreamNames"]

    kinesis.update_shard_count(StreamName=name, TargetShardCount=4, ScalingType="UNIFORM_SCALING")
    await_active(kinesis, name)
    low, high = [one for one in kinesis.list_shards(StreamName=name)["Shards"] if "ParentShardId" in one][:2]
    kinesis.merge_shards(StreamName=name, ShardToMerge=low["ShardId"], AdjacentShardToMerge=high["ShardId"])
    await_active(kinesis, name)
    merged = kinesis.list_shards(StreamName=name)["Shards"][-1]
    middle = int(merged["HashKeyRange"]["EndingHashKey"]) // 2
    kinesis.split_shard(StreamName=name, ShardToSplit=merged["ShardId"], NewStartingHashKey=str(middle))
    first = kinesis.list_shards(StreamName=name, MaxResults=1)
    rest = kinesis.list_shards(NextToken=first["NextToken"])
    assert len(first["Shards"] + rest["Shards"]) == 9
    shard = first["Shards"][0]["ShardId"]
    iterator = kinesis.get_shard_iterator(StreamName=name, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    answer = kinesis.get_records(ShardIterator=iterator["ShardIterator"])
    assert answer["ChildShards"]
    kinesis.delete_stream(StreamName=name)
    assert called == set(KINESIS)


@pytest.mark.cloud
def test_every_firehose_operation_answers_its_model(clients: Clients, name: str) -> None:
    firehose, called = clients.firehose, set()
    firehose.meta.events.register("before-call.firehose", lambda model, **_: called.add(model.name))
    clients.kinesis.create_stream(StreamName=name, ShardCount=1)
    arn = clients.kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    destination = {"BucketARN": f"arn:aws:s3:::{name}", "RoleARN": ROLE}
    firehose.create_delivery_stream(
        DeliveryStreamName=name,
        DeliveryStreamType="KinesisStreamAsSource",
        KinesisStreamSourceConfiguration={"KinesisStreamARN": arn, "RoleARN": ROLE},
        ExtendedS3DestinationConfiguration=destination,
        Tags=[{"Key": "a", "Value": "b"}],
    )
    described = firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]
    destination_id = described["Destinations"][0]["DestinationId"]
    with pytest.raises(firehose.exceptions.ConcurrentModificationException):
        firehose.update_destination(
            DeliveryStreamName=name,
            CurrentDeliveryStreamVersionId="7",
            DestinationId=destination_id,
            ExtendedS3DestinationUpdate={},
        )
    firehose.update_destination(
        DeliveryStreamName=name,
        CurrentDeliveryStreamVersionId="1",
        DestinationId=destination_id,
        ExtendedS3DestinationUpdate={"BufferingHints": {"SizeInMBs": 2, "IntervalInSeconds": 60}},
    )
    assert name in firehose.list_delivery_streams()["DeliveryStreamNames"]
    firehose.tag_delivery_stream(DeliveryStreamName=name, Tags=[{"Key": "c", "Value": "d"}])
    firehose.untag_delivery_stream(DeliveryStreamName=name, TagKeys=["a"])
    firehose.list_tags_for_delivery_stream(DeliveryStreamName=name)
    firehose.delete_delivery_stream(DeliveryStreamName=name)
    with pytest.raises(firehose.exceptions.ResourceNotFoundException):
        firehose.describe_delivery_stream(DeliveryStreamName=name)
    assert called == set(FIREHOSE)


@pytest.mark.cloud
@pytest.mark.parametrize(
    ("service", "call"),
    [
        pytest.param(
            "kinesis",
            lambda client: client.list_stream_consumers(StreamARN="arn:aws:kinesis:us-east-1:000000000000:stream/s"),
            id="kinesis",
        ),
        pytest.param(
            "firehose", lambda client: client.put_record(DeliveryStreamName="d", Record={"Data": b""}), id="firehose"
        ),
    ],
)
def test_a_call_that_we_lack_is_an_error_that_names_it(clients: Clients, service: str, call: Any) -> None:
    with pytest.raises(botocore.exceptions.ClientError, match="The local cloud does not have") as refused:
        call(getattr(clients, service))
    assert refused.value.response["Error"]["Code"] == "UnknownOperationException"


@pytest.mark.cloud
def test_cloudwatch_answers_with_the_streams_metrics(clients: Clients, name: str) -> None:
    clients.kinesis.create_stream(StreamName=name, ShardCount=1)
    clients.kinesis.put_records(StreamName=name, Records=[{"Data": b"12345", "PartitionKey": "key"}] * 30)
    now = datetime.now(UTC)
    window = {"StartTime": now - timedelta(minutes=5), "EndTime": now + timedelta(minutes=5)}
    metric = {
        "Namespace": "AWS/Kinesis",
        "MetricName": "IncomingRecords",
        "Dimensions": [{"Name": "StreamName", "Value": name}],
    }
    points = clients.cloudwatch.get_metric_statistics(**metric, **window, Period=60, Statistics=["Sum"])
    assert sum(point["Sum"] for point in points["Datapoints"]) == 30
    query = {"Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}
    (result,) = clients.cloudwatch.get_metric_data(MetricDataQueries=[query], **window)["MetricDataResults"]
    assert sum(result["Values"]) == 30
