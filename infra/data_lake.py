"""Two bucket names → the data lake's buckets: raw objects as Firehose wrote them, and the tables' files.

Neither is versioned, on purpose: `erase_user` must leave nothing behind in raw, and in the warehouse Iceberg's
snapshots are the versions, so that S3's would only keep what an expired snapshot gave up.
"""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_s3 as s3
from constructs import Construct

from contracts.partitions import ERROR_PREFIX, QUERY_RESULT_PREFIX, RAW_PREFIX


class DataLake(Construct):
    """The buckets: encrypted, private, reachable over TLS only; raw and query results expire, tables do not."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        raw_bucket_name: str,
        warehouse_bucket_name: str,
        raw_expiry_days: int,
        error_expiry_days: int,
        query_result_expiry_days: int,
        keep_data: bool,
    ) -> None:
        super().__init__(scope, construct_id)
        removal_policy = RemovalPolicy.RETAIN if keep_data else RemovalPolicy.DESTROY
        self.raw_bucket = s3.Bucket(
            self,
            "Raw",
            bucket_name=raw_bucket_name,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            removal_policy=removal_policy,
            lifecycle_rules=[
                _expiry("raw-objects", prefix=RAW_PREFIX, days=raw_expiry_days),
                _expiry("undelivered-records", prefix=ERROR_PREFIX, days=error_expiry_days),
                _abandoned_uploads(),
            ],
        )
        self.warehouse_bucket = s3.Bucket(
            self,
            "Warehouse",
            bucket_name=warehouse_bucket_name,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            removal_policy=removal_policy,
            lifecycle_rules=[
                _expiry("query-results", prefix=QUERY_RESULT_PREFIX, days=query_result_expiry_days),
                _abandoned_uploads(),
            ],
        )


def _expiry(rule_id: str, *, prefix: str, days: int) -> s3.LifecycleRule:
    return s3.LifecycleRule(id=rule_id, prefix=prefix, expiration=Duration.days(days))


def _abandoned_uploads() -> s3.LifecycleRule:
    """Parts of an upload that its writer never completed are billed but never listed."""
    return s3.LifecycleRule(id="abandoned-uploads", abort_incomplete_multipart_upload_after=Duration.days(7))
