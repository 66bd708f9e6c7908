"""Event stream + raw bucket → GZIP objects under the prefix of the hour they landed in.

Firehose transforms nothing and adds no newline: every record already is a line, which the API ends. Dynamic
partitioning is off, so an object's prefix says only when its oldest record arrived: that is its landing hour.
"""

from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from contracts.partitions import FIREHOSE_ERROR_PREFIX, FIREHOSE_PREFIX
from infra.accepted import DELIVERY_FINDINGS, accept
from infra.log_groups import log_group
from infra.service_role import service_role
from infra.settings import DeliverySettings

_LOG_STREAM = "delivery"


class Delivery(Construct):
    """The delivery stream, its error log, and the role it works under, to which the stack grants its rights."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        source: kinesis.IStream,
        target: s3.IBucket,
        account: str,
        settings: DeliverySettings,
        key: kms.IKey | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.role = service_role(self, service="firehose", account=account)
        self.log_group = self._error_log(name, settings.log_retention_days, key)
        self.delivery_stream = firehose.CfnDeliveryStream(
            self,
            "Stream",
            delivery_stream_name=name,
            delivery_stream_type="KinesisStreamAsSource",
            kinesis_stream_source_configuration=firehose.CfnDeliveryStream.KinesisStreamSourceConfigurationProperty(
                kinesis_stream_arn=source.stream_arn, role_arn=self.role.role_arn
            ),
            extended_s3_destination_configuration=firehose.CfnDeliveryStream.ExtendedS3DestinationConfigurationProperty(
                bucket_arn=target.bucket_arn,
                role_arn=self.role.role_arn,
                prefix=FIREHOSE_PREFIX,
                error_output_prefix=FIREHOSE_ERROR_PREFIX,
                compression_format="GZIP",
                buffering_hints=firehose.CfnDeliveryStream.BufferingHintsProperty(
                    interval_in_seconds=settings.buffer_seconds, size_in_m_bs=settings.buffer_mebibytes
                ),
                cloud_watch_logging_options=firehose.CfnDeliveryStream.CloudWatchLoggingOptionsProperty(
                    enabled=True, log_group_name=self.log_group.ref, log_stream_name=_LOG_STREAM
                ),
            ),
        )

        accept(self.delivery_stream, DELIVERY_FINDINGS)

    def _error_log(self, name: str, retention_days: int, key: kms.IKey | None) -> logs.CfnLogGroup:
        """Add the log of failed deliveries; Firehose writes into a log stream that must exist before it."""
        group = log_group(self, "Log", name=f"/aws/kinesisfirehose/{name}", retention_days=retention_days, key=key)
        logs.CfnLogStream(self, "LogStream", log_group_name=group.ref, log_stream_name=_LOG_STREAM)
        return group
