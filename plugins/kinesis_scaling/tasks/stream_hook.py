"""One Airflow connection → the two AWS clients that scaling needs, and the objects that use them."""

from functools import cached_property
from typing import Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from botocore.config import Config

from kinesis_scaling.stream.moves import StreamMoves
from kinesis_scaling.stream.watch import StreamWatch
from kinesis_scaling.stream_settings import ScaledStream

#: A call that hangs must not hold up a spike's answer for the default of a minute, five times.
CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})


class StreamHook(AwsBaseHook):
    """Interact with one Kinesis stream and its CloudWatch metrics.

    Additional arguments (such as ``aws_conn_id``) are passed down to the underlying AwsBaseHook.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["client_type"] = "kinesis"
        kwargs["config"] = kwargs.get("config") or CONFIG
        super().__init__(*args, **kwargs)

    @cached_property
    def cloudwatch(self) -> Any:
        """Return CloudWatch's client, made from the same connection."""
        return AwsBaseHook(
            aws_conn_id=self.aws_conn_id,
            region_name=self._region_name,
            verify=self._verify,
            config=self._config,
            client_type="cloudwatch",
        ).conn

    def watch(self, stream: ScaledStream, decided_by: str) -> StreamWatch:
        """Return a watch of the stream, which asks the policy."""
        return StreamWatch(stream, kinesis=self.conn, cloudwatch=self.cloudwatch, decided_by=decided_by)

    def moves(self, stream_name: str) -> StreamMoves:
        """Return the moves of the stream."""
        return StreamMoves(self.conn, stream_name)
