"""A template → a stack of CloudFormation, by a change set that can be looked at before it is executed."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from infra.account import hint
from infra.change_set import Change, ChangeSet
from infra.errors import DeploymentError
from infra.template_bucket import TemplateBucket

#: A request carries a template of at most this many bytes; a larger one is read from S3.
MAX_TEMPLATE_BYTES: Final = 51_200

_DELETED: Final = "DELETE_COMPLETE"
#: A stack of which there is nothing yet but a change set that would create it.
_PROPOSED: Final = "REVIEW_IN_PROGRESS"
#: A stack whose first creation failed can only be deleted.
_NEVER_CREATED: Final = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED")
_DONE: Final = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
_NO_CHANGE: Final = ("didn't contain changes", "No updates are to be performed")


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """One stack at one CloudFormation, whose boto3 client is `client`: what to deploy, and how long to wait for it.

    A template that no request can carry goes through `large_templates`.
    """

    client: Any
    stack_name: str
    template: str = ""
    tags: Mapping[str, str]
    large_templates: TemplateBucket | None = None
    timeout_seconds: float = 1800
    poll_seconds: float = 5
    report: Callable[[str], None] = lambda _line: None

    def deploy(self) -> dict[str, str]:
        """Create or update the stack, wait for it, and return its outputs; `DeploymentError` says what failed."""
        proposed = self.propose()
        return self.outputs() if proposed is None else self.execute(proposed)

    def propose(self, *, adopt: bool = False) -> ChangeSet | None:
        """Return what would change, as a change set that waits to be executed; None if nothing would.

        What is left of a stack that never came up is deleted first. With `adopt`, buckets and streams that are there
        already, under the names of the template, become the stack's.
        """
        status = self._status()
        if status in _NEVER_CREATED:
            self.report(f"stack {self.stack_name} is {status}: deleting what is left of it")
            self.delete()
            status = None
        if status is not None and status.endswith("_IN_PROGRESS") and status != _PROPOSED:
            self.report(f"stack {self.stack_name} is {status}: waiting for that to end")
            status = self._wait()
        creates = status in (None, _PROPOSED)
        name = f"deploy-{time.time_ns()}"
        request = {
            "StackName": self.stack_name,
            "ChangeSetName": name,
            "ChangeSetType": "CREATE" if creates else "UPDATE",
            "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
            "Tags": [{"Key": key, "Value": value} for key, value in self.tags.items()],
            **({"ImportExistingResources": True} if adopt else {}),
            **self._template_source(),
        }
        try:
            self.client.create_change_set(**request)
        except ClientError as error:
            message = error.response["Error"]["Message"]
            raise DeploymentError(
                f"CloudFormation refused stack {self.stack_name}: {message}{hint(message)}"
            ) from error
        return self._described(name, creates=creates)

    def execute(self, proposed: ChangeSet) -> dict[str, str]:
        """Do what a change set says, wait for it, and return the stack's outputs."""
        self.report(f"{'creating' if proposed.creates else 'updating'} stack {self.stack_name}")
        token = f"{self.stack_name}-{time.time_ns()}"
        self.client.execute_change_set(StackName=self.stack_name, ChangeSetName=proposed.name, ClientRequestToken=token)
        status = self._wait()
        if status not in _DONE:
            raise DeploymentError(self._failure(status, token))
        return self.outputs()

    def discard(self, proposed: ChangeSet) -> None:
        """Forget a change set that was only looked at, and the empty stack that it would have filled."""
        self.client.delete_change_set(StackName=self.stack_name, ChangeSetName=proposed.name)
        if proposed.creates:
            self.client.delete_stack(StackName=self.stack_name)

    def delete(self) -> None:
        """Delete the stack and wait until it is gone."""
        token = f"{self.stack_name}-delete-{time.time_ns()}"
        if self._describe() is None:
            return
        self.client.delete_stack(StackName=self.stack_name, ClientRequestToken=token)
        status = self._wait()
        if status is not None:
            raise DeploymentError(self._failure(status, token))

    def protect(self, *, protected: bool) -> None:
        """Say whether CloudFormation refuses to delete the stack."""
        self.client.update_termination_protection(StackName=self.stack_name, EnableTerminationProtection=protected)

    def outputs(self) -> dict[str, str]:
        """Return the outputs of the stack; raise `DeploymentError` if there is none."""
        stack = self._describe()
        if stack is None or stack["StackStatus"] in (_DELETED, _PROPOSED):
            raise DeploymentError(f"there is no stack {self.stack_name} here: deploy it first")
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def resources(self) -> dict[str, list[str]]:
        """Return the names of the stack's resources by type, of those that stay when it is deleted under `retained`."""
        body = self.client.get_template(StackName=self.stack_name)["TemplateBody"]
        declared = (body if isinstance(body, dict) else json.loads(body))["Resources"]
        found: dict[str, list[str]] = {"retained": []}
        pages = self.client.get_paginator("list_stack_resources").paginate(StackName=self.stack_name)
        for one in (one for page in pages for one in page["StackResourceSummaries"]):
            kind, name = one["ResourceType"], one.get("PhysicalResourceId", "")
            found.setdefault(kind, []).append(name)
            if declared.get(one["LogicalResourceId"], {}).get("DeletionPolicy", "").startswith("Retain"):
                found["retained"].append(f"{kind} {name}")
        return found

    def _template_source(self) -> dict[str, str]:
        body = json.dumps(json.loads(self.template), separators=(",", ":"))
        size = len(body.encode())
        if size <= MAX_TEMPLATE_BYTES:
            return {"TemplateBody": body}
        if self.large_templates is None:
            raise DeploymentError(
                f"the template has {size} bytes, and a request carries {MAX_TEMPLATE_BYTES}: name a bucket for it"
            )
        return {"TemplateURL": self.large_templates.upload(body)}

    def _described(self, name: str, *, creates: bool) -> ChangeSet | None:
        """Wait for a change set; return it, or None if it is empty, and then it is gone as well."""
        which = {"StackName": self.stack_name, "ChangeSetName": name}
        deadline = time.monotonic() + self.timeout_seconds
        while (found := self.client.describe_change_set(**which))["Status"] in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
            if time.monotonic() > deadline:
                raise DeploymentError(f"change set {name} is still not there after {self.timeout_seconds:.0f} s")
            time.sleep(self.poll_seconds)
        changes = list(found.get("Changes", ()))
        while token := found.get("NextToken"):
            found = self.client.describe_change_set(**which, NextToken=token)
            changes += found.get("Changes", ())
        proposed = ChangeSet(name=name, creates=creates, changes=tuple(map(Change.of, changes)))
        if found["Status"] == "FAILED":
            self.discard(proposed)
            reason = found.get("StatusReason", "no reason given")
            if any(text in reason for text in _NO_CHANGE):
                self.report(f"stack {self.stack_name} is up to date")
                return None
            raise DeploymentError(f"CloudFormation refused the change of {self.stack_name}: {reason}{hint(reason)}")
        return proposed

    def _wait(self) -> str | None:
        """Return the status in which the stack comes to rest; None if it is gone."""
        deadline = time.monotonic() + self.timeout_seconds
        while True:
            status = self._status()
            if status is None or not status.endswith("_IN_PROGRESS"):
                return status
            if time.monotonic() > deadline:
                raise DeploymentError(
                    f"stack {self.stack_name} is still {status} after {self.timeout_seconds:.0f} s; "
                    "CloudFormation goes on by itself: look at its events, then deploy again"
                )
            time.sleep(self.poll_seconds)

    def _status(self) -> str | None:
        stack = self._describe()
        return None if stack is None or stack["StackStatus"] == _DELETED else str(stack["StackStatus"])

    def _describe(self) -> dict[str, Any] | None:
        try:
            stack: dict[str, Any] = self.client.describe_stacks(StackName=self.stack_name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in error.response["Error"]["Message"]:
                return None
            raise
        return stack

    def _failure(self, status: str | None, token: str) -> str:
        """Return a line for the stack, and one for each of its resources that failed in this operation."""
        lines = [f"stack {self.stack_name} ended as {status or 'deleted'}:"]
        for event in reversed(list(self._events(token))):
            if event["ResourceStatus"].endswith("_FAILED"):
                reason = event.get("ResourceStatusReason", "no reason given")
                named = f"{event['LogicalResourceId']} ({event['ResourceType']})"
                lines.append(f"  {named}: {event['ResourceStatus']}: {reason}{hint(reason)}")
                if "DescribeEvents" in reason:
                    lines += self._validation_errors()
        return "\n".join(lines)

    def _validation_errors(self) -> Iterator[str]:
        """Yield what CloudFormation found before it began; a stack's own events do not have it."""
        pages = self.client.get_paginator("describe_events").paginate(StackName=self.stack_name)
        for event in (event for page in pages for event in page["OperationEvents"]):
            if event.get("EventType") == "VALIDATION_ERROR":
                reason = event.get("ValidationStatusReason", "no reason given")
                yield f"  {event.get('ValidationPath', '')}: {reason}{hint(reason)}"

    def _events(self, token: str) -> Iterator[dict[str, Any]]:
        """Yield the events of one operation, the newest first; those of all operations if events have no token."""
        pages = self.client.get_paginator("describe_stack_events").paginate(StackName=self.stack_name)
        for page in pages:
            for event in page["StackEvents"]:
                if event.get("ClientRequestToken", token) == token:
                    yield event
