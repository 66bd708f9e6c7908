"""`python -m infra.destroy --environment dev`: delete the stack, after saying what goes and what stays.

An environment that keeps its data keeps its buckets, its stream and its database; they are named with the commands
that delete them. Of any other, every object is deleted for good.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from infra.command import Target, confirm, lines_of, parser_of, run, say
from infra.deployment import Deployment
from infra.errors import DeploymentError
from infra.template_bucket import empty_bucket

_BUCKET: Final = "AWS::S3::Bucket"
#: What a person types to be rid of a resource that stays.
_COMMANDS: Final = {
    _BUCKET: "aws s3 rb --force s3://{name}",
    "AWS::Kinesis::Stream": "aws kinesis delete-stream --enforce-consumer-deletion --stream-name {name}",
    "AWS::Glue::Database": "aws glue delete-database --name {name}",
    "AWS::KMS::Key": "aws kms schedule-key-deletion --key-id {name}",
    "AWS::IAM::Role": "aws iam delete-role --role-name {name} (other APIs of the account may log under it)",
}


def destroy(target: Target, given: argparse.Namespace) -> None:
    """Delete the stack, once a person has typed the environment's name."""
    deployment = target.deployment()
    environment = target.settings.names.environment
    deployment.outputs()  # says so if there is no stack
    found = deployment.resources()
    retained = found.pop("retained")
    emptied = [name for name in found.get(_BUCKET, ()) if f"{_BUCKET} {name}" not in retained]
    say(f"{deployment.stack_name} in {target.account}: {sum(map(len, found.values())) - len(retained)} resources go,")
    lines_of([f"  with every object in it: bucket {name}" for name in emptied])
    lines_of([f"  and this stays: {named}" for named in retained])
    confirm(
        "This can't be undone.",
        answer=environment,
        given=given.confirm,
        remedy=f"confirm with CONFIRM={environment}",
    )
    deployment.protect(protected=False)
    _delete(deployment, target, emptied)
    target.template_bucket.delete()
    say(f"{deployment.stack_name} is gone")
    if retained:
        lines_of(["what stayed costs money; if its data may go:", *map(_removal, retained)])
        say(f"or take it over again: make deploy ENV={environment} ADOPT=1")


def _delete(deployment: Deployment, target: Target, buckets: Sequence[str]) -> None:
    """Empty the buckets and delete the stack; once more, as Firehose may have written between the two."""
    s3 = target.account.client("s3")
    for attempt in (1, 2):
        for name in buckets:
            say(f"deleted {empty_bucket(s3, name):,} objects of {name}")
        try:
            deployment.delete()
        except DeploymentError:
            if attempt == 2 or not buckets:
                raise
        else:
            return


def _removal(named: str) -> str:
    kind, _, name = named.partition(" ")
    return "  " + _COMMANDS.get(kind, f"{kind} {{name}}: in its console").format(name=name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Delete the stack; 1 if nobody confirmed it."""
    parser = parser_of("destroy", "Delete the stack.")
    parser.add_argument("--confirm", metavar="ENVIRONMENT", help="its name, instead of typing it when asked")
    given = parser.parse_args(arguments)
    return run("destroy", given, lambda target: destroy(target, given))


if __name__ == "__main__":
    sys.exit(main())
