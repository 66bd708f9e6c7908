"""Settings of one environment → the one stack, and its CloudFormation template as JSON.

Every right that a part has over another is in `infra/rights.py`, so that it can be read in one place. The template
needs no bootstrapped account: it has no assets, no parameters and no rules. Import this module only after
`synth.put_node_on_path()`: CDK starts its Node process as soon as it is imported.
"""

import json
import tempfile
from typing import Final

from aws_cdk import App, Aws, BootstraplessSynthesizer, CfnOutput, Duration, Fn, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from contracts.names import API_STAGE
from contracts.partitions import QUERY_RESULT_PREFIX, RAW_PREFIX, WAREHOUSE_PREFIX
from infra.accepted import RIGHTS_FINDINGS, WITHOUT_OWN_KEY_FINDINGS, accept, accept_wildcards
from infra.buckets import BucketPolicy
from infra.budget import Budget
from infra.catalog import Catalog
from infra.compute import LOG_PREFIX, Compute
from infra.data_lake import DataLake
from infra.delivery import Delivery
from infra.encryption import OwnKey
from infra.ingestion import Ingestion
from infra.monitoring import Monitoring, Watched
from infra.named_queries import NamedQueries
from infra.queries import Queries
from infra.rights import (
    Resources,
    airflow_rights,
    analyst_rights,
    api_rights,
    delivery_rights,
    key_rights,
    live_rights,
    spark_rights,
)
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
        key = self._own_key(settings)
        self._key_arn = None if key is None else key.key_arn
        buckets = BucketPolicy(keep_data=settings.keep_data, key=key)
        self.lake = DataLake(
            self,
            "DataLake",
            raw_bucket_name=names.raw_bucket(Aws.ACCOUNT_ID, Aws.REGION),
            warehouse_bucket_name=names.warehouse_bucket(Aws.ACCOUNT_ID, Aws.REGION),
            settings=settings.lake,
            buckets=buckets,
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
            key=key,
        )
        self.delivery = Delivery(
            self,
            "Delivery",
            name=names.delivery_stream,
            source=self.ingestion.stream,
            target=self.lake.raw_bucket,
            account=Aws.ACCOUNT_ID,
            settings=settings.delivery,
            key=key,
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
            key=key,
        )
        NamedQueries(self, "NamedQueries", workgroup=self.queries.workgroup, database=names.database)
        self.compute = Compute(
            self,
            "Compute",
            application_name=names.spark_application,
            code_bucket_name=names.code_bucket(Aws.ACCOUNT_ID, Aws.REGION),
            account=Aws.ACCOUNT_ID,
            settings=settings.compute,
            buckets=buckets,
        )
        self.monitoring = Monitoring(
            self,
            "Monitoring",
            name=names.stack,
            account=Aws.ACCOUNT_ID,
            watched=Watched(
                api=names.api,
                stage=API_STAGE,
                database=names.database,
                stream=names.event_stream,
                delivery_stream=names.delivery_stream,
                web_acl=names.api,
                region=Aws.REGION,
                buffer=Duration.seconds(settings.delivery.buffer_seconds),
            ),
            settings=settings.alarms,
            key=key,
        )
        if settings.alarms.monthly_dollars is not None:
            Budget(
                self,
                "Budget",
                name=names.stack,
                environment=names.environment,
                dollars=settings.alarms.monthly_dollars,
                topic_arn=self.monitoring.topic.topic_arn,
            )
        self._grant()
        self._add_outputs()
        if settings.same_origin is not None:
            self._add_same_origin(settings.same_origin, names.api)

    def _own_key(self, settings: EnvironmentSettings) -> kms.Key | None:
        if not settings.own_key:
            accept(self, WITHOUT_OWN_KEY_FINDINGS)
            return None
        name, keep_data = settings.names.stack, settings.keep_data
        return OwnKey(self, "Encryption", name=name, account=Aws.ACCOUNT_ID, keep_data=keep_data).key

    def _grant(self) -> None:
        """Give each actor its rights (`infra/rights.py`)."""
        delivery, compute = self.delivery, self.compute
        on = Resources(
            stream=self.ingestion.stream,
            raw=self.lake.raw_bucket,
            warehouse=self.lake.warehouse_bucket,
            code=compute.code_bucket,
            log_prefix=LOG_PREFIX,
            database=self.catalog.database_name,
            workgroup=self.queries.workgroup_name,
            application=compute.application,
            spark_role=compute.spark_role,
            live_role=compute.live_role,
            airflow_takes_live_role=self._settings.compute.airflow_runs_on == "ec2",
            topic_arn=self.monitoring.topic.topic_arn,
            key_arn=self._key_arn,
        )
        rights = {
            self.ingestion.api.role: api_rights(on),
            delivery.role: delivery_rights(on, delivery.log_group.attr_arn),
            compute.spark_role: spark_rights(on),
            compute.airflow_role: airflow_rights(on),
            compute.live_role: live_rights(on),
            compute.analyst_role: analyst_rights(on),
        }
        for role, statements in rights.items():
            policy = iam.Policy(role, "Rights", roles=[role], statements=[*statements, *key_rights(on)])
            accept(policy, RIGHTS_FINDINGS)
            accept_wildcards(policy)
            if role is delivery.role:
                # Firehose uses its role when it is created; CloudFormation would create role and policy in any order.
                delivery.delivery_stream.node.add_dependency(policy)

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
            "ApiUrl": Fn.join("", ["https://", self._api_host, "/", API_STAGE]),
            "StreamName": self.ingestion.stream.stream_name,
            "DeliveryStreamName": self.delivery.delivery_stream.ref,
            "RawBucket": self.lake.raw_bucket.bucket_name,
            "WarehouseBucket": self.lake.warehouse_bucket.bucket_name,
            "RawUri": _uri(self.lake.raw_bucket, RAW_PREFIX),
            "WarehouseUri": _uri(self.lake.warehouse_bucket, WAREHOUSE_PREFIX),
            "Database": self.catalog.database_name,
            "WorkGroup": self.queries.workgroup_name,
            "AlarmTopic": self.monitoring.topic.topic_arn,
            "CodeBucketName": self.compute.code_bucket.bucket_name,
            "CodeUri": f"s3://{self.compute.code_bucket.bucket_name}",
            "SparkApplicationId": self.compute.application.attr_application_id,
            "SparkRoleArn": self.compute.spark_role.role_arn,
            "SparkLogUri": self.compute.log_uri,
            "AirflowRoleArn": self.compute.airflow_role.role_arn,
            "AirflowProfile": self.compute.airflow_profile.ref,
            "LiveRoleArn": self.compute.live_role.role_arn,
            "AnalystRoleArn": self.compute.analyst_role.role_arn,
            # What the DAGs must know of the settings.
            "BufferSeconds": str(settings.delivery.buffer_seconds),
            "RawExpiryDays": str(settings.lake.raw_expiry_days),
            "ScalingMode": settings.stream.scaling,
            "MinimumShards": str(settings.stream.minimum_shards),
            "MaximumShards": str(settings.stream.maximum_shards),
        }
        if self.ingestion.proxy_key is not None:
            outputs["ProxyKey"] = self.ingestion.proxy_key
        if self.ingestion.api.api_key is not None:
            outputs["ApiKeyId"] = self.ingestion.api.api_key.key_id
        if self.ingestion.api.domain is not None:
            outputs["ApiDomainTarget"] = self.ingestion.api.domain.domain_name_alias_domain_name
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
