"""The deploy command and its deployments, against a scripted CloudFormation: what they request, and say of failures."""

import json
from dataclasses import dataclass, field
from typing import Any, Self

import pytest
from botocore.exceptions import ClientError

from infra.deploy import MAX_TEMPLATE_BYTES, Deployment, main, usable_outputs
from infra.errors import DeploymentError


@dataclass
class ScriptedCloudFormation:
    """Says one status after the other, then stays at the last; None is a stack that does not exist."""

    statuses: list[str | None]
    up_to_date: bool = False
    events: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    token: str = ""

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status is None:
            raise self._error(f"Stack with id {StackName} does not exist")
        return {"Stacks": [{"StackStatus": status, "Outputs": [{"OutputKey": "A", "OutputValue": "1"}]}]}

    def create_stack(self, **request: Any) -> None:
        self._take("create", request)

    def update_stack(self, **request: Any) -> None:
        if self.up_to_date:
            raise self._error("No updates are to be performed.")
        self._take("update", request)

    def delete_stack(self, **_request: Any) -> None:
        self.calls.append("delete")

    def get_paginator(self, _name: Any) -> Self:
        return self

    def paginate(self, **_request: Any) -> list[dict[str, Any]]:
        return [{"StackEvents": [{"ClientRequestToken": self.token} | event for event in self.events]}]

    def _take(self, name: str, request: dict[str, Any]) -> None:
        self.calls.append(name)
        self.token = request["ClientRequestToken"]

    @staticmethod
    def _error(message: str) -> ClientError:
        return ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "Operation")


def deployment(client: Any, template: str = "{}", **options: Any) -> Deployment:
    return Deployment(client=client, stack_name="pipeline", template=template, tags={}, poll_seconds=0, **options)


def test_a_new_stack_is_created_and_waited_for() -> None:
    client = ScriptedCloudFormation([None, "CREATE_IN_PROGRESS", "CREATE_COMPLETE"])
    assert deployment(client).deploy() == {"A": "1"}
    assert client.calls == ["create"]


def test_a_stack_that_stands_is_updated() -> None:
    client = ScriptedCloudFormation(["CREATE_COMPLETE", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"])
    assert deployment(client).deploy() == {"A": "1"}
    assert client.calls == ["update"]


def test_a_stack_that_is_up_to_date_is_left_alone() -> None:
    client = ScriptedCloudFormation(["UPDATE_COMPLETE"], up_to_date=True)
    assert deployment(client).deploy() == {"A": "1"}
    assert client.calls == []


def test_a_stack_that_never_came_up_is_deleted_first() -> None:
    client = ScriptedCloudFormation(
        ["ROLLBACK_COMPLETE", "ROLLBACK_COMPLETE", "DELETE_IN_PROGRESS", None, "CREATE_COMPLETE"]
    )
    deployment(client).deploy()
    assert client.calls == ["delete", "create"]


def test_an_operation_under_way_is_waited_for() -> None:
    client = ScriptedCloudFormation(["UPDATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"])
    deployment(client).deploy()
    assert client.calls == ["update"]


def test_a_failure_lists_what_failed_in_this_operation_oldest_first() -> None:
    def event(name: str, status: str, reason: str, **token: str) -> dict[str, Any]:
        return {
            "LogicalResourceId": name,
            "ResourceType": "AWS::S3::Bucket",
            "ResourceStatus": status,
            "ResourceStatusReason": reason,
            **token,
        }

    client = ScriptedCloudFormation(
        [None, "ROLLBACK_COMPLETE"],
        events=[
            event("Second", "CREATE_FAILED", "cancelled"),
            event("First", "CREATE_FAILED", "the name is taken"),
            event("Other", "CREATE_COMPLETE", ""),
            event("Earlier", "CREATE_FAILED", "long ago", ClientRequestToken="another"),
        ],
    )
    with pytest.raises(DeploymentError) as failed:
        deployment(client).deploy()
    assert str(failed.value).splitlines() == [
        "stack pipeline ended as ROLLBACK_COMPLETE:",
        "  First (AWS::S3::Bucket): CREATE_FAILED: the name is taken",
        "  Second (AWS::S3::Bucket): CREATE_FAILED: cancelled",
    ]


def test_waiting_ends_with_a_sentence() -> None:
    client = ScriptedCloudFormation([None, "CREATE_IN_PROGRESS"])
    with pytest.raises(DeploymentError, match=r"still CREATE_IN_PROGRESS after 0 s"):
        deployment(client, timeout_seconds=0).deploy()


def test_a_template_that_create_stack_would_not_take_is_said_before() -> None:
    template = json.dumps({"Description": "x" * MAX_TEMPLATE_BYTES})
    with pytest.raises(DeploymentError, match="split the stack"):
        deployment(ScriptedCloudFormation([None]), template).deploy()


def test_the_apis_url_is_its_own_on_aws_and_below_the_endpoint_elsewhere() -> None:
    outputs = {"ApiUrl": "https://abc123.execute-api.eu-west-1.amazonaws.com/v1", "StreamName": "s"}
    assert usable_outputs(outputs, endpoint_url=None) == outputs
    assert usable_outputs(outputs, endpoint_url="http://127.0.0.1:4566/") == {
        "ApiUrl": "http://127.0.0.1:4566/restapis/abc123/v1/_user_request_",
        "StreamName": "s",
    }


def test_what_the_dags_must_know_of_the_settings_is_printed_beside_the_outputs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    client = ScriptedCloudFormation([None, "CREATE_COMPLETE"])
    monkeypatch.setattr("infra.deploy.boto3.client", lambda *_args, **_options: client)
    monkeypatch.setattr("infra.deploy.synthesized", lambda *_args, **_options: "{}")

    assert main(["--environment", "dev"]) == 0

    assert json.loads(capsys.readouterr().out) == {"A": "1", "BufferSeconds": "60", "RawExpiryDays": "30"}


def test_the_local_environment_is_never_deployed_to_aws(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert main(["--environment", "local"]) == 1
    assert "set AWS_ENDPOINT_URL" in capsys.readouterr().err


def test_an_unknown_environment_is_named_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--environment", "moon", "--endpoint-url", "http://127.0.0.1:1"]) == 1
    assert "there is no environment 'moon': take one of dev, local, prod" in capsys.readouterr().err
