"""`python -m infra.deploy --environment local`: the template → a stack; prints its outputs as one JSON object.

What will change is said before it is done, and asked about where something would be lost. Safe to repeat: a stack that
already is as the template says is left alone. `--endpoint-url` (or AWS_ENDPOINT_URL) deploys to another CloudFormation
than AWS's; the API's URL among the outputs is then the one under that endpoint.
"""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from infra.capacity import explained
from infra.command import Target, confirm, lines_of, parser_of, run, say
from infra.errors import DeploymentError
from infra.synth import synthesized

_AWS_API_URL: Final = re.compile(r"https://(?P<api>[^./]+)\.execute-api\.[^/]+/(?P<stage>[^/]+)")


def deploy(target: Target, given: argparse.Namespace) -> None:
    """Create or update the stack, after saying what that changes."""
    on_aws = target.account.endpoint_url is None
    settings = target.settings
    if on_aws:
        say(f"{target.account}, as {target.account.caller}")
    template = _written(given.template) if given.template else synthesized(settings, report=say)
    deployment = target.deployment(adoptable(template, target) if given.adopt else template)
    proposed = deployment.propose(adopt=given.adopt)
    if proposed is None:
        outputs = deployment.outputs()
    else:
        if on_aws:
            lines_of(list(proposed.lines()))
        if proposed.losses:
            confirm(
                f"{len(proposed.losses)} of these changes lose something.",
                answer=settings.names.environment,
                given=given.confirm,
                remedy=f"look at the changes, and confirm with CONFIRM={settings.names.environment}",
            )
        outputs = deployment.execute(proposed)
    if on_aws:
        deployment.protect(protected=settings.keep_data)
        lines_of(explained(settings))
    print(json.dumps(usable_outputs(outputs, endpoint_url=target.account.endpoint_url), indent=2, sort_keys=True))


def _written(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise DeploymentError(f"{error}: `python -m infra.synth --out {path}` writes a template") from error


def adoptable(template: str, target: Target) -> str:
    """Return the template with buckets' names written out: CloudFormation takes over what has a literal name only."""
    names = {"AWS::AccountId": target.account.number, "AWS::Region": target.account.region}

    def literal(value: Any) -> Any:
        if isinstance(value, dict) and "Ref" in value:
            return names[value["Ref"]]
        return "".join(map(literal, value["Fn::Join"][1])) if isinstance(value, dict) else value

    document = json.loads(template)
    for resource in document["Resources"].values():
        if resource["Type"] == "AWS::S3::Bucket":
            resource["Properties"]["BucketName"] = literal(resource["Properties"]["BucketName"])
    return json.dumps(document)


def usable_outputs(outputs: dict[str, str], *, endpoint_url: str | None) -> dict[str, str]:
    """Return the outputs with the API's URL as a client reaches it: AWS's own, else the one below the endpoint."""
    match = _AWS_API_URL.fullmatch(outputs.get("ApiUrl", ""))
    if endpoint_url is None or match is None:
        return outputs
    url = f"{endpoint_url.rstrip('/')}/restapis/{match['api']}/{match['stage']}/_user_request_"
    return {**outputs, "ApiUrl": url}


def main(arguments: Sequence[str] | None = None) -> int:
    """Deploy; 0 with the outputs on standard output, 1 with what failed on standard error."""
    parser = parser_of("deploy", "Create or update the stack.")
    parser.add_argument("--adopt", action="store_true", help="take over buckets and streams that an earlier stack left")
    parser.add_argument("--confirm", metavar="ENVIRONMENT", help="agree to changes that lose something")
    parser.add_argument("--template", type=Path, help="what infra.synth has written, where there is no CDK")
    given = parser.parse_args(arguments)
    return run("deploy", given, lambda target: deploy(target, given))


if __name__ == "__main__":
    sys.exit(main())
