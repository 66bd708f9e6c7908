"""Template → a stack that stands, through plain CloudFormation: created or updated, waited for, outputs returned."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from infra.errors import DeploymentError

#: CreateStack takes a template body of at most this many bytes; a larger one would have to lie in S3.
MAX_TEMPLATE_BYTES: Final = 51_200

_GONE: Final = ("DELETE_COMPLETE",)
#: A stack whose first creation failed can only be deleted.
_NEVER_CREATED: Final = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED")
_DONE: Final = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """What to deploy and how long to wait for it. `client` is a boto3 CloudFormation client."""

    client: Any
    stack_name: str
    template: str
    tags: Mapping[str, str]
    timeout_seconds: float = 1800
    poll_seconds: float = 5
    report: Callable[[str], None] = lambda _line: None


def deploy(deployment: Deployment) -> dict[str, str]:
    """Create or update the stack, wait for it, and return its outputs; `DeploymentError` says what failed and why."""
    status = _status(deployment)
    if status in _NEVER_CREATED:
        deployment.report(f"stack {deployment.stack_name} is {status}: deleting what is left of it")
        delete(deployment)
        status = None
    if status is not None and status.endswith("_IN_PROGRESS"):
        deployment.report(f"stack {deployment.stack_name} is {status}: waiting for that to end")
        status = _wait(deployment)
    token = f"{deployment.stack_name}-{time.time_ns()}"
    if _request(deployment, exists=status is not None, token=token):
        status = _wait(deployment)
        if status not in _DONE:
            raise DeploymentError(_failure(deployment, status, token))
    return _outputs(deployment)


def delete(deployment: Deployment) -> None:
    """Delete the stack and wait until it is gone."""
    token = f"{deployment.stack_name}-delete-{time.time_ns()}"
    stack_id = _describe(deployment)
    if stack_id is None:
        return
    deployment.client.delete_stack(StackName=deployment.stack_name, ClientRequestToken=token)
    status = _wait(deployment)
    if status not in (*_GONE, None):
        raise DeploymentError(_failure(deployment, status, token))


def _request(deployment: Deployment, *, exists: bool, token: str) -> bool:
    """Ask for the creation or update; False if the stack already is as the template says."""
    body = json.dumps(json.loads(deployment.template), separators=(",", ":"))
    if len(body.encode()) > MAX_TEMPLATE_BYTES:
        raise DeploymentError(
            f"the template has {len(body.encode())} bytes, CloudFormation takes {MAX_TEMPLATE_BYTES}: split the stack"
        )
    call = deployment.client.update_stack if exists else deployment.client.create_stack
    deployment.report(f"{'updating' if exists else 'creating'} stack {deployment.stack_name}")
    try:
        call(
            StackName=deployment.stack_name,
            TemplateBody=body,
            Capabilities=["CAPABILITY_IAM"],
            Tags=[{"Key": key, "Value": value} for key, value in deployment.tags.items()],
            ClientRequestToken=token,
        )
    except ClientError as error:
        message = error.response["Error"]["Message"]
        if "No updates are to be performed" in message:
            deployment.report(f"stack {deployment.stack_name} is up to date")
            return False
        raise DeploymentError(f"CloudFormation refused stack {deployment.stack_name}: {message}") from error
    return True


def _wait(deployment: Deployment) -> str | None:
    """Return the status in which the stack comes to rest; None if it is gone."""
    deadline = time.monotonic() + deployment.timeout_seconds
    while True:
        status = _status(deployment)
        if status is None or not status.endswith("_IN_PROGRESS"):
            return status
        if time.monotonic() > deadline:
            raise DeploymentError(
                f"stack {deployment.stack_name} is still {status} after {deployment.timeout_seconds:.0f} s; "
                "CloudFormation goes on by itself: look at its events, then deploy again"
            )
        time.sleep(deployment.poll_seconds)


def _status(deployment: Deployment) -> str | None:
    stack = _describe(deployment)
    return None if stack is None or stack["StackStatus"] in _GONE else str(stack["StackStatus"])


def _describe(deployment: Deployment) -> dict[str, Any] | None:
    try:
        stacks = deployment.client.describe_stacks(StackName=deployment.stack_name)["Stacks"]
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise
    stack: dict[str, Any] = stacks[0]
    return stack


def _outputs(deployment: Deployment) -> dict[str, str]:
    stack = _describe(deployment)
    if stack is None:
        raise DeploymentError(f"stack {deployment.stack_name} is gone: somebody deleted it meanwhile; deploy again")
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def _failure(deployment: Deployment, status: str | None, token: str) -> str:
    """One line for the stack and one for each of its resources that failed in this operation."""
    lines = [f"stack {deployment.stack_name} ended as {status or 'deleted'}:"]
    lines += [
        f"  {event['LogicalResourceId']} ({event['ResourceType']}): {event['ResourceStatus']}: "
        f"{event.get('ResourceStatusReason', 'no reason given')}"
        for event in reversed(list(_events(deployment, token)))
        if event["ResourceStatus"].endswith("_FAILED")
    ]
    return "\n".join(lines)


def _events(deployment: Deployment, token: str) -> Iterator[dict[str, Any]]:
    """The stack's events of one operation, newest first; of all operations where the service keeps no token."""
    pages = deployment.client.get_paginator("describe_stack_events").paginate(StackName=deployment.stack_name)
    for page in pages:
        for event in page["StackEvents"]:
            if event.get("ClientRequestToken", token) == token:
                yield event
