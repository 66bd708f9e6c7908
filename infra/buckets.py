"""What every bucket of the stack has in common: private, encrypted, over TLS only, without abandoned uploads.

No bucket is versioned, on purpose: `erase_user` must leave nothing behind in raw objects, in the warehouse Iceberg's
snapshots are the versions, and code is published under its version.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.accepted import BUCKET_FINDINGS, accept


@dataclass(frozen=True, kw_only=True)
class BucketPolicy:
    """Whether buckets stay when the stack goes, and the key that encrypts them, if it is not S3's own."""

    keep_data: bool
    key: kms.IKey | None = None

    def without_data(self) -> "BucketPolicy":
        """Return the same for a bucket of what can be made again."""
        return replace(self, keep_data=False)


def closed_bucket(
    scope: Construct, construct_id: str, name: str, *, policy: BucketPolicy, rules: Sequence[s3.LifecycleRule]
) -> s3.Bucket:
    """Return a bucket with these rules of what expires."""
    # Parts of an upload that its writer never completed are billed but never listed.
    abandoned = s3.LifecycleRule(id="abandoned-uploads", abort_incomplete_multipart_upload_after=Duration.days(7))
    bucket = s3.Bucket(
        scope,
        construct_id,
        bucket_name=name,
        encryption=s3.BucketEncryption.S3_MANAGED if policy.key is None else s3.BucketEncryption.KMS,
        encryption_key=policy.key,
        # One data key for many objects: else each of them is a call of KMS, which is paid for.
        bucket_key_enabled=None if policy.key is None else True,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        enforce_ssl=True,
        removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if policy.keep_data else RemovalPolicy.DESTROY,
        lifecycle_rules=[*rules, abandoned],
    )
    accept(bucket, BUCKET_FINDINGS)
    return bucket


def tiering(rule_id: str, *, prefix: str, days: int) -> s3.LifecycleRule:
    """Return the rule that moves what is older than `days` to where S3 keeps for less what nobody reads."""
    tier = s3.Transition(storage_class=s3.StorageClass.INTELLIGENT_TIERING, transition_after=Duration.days(days))
    return s3.LifecycleRule(id=rule_id, prefix=prefix, transitions=[tier])


def expiry(rule_id: str, *, prefix: str, days: int) -> s3.LifecycleRule:
    """Return the rule that deletes what is older than `days` below a prefix."""
    return s3.LifecycleRule(id=rule_id, prefix=prefix, expiration=Duration.days(days))
