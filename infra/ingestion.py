"""Limits and names → the way in: firewall, REST API, event stream.

`event_api` says what a client sends and gets. The stream is provisioned, and the DAG `scale_event_stream` changes its
number of shards: `open_shards` is the number at the start, and a stack update leaves the stream's own number alone
unless this one changes.
"""

from aws_cdk import Aws, Duration, Fn, RemovalPolicy
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.accepted import OWN_KEY_FINDINGS, accept
from infra.event_api import EventApi
from infra.firewall import WebAcl
from infra.settings import ApiSettings, StreamSettings


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
        stream: StreamSettings,
        api: ApiSettings,
        keep_data: bool,
        key: kms.IKey | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.stream = kinesis.Stream(
            self,
            "Stream",
            stream_name=stream_name,
            stream_mode=kinesis.StreamMode.PROVISIONED,
            shard_count=stream.open_shards,
            retention_period=Duration.hours(stream.retention_hours),
            encryption=kinesis.StreamEncryption.MANAGED if key is None else kinesis.StreamEncryption.KMS,
            encryption_key=key,
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if keep_data else RemovalPolicy.DESTROY,
        )
        if key is not None:
            accept(self.stream, OWN_KEY_FINDINGS)
        self.api = EventApi(
            self, "Events", name=api_name, stream_name=stream_name, account=account, settings=api, key=key
        )
        #: What a proxy shows: the stack's own UUID, which is in no template, and which only this account can look up.
        self.proxy_key = Fn.select(2, Fn.split("/", Aws.STACK_ID)) if api.behind_proxy else None
        WebAcl(
            self,
            "Firewall",
            name=api_name,
            resource_arn=self.api.stage_arn,
            requests_per_address=api.address_limit,
            proxy_key=self.proxy_key,
        )
