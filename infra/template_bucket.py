"""A template that is too large for a request → an object that CloudFormation reads.

The bucket is made by the first deployment that needs it, and deleted with the stack. It holds templates alone, for a
month, and no secrets: a template has none.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from infra.errors import DeploymentError

_KEPT_DAYS: Final = 30
_CLOSED: Final = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
#: Where S3's default region is not to be named.
_DEFAULT_REGION: Final = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class TemplateBucket:
    """The bucket `name` in `region`; `client` is S3's."""

    client: Any
    name: str
    region: str

    def upload(self, body: str) -> str:
        """Store a template; return the address under which CloudFormation finds it."""
        self._make()
        key = f"{hashlib.sha256(body.encode()).hexdigest()}.json"
        self.client.put_object(Bucket=self.name, Key=key, Body=body.encode(), ContentType="application/json")
        return f"{self.client.meta.endpoint_url}/{self.name}/{key}"

    def delete(self) -> None:
        """Delete the bucket with its templates, if it is there."""
        try:
            empty_bucket(self.client, self.name)
            self.client.delete_bucket(Bucket=self.name)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchBucket":
                raise

    def _make(self) -> None:
        """Create the bucket, unless it is there, private and reachable over TLS only."""
        where = {} if self.region == _DEFAULT_REGION else {"LocationConstraint": self.region}
        try:
            self.client.create_bucket(Bucket=self.name, **({"CreateBucketConfiguration": where} if where else {}))
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "BucketAlreadyExists":
                raise DeploymentError(
                    f"the bucket {self.name}, for templates, belongs to another account: its name has your account's "
                    "number, so somebody took it; rename it in contracts/names.py"
                ) from error
            if code != "BucketAlreadyOwnedByYou":
                raise
        closed = dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
        )
        self.client.put_public_access_block(Bucket=self.name, PublicAccessBlockConfiguration=closed)
        # The partition (aws, aws-cn, aws-us-gov) is not known here; a policy for objects of the bucket needs it.
        partition = self.client.meta.partition
        arn = f"arn:{partition}:s3:::{self.name}"
        over_tls = {
            "Effect": "Deny",
            "Principal": {"AWS": "*"},
            "Action": "s3:*",
            "Resource": [arn, f"{arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        policy = {"Version": "2012-10-17", "Statement": [over_tls]}
        self.client.put_bucket_policy(Bucket=self.name, Policy=json.dumps(policy))
        expiry = {"ID": "templates", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": _KEPT_DAYS}}
        self.client.put_bucket_lifecycle_configuration(Bucket=self.name, LifecycleConfiguration={"Rules": [expiry]})


def empty_bucket(client: Any, name: str) -> int:
    """Delete every object of a bucket; return how many there were."""
    count = 0
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
        keys = [{"Key": one["Key"]} for one in page.get("Contents", ())]
        if keys:
            failed = client.delete_objects(Bucket=name, Delete={"Objects": keys, "Quiet": True}).get("Errors", ())
            if failed:
                raise DeploymentError(f"{name}/{failed[0]['Key']} can't be deleted: {failed[0]['Message']}")
            count += len(keys)
    return count
