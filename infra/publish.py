"""`make publish ENV=dev`: the checkout's package → the code bucket, under its version, where Airflow looks.

Nothing that is published is ever replaced: a version is its content. So publishing is safe at any time; jobs that run
keep the files they started from, and a checkout that is deployed to Airflow again finds its package still there.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any, Final

import boto3
from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import BotoCoreError, ClientError

from infra.errors import InfraError, PublishError
from infra.package import BuiltPackage, add_architecture_argument, build
from infra.settings import ENVIRONMENTS, settings_of

#: The stack's output, and the variable of Airflow's services that has its value; as long as a stack has no such output,
#: the variable says where packages lie.
OUTPUT: Final = "CodeUri"
CODE_URI: Final = "CLICKSTREAM_CODE_URI"


def publish(built: BuiltPackage, code_uri: str, s3: Any) -> bool:
    """Upload a package, its manifest last; return False if it was there already."""
    bucket, _, folder = code_uri.removeprefix("s3://").partition("/")
    prefix = f"{folder}/{built.package.version}/" if folder else f"{built.package.version}/"
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix + built.package.manifest)
    if listed["KeyCount"]:
        return False
    for name in built.parts():
        s3.upload_file(str(built.folder / name), bucket, prefix + name)
    return True


def code_uri_of(environment: str, *, endpoint_url: str | None, given: str | None) -> str:
    """Return the folder of packages: the one given, else the environment's, by the outputs of its stack."""
    if given:
        if not given.startswith("s3://"):
            raise PublishError(f"{CODE_URI} is {given!r}; it must be s3://BUCKET or a folder in it")
        return given.rstrip("/")
    stack = settings_of(environment).names.stack
    [found] = boto3.client("cloudformation", endpoint_url=endpoint_url).describe_stacks(StackName=stack)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
    if OUTPUT not in outputs:
        raise PublishError(f"stack {stack} has no output {OUTPUT}: deploy it again, or name the folder in {CODE_URI}")
    return outputs[OUTPUT].rstrip("/")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.publish", description="Upload the package of Spark's jobs.")
    parser.add_argument("--environment", required=True, help=f"one of {', '.join(sorted(ENVIRONMENTS))}")
    parser.add_argument("--endpoint-url", default=os.environ.get("AWS_ENDPOINT_URL"), help="instead of AWS's own")
    parser.add_argument(
        "--code-uri", default=os.environ.get(CODE_URI), help=f"instead of the stack's {OUTPUT} (or {CODE_URI})"
    )
    add_architecture_argument(parser)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build and upload; 0 with what was published on standard output, 1 with what failed on standard error."""
    given = _parse(arguments)
    try:
        code_uri = code_uri_of(given.environment, endpoint_url=given.endpoint_url, given=given.code_uri)
        built = build(given.architecture)
        print(built.summary())
        new = publish(built, code_uri, boto3.client("s3", endpoint_url=given.endpoint_url))
    except InfraError as error:
        print(f"publish: {error}", file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError, S3UploadFailedError) as error:
        where = given.endpoint_url or "AWS"
        check = f"check ENV, endpoint, AWS_DEFAULT_REGION, credentials and {CODE_URI}; is the stack deployed?"
        print(f"publish: {where} refuses: {error} ({check})", file=sys.stderr)
        return 1
    print(f"{'published at' if new else 'already at'} {code_uri}/{built.package.version}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
