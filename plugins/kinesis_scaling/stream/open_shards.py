"""A stream's open shards: their key ranges, how loaded each is, which to split and which two to merge."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from kinesis_scaling.aws_limits import SHARD_BYTES_PER_SECOND, SHARD_RECORDS_PER_SECOND
from kinesis_scaling.stream.aws_errors import explained
from kinesis_scaling.stream.metric_points import PERIOD_SECONDS, Metric, Points, read_points
from kinesis_scaling.stream_state import ShardLoad

HASH_KEYS: Final = 2**128
#: How many minutes back a shard's load is looked at.
LOAD_WINDOW: Final = timedelta(minutes=5)
#: The shard-level metrics without which a hot shard cannot be told.
LOAD_METRICS: Final = ("IncomingBytes", "IncomingRecords", "WriteProvisionedThroughputExceeded")


@dataclass(frozen=True, kw_only=True)
class OpenShard:
    """An open shard; its hash key range includes both ends."""

    shard_id: str
    start: int
    end: int

    @property
    def width(self) -> int:
        """Return how many hash keys it takes."""
        return self.end - self.start + 1

    @property
    def middle(self) -> int:
        """Return the hash key at which it is split into halves."""
        return self.start + self.width // 2


def open_shards(kinesis: Any, stream_name: str) -> list[OpenShard]:
    """Return the open shards in the order of their keys."""
    request: dict[str, Any] = {"StreamName": stream_name, "ShardFilter": {"Type": "AT_LATEST"}}
    shards: list[OpenShard] = []
    while True:
        with explained("kinesis:ListShards", stream_name):
            page = kinesis.list_shards(**request)
        for shard in page["Shards"]:
            keys = shard["HashKeyRange"]
            start, end = int(keys["StartingHashKey"]), int(keys["EndingHashKey"])
            shards.append(OpenShard(shard_id=shard["ShardId"], start=start, end=end))
        if not page.get("NextToken"):
            return sorted(shards, key=lambda shard: shard.start)
        request = {"NextToken": page["NextToken"]}


def shard_to_split(shards: Sequence[OpenShard], shard_id: str | None) -> OpenShard | None:
    """Return the shard of that id, or the widest if none is named; None if it is not open any more.

    >>> narrow, wide = OpenShard(shard_id="a", start=0, end=9), OpenShard(shard_id="b", start=10, end=99)
    >>> shard_to_split([narrow, wide], None).shard_id
    'b'
    """
    if shard_id is not None:
        return next((shard for shard in shards if shard.shard_id == shard_id), None)
    return max(shards, key=lambda shard: shard.width, default=None)


def shards_to_merge(shards: Sequence[OpenShard]) -> tuple[OpenShard, OpenShard] | None:
    """Return the two neighbours that are narrowest together; None if there are no two."""
    return min(pairwise(shards), key=lambda pair: pair[0].width + pair[1].width, default=None)


def shard_loads(cloudwatch: Any, stream_name: str, shards: Sequence[OpenShard], now: datetime) -> tuple[ShardLoad, ...]:
    """Return the load of each shard in the last minutes, from the shard-level metrics."""
    end = now.replace(second=0, microsecond=0)
    metrics = [Metric(name=name, statistic="Sum", shard_id=shard.shard_id) for shard in shards for name in LOAD_METRICS]
    points = read_points(cloudwatch, stream_name, metrics, end - LOAD_WINDOW, end)
    by_shard = {(metric.shard_id, metric.name): found for metric, found in points.items()}
    return tuple(_load(shard, *(by_shard[shard.shard_id, name] for name in LOAD_METRICS)) for shard in shards)


def _load(shard: OpenShard, in_bytes: Points, in_records: Points, throttled: Points) -> ShardLoad:
    minutes = in_bytes.keys() | in_records.keys() | throttled.keys()
    seconds = max(1, len(minutes)) * PERIOD_SECONDS
    records, refused = sum(in_records.values()), sum(throttled.values())
    accepted = max(
        records / (seconds * SHARD_RECORDS_PER_SECOND), sum(in_bytes.values()) / (seconds * SHARD_BYTES_PER_SECOND)
    )
    # As in MinuteSample: a refused record counts as large as an accepted one.
    wanted = accepted * (1 + refused / records) if records else refused / (seconds * SHARD_RECORDS_PER_SECOND)
    return ShardLoad(
        shard_id=shard.shard_id,
        write_utilization=wanted,
        throttled_records=refused,
        hash_range_share=shard.width / HASH_KEYS,
    )
