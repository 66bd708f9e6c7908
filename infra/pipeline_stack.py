"""Settings of one environment → the one stack: its constructs, who may do what, and its outputs.

Every right that a part has over another is granted in `_grant`, so that it can be read in one place.
"""

from aws_cdk import Aws, CfnOutput, Fn, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from contracts.partitions import ERROR_PREFIX, QUERY_RESULT_PREFIX, RAW_PREFIX, WAREHOUSE_PREFIX
from infra.catalog import Catalog
from infra.data_lake import DataLake
from infra.delivery import Delivery
from infra.event_api import STAGE
from infra.ingestion import Ingestion
from infra.queries import Queries
from infra.settings import EnvironmentSettings


class PipelineStack(Stack):
    """Events in over HTTP, raw objects and a database for tables out."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: EnvironmentSettings) -> None:
        names = settings.names
        super().__init__(
            scope, construct_id, stack_name=names.stack, description="Clickstream: HTTP, stream, raw objects, catalog."
        )
        self.lake = DataLake(
            self,
            "DataLake",
            raw_bucket_name=names.raw_bucket(Aws.ACCOUNT_ID, Aws.REGION),
            warehouse_bucket_name=names.warehouse_bucket(Aws.ACCOUNT_ID, Aws.REGION),
            raw_expiry_days=settings.raw_expiry_days,
            error_expiry_days=settings.error_expiry_days,
            query_result_expiry_days=settings.query_result_expiry_days,
            keep_data=settings.keep_data,
        )
        self.ingestion = Ingestion(
            self,
            "Ingestion",
            stream_name=names.event_stream,
            api_name=names.api,
            account=Aws.ACCOUNT_ID,
            open_shards=settings.open_shards,
            retention_hours=settings.retention_hours,
            request_rate=settings.request_rate,
            request_burst=settings.request_burst,
            address_limit=settings.address_limit,
            keep_data=settings.keep_data,
        )
        self.delivery = Delivery(
            self,
            "Delivery",
            name=names.delivery_stream,
            source=self.ingestion.stream,
            target=self.lake.raw_bucket,
            account=Aws.ACCOUNT_ID,
            buffer_seconds=settings.buffer_seconds,
            buffer_mebibytes=settings.buffer_mebibytes,
            log_retention_days=settings.log_retention_days,
        )
        self.catalog = Catalog(
            self,
            "Catalog",
            database_name=names.database,
            location_uri=_uri(self.lake.warehouse_bucket, WAREHOUSE_PREFIX),
        )
        self.queries = Queries(
            self,
            "Queries",
            workgroup_name=names.workgroup,
            result_uri=_uri(self.lake.warehouse_bucket, QUERY_RESULT_PREFIX) + "/",
            bytes_limit=settings.query_gibibytes * 2**30,
        )
        self._grant()
        self._add_outputs()

    def _grant(self) -> None:
        """The API puts records; Firehose reads them, writes raw objects and its own error log. Nothing else."""
        stream, raw, delivery = self.ingestion.stream, self.lake.raw_bucket, self.delivery
        stream.grant(self.ingestion.api.role, "kinesis:PutRecord", "kinesis:PutRecords")
        grants = (
            stream.grant(
                delivery.role,
                "kinesis:DescribeStream",
                "kinesis:GetRecords",
                "kinesis:GetShardIterator",
                "kinesis:ListShards",
            ),
            iam.Grant.add_to_principal(
                grantee=delivery.role,
                actions=["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
                resource_arns=[raw.bucket_arn],
            ),
            iam.Grant.add_to_principal(
                grantee=delivery.role,
                actions=["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
                resource_arns=[raw.arn_for_objects(f"{prefix}*") for prefix in (RAW_PREFIX, ERROR_PREFIX)],
            ),
            iam.Grant.add_to_principal(
                grantee=delivery.role, actions=["logs:PutLogEvents"], resource_arns=[delivery.log_group.attr_arn]
            ),
        )
        for grant in grants:
            # Firehose tries its role when it is made; CloudFormation would make role and policy in any order.
            grant.apply_before(delivery.delivery_stream)

    def _add_outputs(self) -> None:
        api_id = self.ingestion.api.rest_api.rest_api_id
        outputs = {
            "ApiUrl": Fn.join("", ["https://", api_id, ".execute-api.", Aws.REGION, ".", Aws.URL_SUFFIX, "/", STAGE]),
            "StreamName": self.ingestion.stream.stream_name,
            "DeliveryStreamName": self.delivery.delivery_stream.ref,
            "RawBucket": self.lake.raw_bucket.bucket_name,
            "WarehouseBucket": self.lake.warehouse_bucket.bucket_name,
            "RawUri": _uri(self.lake.raw_bucket, RAW_PREFIX),
            "WarehouseUri": _uri(self.lake.warehouse_bucket, WAREHOUSE_PREFIX),
            "Database": self.catalog.database_name,
            "WorkGroup": self.queries.workgroup_name,
        }
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)


def _uri(bucket: s3.IBucket, prefix: str) -> str:
    return f"s3://{bucket.bucket_name}/{prefix.rstrip('/')}"
