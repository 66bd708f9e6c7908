"""Limits and names → the way in: firewall, REST API, event stream.

What a client sends and gets is written in `event_api`. The stream is provisioned: `scale_event_stream` moves its
shards, so `open_shards` is where it starts, and a stack update leaves the count alone unless this number changes.
"""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_kinesis as kinesis
from constructs import Construct

from contracts.event import batch_schema, event_schema
from infra.event_api import EventApi
from infra.mapping import batch_templates, single_event_templates
from infra.web_acl import WebAcl


class Ingestion(Construct):
    """The event stream, the API that fills it and the web ACL before it."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stream_name: str,
        api_name: str,
        account: str,
        open_shards: int,
        retention_hours: int,
        request_rate: int,
        request_burst: int,
        address_limit: int,
        keep_data: bool,
    ) -> None:
        super().__init__(scope, construct_id)
        self.stream = kinesis.Stream(
            self,
            "Stream",
            stream_name=stream_name,
            stream_mode=kinesis.StreamMode.PROVISIONED,
            shard_count=open_shards,
            retention_period=Duration.hours(retention_hours),
            encryption=kinesis.StreamEncryption.MANAGED,
            removal_policy=RemovalPolicy.RETAIN if keep_data else RemovalPolicy.DESTROY,
        )
        self.api = EventApi(
            self,
            "Events",
            name=api_name,
            event_schema=event_schema(),
            batch_schema=batch_schema(),
            event_templates=single_event_templates(stream_name),
            batch_templates=batch_templates(stream_name),
            account=account,
            request_rate=request_rate,
            request_burst=request_burst,
        )
        WebAcl(
            self,
            "Firewall",
            name=api_name,
            resource_arn=self.api.stage_arn,
            requests_per_address=address_limit,
        )
