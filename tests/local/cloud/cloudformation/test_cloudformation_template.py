"""The pipeline's template, created, updated and deleted by the local CloudFormation."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.deployment import Deployment
from infra.errors import DeploymentError
from infra.settings import settings_of
from tests.local.cloud.deployed_pipeline import deployment_of, template_named

deploy, delete = Deployment.deploy, Deployment.delete

Event = dict[str, Any]

pytestmark = [pytest.mark.cloud, pytest.mark.cdk]


@pytest.fixture(scope="module")
def stack(clients: Any) -> dict[str, str]:
    """The outputs of a stack of this module's own; it goes with the cloud."""
    return deploy(deployment_of(clients, "cfntests", template_named("cfntests")))


def changed(environment: str, change: Callable[[str, Event], None]) -> str:
    """The template after `change` was applied to each of its resources, given type and properties."""
    template = json.loads(template_named(environment))
    for resource in template["Resources"].values():
        change(resource["Type"], resource["Properties"])
    return json.dumps(template)


def test_the_outputs_are_those_that_others_rely_on(stack: dict[str, str]) -> None:
    assert sorted(stack) == [
        "AirflowProfile",
        "AirflowRoleArn",
        "AlarmTopic",
        "AnalystRoleArn",
        "ApiUrl",
        "BufferSeconds",
        "CodeBucketName",
        "CodeUri",
        "Database",
        "DeliveryStreamName",
        "Environment",
        "LiveRoleArn",
        "MaximumShards",
        "MinimumShards",
        "RawBucket",
        "RawExpiryDays",
        "RawUri",
        "ScalingMode",
        "SparkApplicationId",
        "SparkLogUri",
        "SparkRoleArn",
        "StreamName",
        "WarehouseBucket",
        "WarehouseUri",
        "WorkGroup",
    ]
    assert stack["RawUri"] == f"s3://{stack['RawBucket']}/raw"
    assert stack["WarehouseUri"] == f"s3://{stack['WarehouseBucket']}/warehouse"


def test_the_stream_is_as_declared(stack: dict[str, str], clients: Any) -> None:
    summary = clients.kinesis.describe_stream_summary(StreamName=stack["StreamName"])["StreamDescriptionSummary"]
    assert (summary["StreamStatus"], summary["OpenShardCount"], summary["RetentionPeriodHours"]) == ("ACTIVE", 4, 24)
    assert (summary["EncryptionType"], summary["KeyId"]) == ("KMS", "alias/aws/kinesis")
    tags = clients.kinesis.list_tags_for_stream(StreamName=stack["StreamName"])["Tags"]
    assert {"Key": "application", "Value": "clickstream"} in tags


def test_the_application_is_there_to_run_jobs_on_this_machine(stack: dict[str, str], clients: Any) -> None:
    emr, compute = getattr(clients, "emr-serverless"), settings_of("local").compute
    application = emr.get_application(applicationId=stack["SparkApplicationId"])["application"]
    assert (application["state"], application["type"]) == ("CREATED", "Spark")
    assert (application["releaseLabel"], application["architecture"]) == (compute.release, compute.architecture)
    assert application["maximumCapacity"]["cpu"] == f"{compute.maximum_vcpu} vCPU"


@pytest.mark.parametrize("output", ["RawBucket", "WarehouseBucket"])
def test_a_bucket_is_encrypted_private_and_expires(stack: dict[str, str], clients: Any, output: str) -> None:
    bucket = stack[output]
    encryption = clients.s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert encryption[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert all(clients.s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    policy = json.loads(clients.s3.get_bucket_policy(Bucket=bucket)["Policy"])
    assert policy["Statement"][0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    rules = {rule["ID"]: rule for rule in clients.s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]}
    assert rules["abandoned-uploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    if output == "RawBucket":
        assert rules["raw-objects"]["Filter"] == {"Prefix": "raw/"}
        assert rules["raw-objects"]["Expiration"] == {"Days": 90}
    else:
        assert rules["tables"]["Filter"] == {"Prefix": "warehouse/"}
        assert rules["tables"]["Transitions"] == [{"Days": 7, "StorageClass": "INTELLIGENT_TIERING"}]


def test_the_delivery_stream_is_as_declared(stack: dict[str, str], clients: Any) -> None:
    described = clients.firehose.describe_delivery_stream(DeliveryStreamName=stack["DeliveryStreamName"])
    destination = described["DeliveryStreamDescription"]["Destinations"][0]["ExtendedS3DestinationDescription"]
    assert destination["CompressionFormat"] == "GZIP"
    assert destination["BufferingHints"] == {"IntervalInSeconds": 5, "SizeInMBs": 16}
    assert destination["BucketARN"] == f"arn:aws:s3:::{stack['RawBucket']}"


def test_the_database_the_firewall_and_the_error_log_are_there(stack: dict[str, str], clients: Any) -> None:
    assert clients.glue.get_database(Name=stack["Database"])["Database"]["LocationUri"] == stack["WarehouseUri"]
    acl = next(
        acl for acl in clients.wafv2.list_web_acls(Scope="REGIONAL")["WebACLs"] if acl["Name"] == "clickstream-cfntests"
    )
    resources = clients.wafv2.list_resources_for_web_acl(WebACLArn=acl["ARN"])["ResourceArns"]
    assert [arn.rsplit("/", 1)[1] for arn in resources] == ["v1"]
    groups = clients.logs.describe_log_groups(logGroupNamePrefix="/aws/kinesisfirehose/clickstream-cfntests")
    assert groups["logGroups"][0]["retentionInDays"] == 14


def test_the_alarms_tell_the_topic_and_the_dashboard_is_there(stack: dict[str, str], clients: Any) -> None:
    alarms = clients.cloudwatch.describe_alarms(AlarmNamePrefix="clickstream-cfntests-")["MetricAlarms"]
    assert len(alarms) == 14
    assert all(alarm["AlarmActions"] == [stack["AlarmTopic"]] for alarm in alarms)
    dashboard = json.loads(clients.cloudwatch.get_dashboard(DashboardName="clickstream-cfntests")["DashboardBody"])
    assert len(dashboard["widgets"]) == len(alarms)


def test_the_application_takes_jobs(stack: dict[str, str], clients: Any) -> None:
    found = getattr(clients, "emr-serverless").get_application(applicationId=stack["SparkApplicationId"])["application"]
    assert (found["releaseLabel"], found["architecture"], found["state"]) == ("emr-spark-8.0.0", "X86_64", "CREATED")
    assert found["maximumCapacity"] == {"cpu": "16 vCPU", "memory": "64 GB", "disk": "800 GB"}


def test_deploying_the_same_again_changes_nothing(stack: dict[str, str], clients: Any) -> None:
    assert deploy(deployment_of(clients, "cfntests", template_named("cfntests"))) == stack


def test_an_update_reshards_and_changes_what_it_names_and_nothing_else(stack: dict[str, str], clients: Any) -> None:
    def change(kind: str, properties: Event) -> None:
        if kind == "AWS::Kinesis::Stream":
            properties.update(ShardCount=5, RetentionPeriodHours=48)
            del properties["StreamEncryption"]
        if kind == "AWS::KinesisFirehose::DeliveryStream":
            properties["ExtendedS3DestinationConfiguration"]["BufferingHints"]["IntervalInSeconds"] = 7
        if kind == "AWS::S3::Bucket":
            del properties["LifecycleConfiguration"]

    deploy(deployment_of(clients, "cfntests", changed("cfntests", change)))
    summary = clients.kinesis.describe_stream_summary(StreamName=stack["StreamName"])["StreamDescriptionSummary"]
    assert (summary["OpenShardCount"], summary["RetentionPeriodHours"]) == (5, 48)
    assert summary["EncryptionType"] == "NONE"
    described = clients.firehose.describe_delivery_stream(DeliveryStreamName=stack["DeliveryStreamName"])
    destination = described["DeliveryStreamDescription"]["Destinations"][0]["ExtendedS3DestinationDescription"]
    assert destination["BufferingHints"]["IntervalInSeconds"] == 7
    with pytest.raises(ClientError, match="NoSuchLifecycleConfiguration"):
        clients.s3.get_bucket_lifecycle_configuration(Bucket=stack["WarehouseBucket"])
    deploy(deployment_of(clients, "cfntests", template_named("cfntests")))
    summary = clients.kinesis.describe_stream_summary(StreamName=stack["StreamName"])["StreamDescriptionSummary"]
    assert (summary["OpenShardCount"], summary["RetentionPeriodHours"], summary["EncryptionType"]) == (4, 24, "KMS")


def test_an_update_leaves_shards_alone_that_the_template_did_not_change(stack: dict[str, str], clients: Any) -> None:
    clients.kinesis.update_shard_count(
        StreamName=stack["StreamName"], TargetShardCount=6, ScalingType="UNIFORM_SCALING"
    )
    clients.kinesis.get_waiter("stream_exists").wait(StreamName=stack["StreamName"], WaiterConfig={"Delay": 1})

    def change(kind: str, properties: Event) -> None:
        if kind == "AWS::Kinesis::Stream":
            properties["RetentionPeriodHours"] = 30

    deploy(deployment_of(clients, "cfntests", changed("cfntests", change)))
    summary = clients.kinesis.describe_stream_summary(StreamName=stack["StreamName"])["StreamDescriptionSummary"]
    assert (summary["OpenShardCount"], summary["RetentionPeriodHours"]) == (6, 30)


@pytest.mark.parametrize(
    ("kind", "properties", "named"),
    [
        ("AWS::SQS::Queue", {}, "Extra: the type AWS::SQS::Queue"),
        ("AWS::S3::Bucket", {"BucketName": "x", "ReplicationConfiguration": {}}, "ReplicationConfiguration"),
        (
            "AWS::Kinesis::Stream",
            {"StreamModeDetails": {"StreamMode": "PROVISIONED", "Warm": 1}},
            "StreamModeDetails.Warm",
        ),
        (
            "AWS::KinesisFirehose::DeliveryStream",
            {"ExtendedS3DestinationConfiguration": {"ProcessingConfiguration": {}}},
            "ExtendedS3DestinationConfiguration.ProcessingConfiguration",
        ),
    ],
)
def test_what_is_not_supported_is_refused_by_name_before_anything_is_made(
    clients: Any, name: str, kind: str, properties: Event, named: str
) -> None:
    template = json.dumps({"Resources": {"Extra": {"Type": kind, "Properties": properties}}})
    with pytest.raises(ClientError, match="does not support") as refused:
        clients.cloudformation.create_stack(StackName=name, TemplateBody=template)
    assert named in str(refused.value)
    with pytest.raises(ClientError, match="does not exist"):
        clients.cloudformation.describe_stacks(StackName=name)


def test_a_resource_that_fails_is_named_with_its_reason(clients: Any, stack: dict[str, str], name: str) -> None:
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "UPPER"}}
    template = json.dumps({"Resources": {"Named": bucket}})
    with pytest.raises(DeploymentError, match=r"Named \(AWS::S3::Bucket\): CREATE_FAILED.*InvalidBucketName"):
        deploy(deployment_of(clients, name, template))


def test_a_model_that_the_validator_cannot_check_does_not_deploy(clients: Any, name: str) -> None:
    api = {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": name}}
    schema = {"type": "object", "patternProperties": {}}
    properties = {"RestApiId": {"Ref": "Api"}, "ContentType": "application/json", "Schema": schema}
    model = {"Type": "AWS::ApiGateway::Model", "Properties": properties}
    template = json.dumps({"Resources": {"Api": api, "Model": model}})
    with pytest.raises(DeploymentError, match="does not know patternProperties"):
        deploy(deployment_of(clients, name, template))


def test_a_failed_creation_is_cleared_away_by_the_next_deployment(clients: Any, name: str) -> None:
    bucket: Event = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "UPPER"}}
    with pytest.raises(DeploymentError):
        deploy(deployment_of(clients, name, json.dumps({"Resources": {"Named": bucket}})))
    bucket["Properties"]["BucketName"] = name
    output = {"Bucket": {"Value": {"Ref": "Named"}}}
    template = json.dumps({"Resources": {"Named": bucket}, "Outputs": output})
    assert deploy(deployment_of(clients, name, template)) == {"Bucket": name}


def test_a_stack_with_objects_in_its_bucket_is_not_deleted_and_an_empty_one_is_gone(clients: Any) -> None:
    deployment = deployment_of(clients, "gone", template_named("gone"))
    outputs = deploy(deployment)
    clients.s3.put_object(Bucket=outputs["RawBucket"], Key="raw/x", Body=b"x")
    with pytest.raises(DeploymentError, match="not empty"):
        delete(deployment)
    clients.s3.delete_object(Bucket=outputs["RawBucket"], Key="raw/x")
    delete(deployment)
    assert outputs["StreamName"] not in clients.kinesis.list_streams()["StreamNames"]
    assert outputs["RawBucket"] not in [bucket["Name"] for bucket in clients.s3.list_buckets()["Buckets"]]
    assert "clickstream-gone" not in [api["name"] for api in clients.apigateway.get_rest_apis()["items"]]
    assert "clickstream-gone" not in [acl["Name"] for acl in clients.wafv2.list_web_acls(Scope="REGIONAL")["WebACLs"]]
