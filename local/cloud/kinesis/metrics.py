"""What happened to a stream → AWS/Kinesis metrics in CloudWatch.

Shard-level metrics are written only where enhanced monitoring is on; on AWS they cost money.
"""

from collections.abc import Callable, Mapping
from typing import Final

from local.cloud import emulator
from local.cloud.minute_metrics import MinuteMetrics

SHARD_LEVEL: Final = (
    "IncomingBytes",
    "IncomingRecords",
    "OutgoingBytes",
    "OutgoingRecords",
    "WriteProvisionedThroughputExceeded",
    "ReadProvisionedThroughputExceeded",
    "IteratorAgeMilliseconds",
)


class Metrics:
    """The metrics of all streams; `store` takes a statistic set that changes until its minute ends."""

    def __init__(self, *, store: Callable[..., None] = emulator.add_statistic_set) -> None:
        self._sets = MinuteMetrics(namespace="AWS/Kinesis", store=store)

    def add(self, scope: emulator.Scope, stream: str, shard: str | None, samples: Mapping[str, float]) -> None:
        """Add one sample to each metric of a stream, or of one of its shards."""
        self._sets.add(scope, {"StreamName": stream} | ({"ShardId": shard} if shard else {}), samples)
