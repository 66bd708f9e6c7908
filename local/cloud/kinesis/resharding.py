"""UpdateShardCount's uniform scaling: a shard map and a target → a map of equal shards, by splits and merges.

As on AWS, shards that straddle a new border are split there first and what lies between two borders is merged then,
so a target that is no multiple makes short-lived shards.
"""

import itertools
from dataclasses import dataclass

from local.cloud.kinesis.shards import HASH_KEYS, Shard, ShardMap


@dataclass(frozen=True, kw_only=True)
class Reshard:
    """The new map, and how many splits and merges led to it."""

    shards: ShardMap
    operations: int


def uniform(shards: ShardMap, target: int, *, now: float) -> Reshard:
    """Scale to `target` open shards of equal size (± 1 hash key)."""
    borders = [HASH_KEYS * i // target for i in range(1, target)]
    operations = 0
    for border in borders:
        owner = next(shard for shard in shards.open_shards() if shard.start <= border <= shard.end)
        if owner.start != border:
            shards = shards.split(owner, border, now=now)
            operations += 1
    while (pair := _inside_one_range(shards.open_shards(), borders)) is not None:
        shards = shards.merge(*pair, now=now)
        operations += 1
    return Reshard(shards=shards, operations=operations)


def _inside_one_range(open_shards: list[Shard], borders: list[int]) -> tuple[Shard, Shard] | None:
    kept = set(borders)
    pairs = itertools.pairwise(open_shards)
    return next(((low, high) for low, high in pairs if high.start not in kept), None)
