"""`make publish ENV=dev`: the checkout's package → the code bucket, under its version, where Airflow looks.

Nothing that is published is ever replaced: a version is its content. So publishing is safe at any time; jobs that run
keep the files they started from, and a checkout that is deployed to Airflow again finds its package still there.
"""

import os
import sys
from collections.abc import Sequence
from typing import Any, Final

from boto3.exceptions import S3UploadFailedError

from infra.command import Target, parser_of, run
from infra.errors import PublishError
from infra.package import BuiltPackage, build

#: The stack's output, and the variable of Airflow's services that has its value; here the variable overrules the stack.
OUTPUT: Final = "CodeUri"
CODE_URI: Final = "CLICKSTREAM_CODE_URI"


def publish(built: BuiltPackage, code_uri: str, s3: Any) -> bool:
    """Upload a package, its manifest last; return False if it was there already."""
    bucket, _, folder = code_uri.removeprefix("s3://").partition("/")
    prefix = f"{folder}/{built.package.version}/" if folder else f"{built.package.version}/"
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix + built.package.manifest)
    if listed["KeyCount"]:
        return False
    try:
        for name in built.parts():
            s3.upload_file(str(built.folder / name), bucket, prefix + name)
    except S3UploadFailedError as error:
        raise PublishError(f"{error}; publish again, what is there is not looked at without its manifest") from error
    return True


def code_uri_of(target: Target, given: str | None) -> str:
    """Return the folder of packages: the one given, else the environment's, by the outputs of its stack."""
    if given:
        if not given.startswith("s3://"):
            raise PublishError(f"{CODE_URI} is {given!r}; it must be s3://BUCKET or a folder in it")
        return given.rstrip("/")
    deployment = target.deployment()
    outputs = deployment.outputs()
    if OUTPUT not in outputs:
        raise PublishError(
            f"stack {deployment.stack_name} has no output {OUTPUT}: deploy it again, or name the folder in {CODE_URI}"
        )
    return outputs[OUTPUT].rstrip("/")


def main(arguments: Sequence[str] | None = None) -> int:
    """Build and upload; 0 with what was published on standard output, 1 with what failed on standard error."""
    parser = parser_of("publish", "Upload the package of Spark's jobs.")
    parser.add_argument(
        "--code-uri", default=os.environ.get(CODE_URI), help=f"instead of the stack's {OUTPUT} (or {CODE_URI})"
    )
    given = parser.parse_args(arguments)

    def work(target: Target) -> None:
        code_uri = code_uri_of(target, given.code_uri)
        built = build(target.settings.compute.package_architecture)
        print(built.summary())
        new = publish(built, code_uri, target.account.client("s3"))
        print(f"{'published at' if new else 'already at'} {code_uri}/{built.package.version}")

    return run("publish", given, work)


if __name__ == "__main__":
    sys.exit(main())
