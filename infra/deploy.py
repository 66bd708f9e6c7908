"""`python -m infra.deploy --environment local`: the template → a stack; prints its outputs as one JSON object.

Beside the stack's outputs it prints what the DAGs must know of the environment's settings (`pipeline_facts`). Safe to
repeat: a stack that already is as the template says is left alone. `--endpoint-url` (or AWS_ENDPOINT_URL) deploys to
another CloudFormation than AWS's; the API's URL among the outputs is then the one under that endpoint.
"""

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.errors import DeploymentError, InfraError, NotOnAwsError
from infra.settings import ENVIRONMENTS, settings_of
from infra.synth import synthesized

LOCAL_ENVIRONMENT: Final = "local"
#: CreateStack takes a template body of at most this many bytes; a larger one would have to lie in S3.
MAX_TEMPLATE_BYTES: Final = 51_200

_AWS_API_URL: Final = re.compile(r"https://(?P<api>[^./]+)\.execute-api\.[^/]+/(?P<stage>[^/]+)")
_DELETED: Final = "DELETE_COMPLETE"
#: A stack whose first creation failed can only be deleted.
_NEVER_CREATED: Final = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED")
_DONE: Final = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """One stack at one CloudFormation, whose boto3 client is `client`: what to deploy, and how long to wait for it."""

    client: Any
    stack_name: str
    template: str
    tags: Mapping[str, str]
    timeout_seconds: float = 1800
    poll_seconds: float = 5
    report: Callable[[str], None] = lambda _line: None

    def deploy(self) -> dict[str, str]:
        """Create or update the stack, wait for it, and return its outputs; `DeploymentError` says what failed."""
        status = self._status()
        if status in _NEVER_CREATED:
            self.report(f"stack {self.stack_name} is {status}: deleting what is left of it")
            self.delete()
            status = None
        if status is not None and status.endswith("_IN_PROGRESS"):
            self.report(f"stack {self.stack_name} is {status}: waiting for that to end")
            status = self._wait()
        token = f"{self.stack_name}-{time.time_ns()}"
        if self._request(exists=status is not None, token=token):
            status = self._wait()
            if status not in _DONE:
                raise DeploymentError(self._failure(status, token))
        return self._outputs()

    def delete(self) -> None:
        """Delete the stack and wait until it is gone."""
        token = f"{self.stack_name}-delete-{time.time_ns()}"
        if self._describe() is None:
            return
        self.client.delete_stack(StackName=self.stack_name, ClientRequestToken=token)
        status = self._wait()
        if status is not None:
            raise DeploymentError(self._failure(status, token))

    def _request(self, *, exists: bool, token: str) -> bool:
        """Request the creation or update; return False if the stack already is as the template says."""
        body = json.dumps(json.loads(self.template), separators=(",", ":"))
        if (size := len(body.encode())) > MAX_TEMPLATE_BYTES:
            raise DeploymentError(
                f"the template has {size} bytes, CloudFormation takes {MAX_TEMPLATE_BYTES}: split the stack"
            )
        call = self.client.update_stack if exists else self.client.create_stack
        self.report(f"{'updating' if exists else 'creating'} stack {self.stack_name}")
        try:
            call(
                StackName=self.stack_name,
                TemplateBody=body,
                Capabilities=["CAPABILITY_IAM"],
                Tags=[{"Key": key, "Value": value} for key, value in self.tags.items()],
                ClientRequestToken=token,
            )
        except ClientError as error:
            message = error.response["Error"]["Message"]
            if "No updates are to be performed" in message:
                self.report(f"stack {self.stack_name} is up to date")
                return False
            raise DeploymentError(f"CloudFormation refused stack {self.stack_name}: {message}") from error
        return True

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

    def _outputs(self) -> dict[str, str]:
        stack = self._describe()
        if stack is None:
            raise DeploymentError(f"stack {self.stack_name} is gone: somebody deleted it meanwhile; deploy again")
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def _failure(self, status: str | None, token: str) -> str:
        """Return a line for the stack, and one for each of its resources that failed in this operation."""
        lines = [f"stack {self.stack_name} ended as {status or 'deleted'}:"]
        lines += [
            f"  {event['LogicalResourceId']} ({event['ResourceType']}): {event['ResourceStatus']}: "
            f"{event.get('ResourceStatusReason', 'no reason given')}"
            for event in reversed(list(self._events(token)))
            if event["ResourceStatus"].endswith("_FAILED")
        ]
        return "\n".join(lines)

    def _events(self, token: str) -> Iterator[dict[str, Any]]:
        """Yield the events of one operation, the newest first; those of all operations if events have no token."""
        pages = self.client.get_paginator("describe_stack_events").paginate(StackName=self.stack_name)
        for page in pages:
            for event in page["StackEvents"]:
                if event.get("ClientRequestToken", token) == token:
                    yield event


def usable_outputs(outputs: dict[str, str], *, endpoint_url: str | None) -> dict[str, str]:
    """Return the outputs with the API's URL as a client reaches it: AWS's own, else the one below the endpoint."""
    match = _AWS_API_URL.fullmatch(outputs.get("ApiUrl", ""))
    if endpoint_url is None or match is None:
        return outputs
    url = f"{endpoint_url.rstrip('/')}/restapis/{match['api']}/{match['stage']}/_user_request_"
    return {**outputs, "ApiUrl": url}


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.deploy", description="Create or update the stack.")
    parser.add_argument("--environment", default="local", help=f"one of {', '.join(sorted(ENVIRONMENTS))}")
    parser.add_argument("--endpoint-url", default=os.environ.get("AWS_ENDPOINT_URL"), help="instead of AWS's own")
    parser.add_argument("--delete", action="store_true", help="delete the stack instead")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Deploy; 0 with the outputs on standard output, 1 with what failed on standard error."""
    given = _parse(arguments)
    try:
        settings = settings_of(given.environment)
        if given.environment == LOCAL_ENVIRONMENT and given.endpoint_url is None:
            raise NotOnAwsError(given.environment)
        deployment = Deployment(
            client=boto3.client("cloudformation", endpoint_url=given.endpoint_url),
            stack_name=settings.names.stack,
            template=synthesized(settings, report=_say),
            tags={"application": "clickstream", "environment": given.environment},
            poll_seconds=5 if given.endpoint_url is None else 0.2,
            report=_say,
        )
        if given.delete:
            deployment.delete()
            return 0
        outputs = deployment.deploy()
    except InfraError as error:
        _say(f"deploy: {error}")
        return 1
    except (BotoCoreError, ClientError) as error:
        where = given.endpoint_url or "AWS"
        check = "check endpoint, AWS_DEFAULT_REGION and credentials"
        _say(f"deploy: CloudFormation of {where} cannot be asked: {error} ({check})")
        return 1
    printed = usable_outputs(outputs, endpoint_url=given.endpoint_url) | settings.pipeline_facts()
    print(json.dumps(printed, indent=2, sort_keys=True))
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
