"""Two bucket names → the data lake's buckets: raw objects as Firehose wrote them, and the tables' files.

Neither bucket is versioned, on purpose: `erase_user` must leave nothing behind in raw objects, and in the warehouse
Iceberg's snapshots are the versions. S3's own versions would only keep files that an expired snapshot has released.
"""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_s3 as s3
from constructs import Construct

from contracts.partitions import ERROR_PREFIX, QUERY_RESULT_PREFIX, RAW_PREFIX
from infra.settings import LakeSettings


class DataLake(Construct):
    """The buckets: encrypted, private, reachable over TLS only; raw and query results expire, tables do not."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        raw_bucket_name: str,
        warehouse_bucket_name: str,
        settings: LakeSettings,
        keep_data: bool,
    ) -> None:
        super().__init__(scope, construct_id)
        self._removal_policy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if keep_data else RemovalPolicy.DESTROY
        self.raw_bucket = self._bucket(
            "Raw",
            raw_bucket_name,
            _expiry("raw-objects", prefix=RAW_PREFIX, days=settings.raw_expiry_days),
            _expiry("undelivered-records", prefix=ERROR_PREFIX, days=settings.error_expiry_days),
        )
        self.warehouse_bucket = self._bucket(
            "Warehouse",
            warehouse_bucket_name,
            _expiry("query-results", prefix=QUERY_RESULT_PREFIX, days=settings.query_result_expiry_days),
        )

    def _bucket(self, construct_id: str, name: str, *expiry: s3.LifecycleRule) -> s3.Bucket:
        # Parts of an upload that its writer never completed are billed but never listed.
        abandoned = s3.LifecycleRule(id="abandoned-uploads", abort_incomplete_multipart_upload_after=Duration.days(7))
        return s3.Bucket(
            self,
            construct_id,
            bucket_name=name,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            removal_policy=self._removal_policy,
            lifecycle_rules=[*expiry, abandoned],
        )


def _expiry(rule_id: str, *, prefix: str, days: int) -> s3.LifecycleRule:
    return s3.LifecycleRule(id=rule_id, prefix=prefix, expiration=Duration.days(days))
