"""Policy documents of a synthesized template → may this role do this? As IAM decides it for identity policies.

An action is allowed if a statement allows it for the resource and the request's context, and none denies it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.infra.conftest import Template

ACCOUNT, REGION = "000000000000", "us-east-1"
#: Attributes and references that no name in the template says.
APPLICATION = "00f1"
_ACTORS = ("Spark", "Airflow", "Live", "Analyst", "Delivery", "Ingestion")


@dataclass(frozen=True)
class Role:
    """A role's statements, with every reference filled in."""

    name: str
    statements: tuple[Mapping[str, Any], ...]
    trust: Mapping[str, Any]

    def may(self, action: str, resource: str, **context: str) -> bool:
        matching = [one for one in self.statements if _applies(one, action, resource, context)]
        return bool(matching) and all(one["Effect"] == "Allow" for one in matching)


def roles(template: Template) -> dict[str, Role]:
    """The roles of our actors by the first word of their construct, one of `_ACTORS`."""
    resources = template.document["Resources"]
    found = {}
    for logical_id, resource in resources.items():
        if resource["Type"] != "AWS::IAM::Role" or "CloudWatchRole" in logical_id:
            continue
        statements = [
            _filled(statement, resources)
            for policy in template.properties("AWS::IAM::Policy")
            if {"Ref": logical_id} in policy["Roles"]
            for statement in policy["PolicyDocument"]["Statement"]
        ]
        (trust,) = resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        name = re.sub(r"^Compute", "", logical_id)
        short = next(word for word in _ACTORS if name.startswith(word))
        found[short] = Role(short, tuple(statements), trust)
    return found


def _applies(statement: Mapping[str, Any], action: str, resource: str, context: Mapping[str, str]) -> bool:
    conditions = statement.get("Condition", {})
    assert set(conditions) <= {"StringEquals"}, "another operator than this evaluator knows"
    return (
        any(_matches(pattern, action) for pattern in _listed(statement["Action"]))
        and any(_matches(pattern, resource) for pattern in _listed(statement["Resource"]))
        and all(context.get(key) == value for key, value in conditions.get("StringEquals", {}).items())
    )


def _matches(pattern: str, text: str) -> bool:
    parts = (re.escape(part) for part in pattern.split("*"))
    return re.fullmatch(".*".join(parts), text) is not None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _filled(value: Any, resources: Mapping[str, Any]) -> Any:
    """A value with each intrinsic function replaced by what it gives in one account and region."""
    if isinstance(value, list):
        return [_filled(one, resources) for one in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Ref"}:
        return _reference(value["Ref"], resources)
    if set(value) == {"Fn::Join"}:
        separator, parts = value["Fn::Join"]
        return separator.join(_filled(parts, resources))
    if set(value) == {"Fn::GetAtt"}:
        name, attribute = value["Fn::GetAtt"]
        return _arn(name, attribute, resources)
    assert not any(key.startswith("Fn::") for key in value), json.dumps(value)
    return {key: _filled(inner, resources) for key, inner in value.items()}


def _reference(name: str, resources: Mapping[str, Any]) -> str:
    pseudo = {"AWS::AccountId": ACCOUNT, "AWS::Region": REGION, "AWS::Partition": "aws"}
    if name in pseudo:
        return pseudo[name]
    resource = resources[name]
    if resource["Type"] == "AWS::SNS::Topic":
        return f"arn:aws:sns:{REGION}:{ACCOUNT}:{resource['Properties']['TopicName']}"
    raise AssertionError(f"what is the reference to {resource['Type']}?")


def _arn(name: str, attribute: str, resources: Mapping[str, Any]) -> str:
    assert attribute == "Arn", attribute
    kind, properties = resources[name]["Type"], resources[name].get("Properties", {})
    if kind == "AWS::S3::Bucket":
        return f"arn:aws:s3:::{_filled(properties['BucketName'], resources)}"
    if kind == "AWS::Kinesis::Stream":
        return f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{properties['Name']}"
    if kind == "AWS::IAM::Role":
        return f"arn:aws:iam::{ACCOUNT}:role/{name}"
    if kind == "AWS::EMRServerless::Application":
        return f"arn:aws:emr-serverless:{REGION}:{ACCOUNT}:/applications/{APPLICATION}"
    if kind == "AWS::Logs::LogGroup":
        return f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{properties['LogGroupName']}:*"
    if kind == "AWS::KMS::Key":
        return f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"
    raise AssertionError(f"what is the ARN of {kind}?")


def statements_of(role: Role) -> Iterator[tuple[str, str]]:
    """Each action of a role with each of its resources."""
    for statement in role.statements:
        for action in _listed(statement["Action"]):
            for resource in _listed(statement["Resource"]):
                yield action, resource
