"""The limits of Kinesis that bound a decision, each with its source.

docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html and
docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateShardCount.html, unless it says otherwise.
"""

from datetime import timedelta
from typing import Final

SHARD_RECORDS_PER_SECOND: Final = 1_000
#: "1 MB per second"; read as the smaller megabyte, so that we never count on the difference.
SHARD_BYTES_PER_SECOND: Final = 1_000_000

#: UpdateShardCount: calls per stream in a rolling window; SplitShard and MergeShards have no such limit.
UPDATE_CALLS: Final = 10
UPDATE_CALLS_WINDOW: Final = timedelta(hours=24)

#: UpdateShardCount reaches at most twice and at least half of the open shards.
LARGEST_GROWTH: Final = 2

#: UpdateShardCount never goes above it, whatever the account's quota is.
STREAM_SHARDS: Final = 10_000


def smallest_update_target(open_shard_count: int) -> int:
    """Return the fewest shards that one UpdateShardCount call can leave: half, rounded up."""
    return (open_shard_count + 1) // LARGEST_GROWTH
