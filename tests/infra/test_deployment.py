"""Deployment against a CloudFormation that is scripted: what it asks for, how it says what failed."""

import json
from dataclasses import dataclass, field
from typing import Any, Self

import pytest
from botocore.exceptions import ClientError

from infra.deploy import usable_outputs
from infra.errors import DeploymentError
from infra.stack_deployment import MAX_TEMPLATE_BYTES, Deployment, deploy


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
    assert deploy(deployment(client)) == {"A": "1"}
    assert client.calls == ["create"]


def test_a_stack_that_stands_is_updated() -> None:
    client = ScriptedCloudFormation(["CREATE_COMPLETE", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"])
    assert deploy(deployment(client)) == {"A": "1"}
    assert client.calls == ["update"]


def test_a_stack_that_is_up_to_date_is_left_alone() -> None:
    client = ScriptedCloudFormation(["UPDATE_COMPLETE"], up_to_date=True)
    assert deploy(deployment(client)) == {"A": "1"}
    assert client.calls == []


def test_a_stack_that_never_came_up_is_deleted_first() -> None:
    client = ScriptedCloudFormation(
        ["ROLLBACK_COMPLETE", "ROLLBACK_COMPLETE", "DELETE_IN_PROGRESS", None, "CREATE_COMPLETE"]
    )
    deploy(deployment(client))
    assert client.calls == ["delete", "create"]


def test_an_operation_under_way_is_waited_for() -> None:
    client = ScriptedCloudFormation(["UPDATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"])
    deploy(deployment(client))
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
        deploy(deployment(client))
    assert str(failed.value).splitlines() == [
        "stack pipeline ended as ROLLBACK_COMPLETE:",
        "  First (AWS::S3::Bucket): CREATE_FAILED: the name is taken",
        "  Second (AWS::S3::Bucket): CREATE_FAILED: cancelled",
    ]


def test_waiting_ends_with_a_sentence() -> None:
    client = ScriptedCloudFormation([None, "CREATE_IN_PROGRESS"])
    with pytest.raises(DeploymentError, match=r"still CREATE_IN_PROGRESS after 0 s"):
        deploy(deployment(client, timeout_seconds=0))


def test_a_template_that_create_stack_would_not_take_is_said_before() -> None:
    template = json.dumps({"Description": "x" * MAX_TEMPLATE_BYTES})
    with pytest.raises(DeploymentError, match="split the stack"):
        deploy(deployment(ScriptedCloudFormation([None]), template))


def test_the_apis_url_is_its_own_on_aws_and_below_the_endpoint_elsewhere() -> None:
    outputs = {"ApiUrl": "https://abc123.execute-api.eu-west-1.amazonaws.com/v1", "StreamName": "s"}
    assert usable_outputs(outputs, endpoint_url=None) == outputs
    assert usable_outputs(outputs, endpoint_url="http://127.0.0.1:4566/") == {
        "ApiUrl": "http://127.0.0.1:4566/restapis/abc123/v1/_user_request_",
        "StreamName": "s",
    }
