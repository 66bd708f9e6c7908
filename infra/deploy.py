"""`python -m infra.deploy --environment local`: the template → a stack; prints the outputs as one JSON object.

Safe to repeat: a stack that already is as the template says is left alone. `--endpoint-url` (or AWS_ENDPOINT_URL)
deploys to another CloudFormation than AWS's; the API's URL among the outputs is then the one under that endpoint.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from typing import Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.errors import InfraError, NotOnAwsError
from infra.settings import ENVIRONMENTS, settings_of
from infra.stack_deployment import Deployment, delete, deploy
from infra.synth import synthesized

LOCAL_ENVIRONMENT: Final = "local"
_AWS_API_URL: Final = re.compile(r"https://(?P<api>[^./]+)\.execute-api\.[^/]+/(?P<stage>[^/]+)")


def usable_outputs(outputs: dict[str, str], *, endpoint_url: str | None) -> dict[str, str]:
    """Return the outputs with the API's URL as it is reached: by its own name on AWS, else below the endpoint."""
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
            delete(deployment)
            return 0
        outputs = deploy(deployment)
    except InfraError as error:
        _say(f"deploy: {error}")
        return 1
    except (BotoCoreError, ClientError) as error:
        where = given.endpoint_url or "AWS"
        check = "check endpoint, AWS_DEFAULT_REGION and credentials"
        _say(f"deploy: CloudFormation of {where} cannot be asked: {error} ({check})")
        return 1
    print(json.dumps(usable_outputs(outputs, endpoint_url=given.endpoint_url), indent=2, sort_keys=True))
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
