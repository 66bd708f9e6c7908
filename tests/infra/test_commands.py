"""`deploy`, `diff`, `destroy` and `outputs` on a local cloud, and what a person reads whose account is not ready."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from infra import deploy, destroy, diff, outputs
from infra.account import in_plain_words
from infra.deploy import adoptable, usable_outputs
from infra.deployment import MAX_TEMPLATE_BYTES
from infra.errors import DeploymentError
from infra.outputs import airflow_variables
from local.cloud.process import LocalCloud
from pipeline.settings import EmrServerlessSettings, settings_from

RAW = "clickstream-local-raw-000000000000-us-east-1"
TEMPLATES = "clickstream-local-templates-000000000000-us-east-1"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    with LocalCloud(tmp_path_factory.mktemp("cloud")) as cloud:
        yield cloud


@pytest.fixture
def shell(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> LocalCloud:
    for name, value in cloud.environment().items():
        monkeypatch.setenv(name, value)
    return cloud


@pytest.mark.cdk
@pytest.mark.cloud
def test_from_an_empty_account_to_a_stack_and_back_to_nothing(
    shell: LocalCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    assert outputs.main([]) == 1
    assert "there is no stack clickstream-local here: deploy it first" in capsys.readouterr().err

    assert diff.main([]) == 0
    assert "+ add AWS::Kinesis::Stream" in capsys.readouterr().out

    assert deploy.main([]) == 0
    printed = json.loads(capsys.readouterr().out)
    s3 = shell.client("s3")
    assert len(s3.list_objects_v2(Bucket=TEMPLATES)["Contents"]) == 1, "no request can carry the template"
    assert all(s3.get_public_access_block(Bucket=TEMPLATES)["PublicAccessBlockConfiguration"].values())
    assert printed["ApiUrl"].startswith(shell.endpoint_url)

    assert diff.main([]) == 0
    assert capsys.readouterr().out == "nothing would change\n"

    assert outputs.main([]) == 0
    variables = dict(line.split("=", 1) for line in capsys.readouterr().out.splitlines())
    assert variables["CLICKSTREAM_BUFFER_SECONDS"] == printed["BufferSeconds"]

    s3.put_object(Bucket=RAW, Key="raw/x", Body=b"x")
    assert destroy.main([]) == 1
    said = capsys.readouterr().err
    assert f"with every object in it: bucket {RAW}" in said
    assert "nothing was done: confirm with CONFIRM=local" in said
    assert destroy.main(["--confirm", "local"]) == 0
    left = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    assert left == []


@pytest.mark.slow
@pytest.mark.cdk
@pytest.mark.cloud
def test_what_an_environment_keeps_is_named_stays_and_is_taken_over_by_the_next_stack(
    shell: LocalCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    assert deploy.main(["--environment", "prod"]) == 0
    bucket = json.loads(capsys.readouterr().out)["RawBucket"]
    shell.client("s3").put_object(Bucket=bucket, Key="raw/x", Body=b"x")
    assert destroy.main(["--environment", "prod", "--confirm", "prod"]) == 0
    said = capsys.readouterr().err
    assert f"and this stays: AWS::S3::Bucket {bucket}" in said
    assert f"aws s3 rb --force s3://{bucket}" in said
    assert "make deploy ENV=prod ADOPT=1" in said
    assert shell.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] == 1

    assert deploy.main(["--environment", "prod"]) == 1
    said = capsys.readouterr().err
    assert f"'{bucket}' already exists. (what an earlier stack left" in said


def test_names_are_written_out_for_what_is_taken_over() -> None:
    class Target:
        class account:  # noqa: N801
            number, region = "123456789012", "eu-west-1"

    joined = {"Fn::Join": ["", ["raw-", {"Ref": "AWS::AccountId"}, "-", {"Ref": "AWS::Region"}]]}
    template = {"Resources": {"B": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": joined}}}}
    found = json.loads(adoptable(json.dumps(template), Target()))  # type: ignore[arg-type]
    assert found["Resources"]["B"]["Properties"]["BucketName"] == "raw-123456789012-eu-west-1"


def test_airflow_reads_what_the_stack_puts_out(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = dict.fromkeys(outputs.AIRFLOW.values(), "1") | {
        "Environment": "prod",
        "RawUri": "s3://raw/raw",
        "WarehouseUri": "s3://warehouse/warehouse",
        "Database": "clickstream_prod",
        "AlarmTopic": "arn:aws:sns:eu-west-1:1:t",
        "BufferSeconds": "60",
        "RawExpiryDays": "30",
        "SparkLogUri": "s3://code/logs",
    }
    settings = settings_from(airflow_variables(stack) | {"CLICKSTREAM_SPARK": "emr-serverless"})
    assert isinstance(settings.spark, EmrServerlessSettings)
    assert settings.spark.log_uri == "s3://code/logs"
    assert settings.lake.warehouse_uri == "s3://warehouse/warehouse"
    assert (settings.buffer_interval.total_seconds(), settings.raw_retention.days) == (60, 30)
    assert settings.alarm_topic == stack["AlarmTopic"]
    del stack["RawExpiryDays"]
    with pytest.raises(DeploymentError, match="no output RawExpiryDays: it is of an older version"):
        airflow_variables(stack)


def test_the_apis_url_is_its_own_on_aws_and_below_the_endpoint_elsewhere() -> None:
    found = {"ApiUrl": "https://abc123.execute-api.eu-west-1.amazonaws.com/v1", "StreamName": "s"}
    assert usable_outputs(found, endpoint_url=None) == found
    assert usable_outputs(found, endpoint_url="http://127.0.0.1:4566/") == {
        "ApiUrl": "http://127.0.0.1:4566/restapis/abc123/v1/_user_request_",
        "StreamName": "s",
    }


def test_the_local_environment_is_never_deployed_to_aws(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert deploy.main(["--environment", "local"]) == 1
    assert "set AWS_ENDPOINT_URL" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"AWS_REGION": "eu-wst-1"}, "AWS has no region 'eu-wst-1': did you mean eu-west-1?"),
        ({}, "no region is set: set AWS_REGION"),
        ({"AWS_REGION": "eu-west-1"}, "there are no AWS credentials here: sign in"),
        ({"AWS_REGION": "eu-west-1", "AWS_PROFILE": "nobody"}, "AWS_PROFILE must name a profile"),
    ],
)
def test_an_account_that_is_not_ready_is_one_sentence_with_the_way_on(
    variables: dict[str, str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name, value in variables.items():
        monkeypatch.setenv("AWS_DEFAULT_REGION" if name == "AWS_REGION" else name, value)
    assert diff.main(["--environment", "dev"]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("code", "message", "said"),
    [
        ("ExpiredToken", "The security token included in the request is expired", "the credentials have expired"),
        ("InvalidClientTokenId", "invalid", "a region that it has not enabled?"),
        (
            "AccessDenied",
            "User: arn:aws:iam::1:user/a is not authorized to perform: cloudformation:CreateChangeSet on resource: *",
            "arn:aws:iam::1:user/a lacks the right cloudformation:CreateChangeSet: ask who administers the account",
        ),
        ("SomethingElse", "words of AWS", "Call was refused: words of AWS"),
    ],
)
def test_a_refusal_of_aws_says_what_to_do(code: str, message: str, said: str) -> None:
    assert said in in_plain_words(ClientError({"Error": {"Code": code, "Message": message}}, "Call"))


def test_an_endpoint_that_does_not_answer_is_asked_about() -> None:
    assert "a local cloud meant that is not up" in in_plain_words(EndpointConnectionError(endpoint_url="http://x"))


@pytest.mark.parametrize("command", [deploy, diff, destroy, outputs])
def test_an_unknown_environment_is_named_with_the_known_ones(command: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--environment", "moon", "--endpoint-url", "http://127.0.0.1:1"]) == 1
    assert "there is no environment 'moon': take one of dev, local, prod" in capsys.readouterr().err


def test_a_request_carries_what_cloudformation_takes() -> None:
    assert MAX_TEMPLATE_BYTES == 51_200
