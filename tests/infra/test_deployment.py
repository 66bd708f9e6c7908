"""A stack's deployment against a scripted CloudFormation: what it requests, waits for, and says of failures."""

import json
from dataclasses import dataclass, field
from typing import Any, Self

import pytest
from botocore.exceptions import ClientError

from infra.change_set import Change, ChangeSet
from infra.deployment import MAX_TEMPLATE_BYTES, Deployment
from infra.errors import DeploymentError


@dataclass
class ScriptedCloudFormation:
    """Says one status after the other, then stays at the last; None is a stack that does not exist."""

    statuses: list[str | None]
    #: Why a change set comes to nothing.
    refused: str = ""
    changes: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    request: dict[str, Any] = field(default_factory=dict)
    token: str = ""

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status is None:
            raise self._error(f"Stack with id {StackName} does not exist")
        return {"Stacks": [{"StackStatus": status, "Outputs": [{"OutputKey": "A", "OutputValue": "1"}]}]}

    def create_change_set(self, **request: Any) -> None:
        self.request = request
        self.calls.append(request["ChangeSetType"].lower())

    def describe_change_set(self, **_request: Any) -> dict[str, Any]:
        if self.refused:
            return {"Status": "FAILED", "StatusReason": self.refused}
        return {"Status": "CREATE_COMPLETE", "Changes": self.changes}

    def execute_change_set(self, **request: Any) -> None:
        self.calls.append("execute")
        self.token = request["ClientRequestToken"]

    def delete_change_set(self, **_request: Any) -> None:
        self.calls.append("forget")

    def delete_stack(self, **_request: Any) -> None:
        self.calls.append("delete")

    def get_paginator(self, _name: Any) -> Self:
        return self

    def paginate(self, **_request: Any) -> list[dict[str, Any]]:
        return [{"StackEvents": [{"ClientRequestToken": self.token} | event for event in self.events]}]

    @staticmethod
    def _error(message: str) -> ClientError:
        return ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "Operation")


@dataclass
class RecordedBucket:
    """Takes templates in the place of S3."""

    uploads: list[str] = field(default_factory=list)

    def upload(self, body: str) -> str:
        self.uploads.append(body)
        return "https://s3.example/templates/1.json"


def deployment(client: Any, template: str = "{}", **options: Any) -> Deployment:
    return Deployment(client=client, stack_name="pipeline", template=template, tags={}, poll_seconds=0, **options)


def test_a_new_stack_is_created_and_waited_for() -> None:
    client = ScriptedCloudFormation([None, "CREATE_IN_PROGRESS", "CREATE_COMPLETE"])
    assert deployment(client).deploy() == {"A": "1"}
    assert client.calls == ["create", "execute"]


def test_a_stack_that_stands_is_updated() -> None:
    client = ScriptedCloudFormation(["CREATE_COMPLETE", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"])
    assert deployment(client).deploy() == {"A": "1"}
    assert client.calls == ["update", "execute"]


def test_a_stack_that_is_up_to_date_is_left_alone() -> None:
    client = ScriptedCloudFormation(["UPDATE_COMPLETE"], refused="The submitted information didn't contain changes. …")
    assert deployment(client).deploy() == {"A": "1"}
    assert client.calls == ["update", "forget"]


def test_a_change_that_cloudformation_refuses_is_told_with_the_way_on() -> None:
    client = ScriptedCloudFormation(["UPDATE_COMPLETE"], refused="clickstream-prod-raw already exists")
    with pytest.raises(DeploymentError, match=r"already exists \(what an earlier stack left.*ADOPT=1"):
        deployment(client).deploy()


def test_a_stack_that_never_came_up_is_deleted_first() -> None:
    client = ScriptedCloudFormation(
        ["ROLLBACK_COMPLETE", "ROLLBACK_COMPLETE", "DELETE_IN_PROGRESS", None, "CREATE_COMPLETE"]
    )
    deployment(client).deploy()
    assert client.calls == ["delete", "create", "execute"]


def test_an_operation_under_way_is_waited_for_and_a_stack_in_review_is_none() -> None:
    client = ScriptedCloudFormation(["UPDATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"])
    deployment(client).deploy()
    assert client.calls == ["update", "execute"]
    proposed = ScriptedCloudFormation(["REVIEW_IN_PROGRESS", "CREATE_COMPLETE"])
    deployment(proposed).deploy()
    assert proposed.calls == ["create", "execute"]


def test_what_was_only_looked_at_leaves_nothing_behind() -> None:
    client = ScriptedCloudFormation([None])
    one = deployment(client)
    proposed = one.propose()
    assert proposed is not None
    one.discard(proposed)
    assert client.calls == ["create", "forget", "delete"]


def test_a_failure_lists_what_failed_in_this_operation_oldest_first_with_what_to_do() -> None:
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
            event("Third", "CREATE_FAILED", "cancelled"),
            event(
                "Second", "CREATE_FAILED", "User: arn:aws:iam::1:user/a is not authorized to perform: s3:CreateBucket"
            ),
            event("First", "CREATE_FAILED", "the name is taken"),
            event("Other", "CREATE_COMPLETE", ""),
            event("Earlier", "CREATE_FAILED", "long ago", ClientRequestToken="another"),
        ],
    )
    with pytest.raises(DeploymentError) as failed:
        deployment(client).deploy()
    lines = str(failed.value).splitlines()
    assert lines[:2] == [
        "stack pipeline ended as ROLLBACK_COMPLETE:",
        "  First (AWS::S3::Bucket): CREATE_FAILED: the name is taken",
    ]
    assert "(arn:aws:iam::1:user/a lacks the right s3:CreateBucket: ask who administers" in lines[2]
    assert lines[3] == "  Third (AWS::S3::Bucket): CREATE_FAILED: cancelled"


def test_waiting_ends_with_a_sentence() -> None:
    client = ScriptedCloudFormation([None, "CREATE_IN_PROGRESS"])
    with pytest.raises(DeploymentError, match=r"still CREATE_IN_PROGRESS after 0 s"):
        deployment(client, timeout_seconds=0).deploy()


def test_a_template_goes_with_the_request_until_none_can_carry_it() -> None:
    empty = len(json.dumps({"Description": ""}, separators=(",", ":")))
    for spare, through_s3 in ((0, False), (-1, True)):
        template = json.dumps({"Description": "x" * (MAX_TEMPLATE_BYTES - empty - spare)})
        client, bucket = ScriptedCloudFormation([None, "CREATE_COMPLETE"]), RecordedBucket()
        deployment(client, template, large_templates=bucket).deploy()
        assert ("TemplateURL" in client.request, "TemplateBody" in client.request) == (through_s3, not through_s3)
        assert [json.loads(body) for body in bucket.uploads] == [json.loads(template)] * through_s3


def change(action: str, kind: str, **more: Any) -> Change:
    return Change.of({"ResourceChange": {"Action": action, "ResourceType": kind, "LogicalResourceId": "X", **more}})


REPLACED = {
    "Replacement": "True",
    "Details": [{"Target": {"Attribute": "Properties", "Name": "Name"}}, {"Target": {"Attribute": "Tags"}}],
}


@pytest.mark.parametrize(
    ("given", "text", "lossy"),
    [
        (change("Add", "AWS::S3::Bucket"), "+ add AWS::S3::Bucket X", False),
        (change("Import", "AWS::S3::Bucket"), "< take over AWS::S3::Bucket X", False),
        (change("Remove", "AWS::SNS::Topic"), "- remove AWS::SNS::Topic X", False),
        (change("Remove", "AWS::S3::Bucket"), "- remove AWS::S3::Bucket X; with it goes: its objects", True),
        (change("Remove", "AWS::S3::Bucket", PolicyAction="Retain"), "- remove AWS::S3::Bucket X", False),
        (
            change("Modify", "AWS::Kinesis::Stream", Details=REPLACED["Details"]),
            "~ change AWS::Kinesis::Stream X: Name, Tags",
            False,
        ),
        (
            change("Modify", "AWS::ApiGateway::RestApi", **REPLACED),
            "! REPLACE AWS::ApiGateway::RestApi X by a new one, because of Name, Tags; with it goes: the address to "
            "which clients send",
            True,
        ),
        (
            change("Modify", "AWS::Kinesis::Stream", Replacement="Conditional"),
            "! perhaps REPLACE AWS::Kinesis::Stream X by a new one, because of what it refers to; with it goes: the "
            "events in it that are not in S3 yet",
            True,
        ),
    ],
)
def test_a_change_is_said_in_words_and_what_is_lost_by_it(given: Change, text: str, lossy: bool) -> None:
    assert str(given) == text
    assert bool(given.loss) == lossy


def test_of_many_changes_those_come_first_that_lose_something() -> None:
    harmless, lossy = change("Add", "AWS::SNS::Topic"), change("Remove", "AWS::S3::Bucket")
    lines = list(ChangeSet(name="c", creates=False, changes=(harmless, lossy)).lines())
    assert [line.split()[1] for line in lines] == ["remove", "add", "to"]
    assert lines[-1] == "  1 to add, 1 to remove"
