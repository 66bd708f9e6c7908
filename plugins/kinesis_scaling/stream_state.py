"""All that the policy knows about a stream: minutes of metrics, open shards, past calls, and what is optional.

A caller that knows little gives `now`, `open_shard_count` and `samples`; each other field has a default that means
"nothing is known that would change the decision".
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from kinesis_scaling.aws_limits import SHARD_BYTES_PER_SECOND, SHARD_RECORDS_PER_SECOND


class StreamStatus(StrEnum):
    """StreamStatus of DescribeStreamSummary; a stream takes orders in `ACTIVE` only."""

    ACTIVE = "ACTIVE"
    CREATING = "CREATING"
    DELETING = "DELETING"
    UPDATING = "UPDATING"


@dataclass(frozen=True, kw_only=True, slots=True)
class MinuteSample:
    """What CloudWatch says of one minute; all figures are sums over that minute.

    `incoming_records` and `incoming_bytes` are None where CloudWatch has no data point. Kinesis sends none for a minute
    without puts, so the minute counts as quiet only if `reads_seen`, that is if the stream's GetRecords metrics exist
    for it; otherwise its demand is unknown, which is never taken for zero.
    """

    minute: datetime
    incoming_records: float | None = None
    incoming_bytes: float | None = None
    #: WriteProvisionedThroughputExceeded: records of PutRecord and PutRecords that were refused, retries included.
    throttled_records: float = 0.0
    reads_seen: bool = False
    #: What the producers wanted to write, in shards (1.0 = what one shard takes); None = unknown.
    demand: float | None = field(init=False)
    #: The accepted part of it, in shards; None = unknown.
    accepted: float | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "accepted", self._accepted())
        object.__setattr__(self, "demand", self._demand())

    def _accepted(self) -> float | None:
        records = self.incoming_records
        if records is None:
            return 0.0 if self.reads_seen or self.throttled_records else None
        return max(
            records / (60 * SHARD_RECORDS_PER_SECOND), (self.incoming_bytes or 0.0) / (60 * SHARD_BYTES_PER_SECOND)
        )

    def _demand(self) -> float | None:
        if self.accepted is None or not self.throttled_records:
            return self.accepted
        if not self.incoming_records:
            return self.throttled_records / (60 * SHARD_RECORDS_PER_SECOND)
        # No metric gives throttled bytes: a refused record counts as large as an accepted one of its minute.
        return self.accepted * (1 + self.throttled_records / self.incoming_records)


@dataclass(frozen=True, kw_only=True)
class ShardLoad:
    """What the shard-level metrics say of one open shard over the last minutes they exist for."""

    shard_id: str
    #: 0–1 of what a shard takes, what it refused included (so it can be above 1).
    write_utilization: float
    throttled_records: float = 0.0
    #: Its part of the hash key space, 0–1; None = not known.
    hash_range_share: float | None = None


@dataclass(frozen=True, kw_only=True)
class StreamState:
    """A stream at one moment.

    `samples` are the minutes that are known by now, oldest first, at most one per minute; a minute may be missing.
    The last 200 minutes are used, and the hours around this time of day on each of the last three days and a week ago:
    give what there is, more than eight days are not looked at. A list that grows may be passed again and again.

    `update_calls` are the times of past UpdateShardCount calls, from any caller; those older than 24 h do not matter.
    All times are aware, and in one zone.
    """

    now: datetime
    open_shard_count: int
    samples: Sequence[MinuteSample]
    status: StreamStatus = StreamStatus.ACTIVE
    update_calls: Sequence[datetime] = ()
    #: Shard-level metrics, where they are switched on.
    shard_loads: Sequence[ShardLoad] = ()
    #: Maximum of GetRecords.IteratorAgeMilliseconds; None = no consumer, or not known.
    consumer_lag: timedelta | None = None
    #: DescribeLimits: ShardLimit and OpenShardCount of the account in this region.
    account_shard_limit: int | None = None
    account_open_shards: int | None = None
