"""Settings of one environment → the one stack, and its CloudFormation template as JSON.

Every right that a part has over another is granted in `_grant`, so that it can be read in one place. The template needs
no bootstrapped account: it has no assets, no parameters and no rules. Import this module only after
`synth.put_node_on_path()`: CDK starts its Node process as soon as it is imported.
"""

import json
import tempfile
from typing import Final

from aws_cdk import App, Aws, BootstraplessSynthesizer, CfnOutput, Duration, Fn, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from contracts.partitions import ERROR_PREFIX, QUERY_RESULT_PREFIX, RAW_PREFIX, WAREHOUSE_PREFIX
from infra.catalog import Catalog
from infra.data_lake import DataLake
from infra.delivery import Delivery
from infra.event_api import STAGE
from infra.ingestion import Ingestion
from infra.monitoring import Monitoring, Watched
from infra.queries import Queries
from infra.same_origin import SameOrigin
from infra.settings import EnvironmentSettings, SameOriginSettings

#: With hashes of construct paths and CDK's own version, the same template would differ from machine to machine.
_CONTEXT: Final = {"aws:cdk:enable-path-metadata": False, "aws:cdk:enable-asset-metadata": False}


class PipelineStack(Stack):
    """Takes events over HTTP; leaves raw objects, and a database for the tables."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: EnvironmentSettings) -> None:
        names = settings.names
        self._settings = settings
        super().__init__(
            scope, construct_id, stack_name=names.stack, description="Clickstream: HTTP, stream, raw objects, catalog."
        )
        self.lake = DataLake(
            self,
            "DataLake",
            raw_bucket_name=names.raw_bucket(Aws.ACCOUNT_ID, Aws.REGION),
            warehouse_bucket_name=names.warehouse_bucket(Aws.ACCOUNT_ID, Aws.REGION),
            settings=settings.lake,
            keep_data=settings.keep_data,
        )
        self.ingestion = Ingestion(
            self,
            "Ingestion",
            stream_name=names.event_stream,
            api_name=names.api,
            account=Aws.ACCOUNT_ID,
            stream=settings.stream,
            api=settings.api,
            keep_data=settings.keep_data,
        )
        self.delivery = Delivery(
            self,
            "Delivery",
            name=names.delivery_stream,
            source=self.ingestion.stream,
            target=self.lake.raw_bucket,
            account=Aws.ACCOUNT_ID,
            settings=settings.delivery,
        )
        self.catalog = Catalog(
            self,
            "Catalog",
            database_name=names.database,
            location_uri=_uri(self.lake.warehouse_bucket, WAREHOUSE_PREFIX),
            keep_data=settings.keep_data,
        )
        self.queries = Queries(
            self,
            "Queries",
            workgroup_name=names.workgroup,
            result_uri=_uri(self.lake.warehouse_bucket, QUERY_RESULT_PREFIX) + "/",
            bytes_limit=settings.query_gibibytes * 2**30,
        )
        self.monitoring = Monitoring(
            self,
            "Monitoring",
            name=names.stack,
            account=Aws.ACCOUNT_ID,
            watched=Watched(
                api=names.api,
                stage=STAGE,
                stream=names.event_stream,
                delivery_stream=names.delivery_stream,
                web_acl=names.api,
                region=Aws.REGION,
                buffer=Duration.seconds(settings.delivery.buffer_seconds),
            ),
            settings=settings.alarms,
        )
        self._grant()
        self._add_outputs()
        if settings.same_origin is not None:
            self._add_same_origin(settings.same_origin, names.api)

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
            # Firehose uses its role when it is created; CloudFormation would create role and policy in any order.
            grant.apply_before(delivery.delivery_stream)

    def _add_same_origin(self, settings: SameOriginSettings, name: str) -> None:
        proxy_key = self.ingestion.proxy_key
        if proxy_key is None:
            raise TypeError("same_origin without a proxy key: EnvironmentSettings lets no such settings through")
        same_origin = SameOrigin(
            self,
            "SameOrigin",
            rest_api=self.ingestion.api.rest_api,
            api_host=self._api_host,
            name=name,
            proxy_key=proxy_key,
            settings=settings,
        )
        CfnOutput(self, "SameOriginTarget", value=same_origin.distribution.distribution_domain_name)

    @property
    def _api_host(self) -> str:
        return Fn.join("", [self.ingestion.api.rest_api.rest_api_id, ".execute-api.", Aws.REGION, ".", Aws.URL_SUFFIX])

    def _add_outputs(self) -> None:
        settings = self._settings
        outputs = {
            "Environment": settings.names.environment,
            "ApiUrl": Fn.join("", ["https://", self._api_host, "/", STAGE]),
            "StreamName": self.ingestion.stream.stream_name,
            "DeliveryStreamName": self.delivery.delivery_stream.ref,
            "RawBucket": self.lake.raw_bucket.bucket_name,
            "WarehouseBucket": self.lake.warehouse_bucket.bucket_name,
            "RawUri": _uri(self.lake.raw_bucket, RAW_PREFIX),
            "WarehouseUri": _uri(self.lake.warehouse_bucket, WAREHOUSE_PREFIX),
            "Database": self.catalog.database_name,
            "WorkGroup": self.queries.workgroup_name,
            "AlarmTopic": self.monitoring.topic.topic_arn,
            # What the DAGs must know of the settings.
            "BufferSeconds": str(settings.delivery.buffer_seconds),
            "RawExpiryDays": str(settings.lake.raw_expiry_days),
            "ScalingMode": settings.stream.scaling,
            "MinimumShards": str(settings.stream.minimum_shards),
            "MaximumShards": str(settings.stream.maximum_shards),
        }
        if self.ingestion.proxy_key is not None:
            outputs["ProxyKey"] = self.ingestion.proxy_key
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)


def _uri(bucket: s3.IBucket, prefix: str) -> str:
    return f"s3://{bucket.bucket_name}/{prefix.rstrip('/')}"


def pipeline_app(settings: EnvironmentSettings, *, outdir: str) -> tuple[App, PipelineStack]:
    """Compose the app of one environment; it writes what it synthesizes below `outdir`."""
    app = App(
        analytics_reporting=False, context=_CONTEXT, default_stack_synthesizer=BootstraplessSynthesizer(), outdir=outdir
    )
    return app, PipelineStack(app, "Pipeline", settings=settings)


def template_json(settings: EnvironmentSettings) -> str:
    """Return the template of one environment, its keys sorted, so that equal templates are equal texts."""
    with tempfile.TemporaryDirectory() as outdir:
        app, stack = pipeline_app(settings, outdir=outdir)
        template = app.synth().get_stack_by_name(stack.stack_name).template
    return json.dumps(template, indent=2, sort_keys=True)
