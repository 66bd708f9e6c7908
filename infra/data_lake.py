"""Two bucket names → the data lake's buckets: raw objects as Firehose wrote them, and the tables' files."""

from aws_cdk import aws_s3 as s3
from constructs import Construct

from contracts.live_document import LIVE_PREFIX
from contracts.partitions import ERROR_PREFIX, QUERY_RESULT_PREFIX, RAW_PREFIX, WAREHOUSE_PREFIX
from infra.buckets import BucketPolicy, closed_bucket, expiry, tiering
from infra.settings import LakeSettings


class DataLake(Construct):
    """The buckets: raw, the live document and query results expire, tables do not."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        raw_bucket_name: str,
        warehouse_bucket_name: str,
        settings: LakeSettings,
        buckets: BucketPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        self.raw_bucket: s3.Bucket = closed_bucket(
            self,
            "Raw",
            raw_bucket_name,
            policy=buckets,
            rules=[
                expiry("raw-objects", prefix=RAW_PREFIX, days=settings.raw_expiry_days),
                expiry("undelivered-records", prefix=ERROR_PREFIX, days=settings.error_expiry_days),
            ],
        )
        self.warehouse_bucket: s3.Bucket = closed_bucket(
            self,
            "Warehouse",
            warehouse_bucket_name,
            policy=buckets,
            rules=[
                # Written anew every few seconds; of a service that is gone it must not outlive who is erased.
                expiry("live-document", prefix=LIVE_PREFIX, days=1),
                expiry("query-results", prefix=QUERY_RESULT_PREFIX, days=settings.query_result_expiry_days),
                tiering("tables", prefix=WAREHOUSE_PREFIX, days=settings.table_tiering_days),
            ],
        )
