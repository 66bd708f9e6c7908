"""SplitShard, MergeShards and UpdateShardCount, with AWS's limits; the stream is UPDATING for a while afterwards."""

import time
from dataclasses import replace
from typing import Any

from local.cloud.json_protocol import AwsError, Payload
from local.cloud.kinesis import resharding
from local.cloud.kinesis.catalog import Catalog
from local.cloud.kinesis.shards import Shard, ShardMap, shard_id
from local.cloud.kinesis.stream import Stream

CALLS_PER_DAY = 10
MAX_SHARDS = 10_000
_DAY = 24 * 3600.0


def split_shard(catalog: Catalog, payload: Payload) -> Payload:
    """SplitShard, one open shard at a hash key inside it."""
    stream = _active(catalog, payload)
    shard = _open_shard(stream, payload.get("ShardToSplit"))
    at = _hash_key(payload.get("NewStartingHashKey"))
    if not shard.start + 1 < at < shard.end:
        raise AwsError(
            "InvalidArgumentException",
            f"NewStartingHashKey {at} used in SplitShard() on shard {shard_id(shard.index)} in stream "
            f"{stream.state.name} under account {stream.state.scope.account} is not both greater than one plus the "
            f"shard's StartingHashKey {shard.start} and less than the shard's EndingHashKey {shard.end}.",
        )
    catalog.check_shard_limit(stream.state.scope, 1)
    _reshard(catalog, stream, stream.state.shards.split(shard, at, now=time.time()), operations=1)
    return {}


def merge_shards(catalog: Catalog, payload: Payload) -> Payload:
    """MergeShards, two open neighbours."""
    stream = _active(catalog, payload)
    shard = _open_shard(stream, payload.get("ShardToMerge"))
    adjacent = _open_shard(stream, payload.get("AdjacentShardToMerge"))
    low, high = sorted((shard, adjacent), key=lambda one: one.start)
    if low.end + 1 != high.start:
        raise AwsError(
            "InvalidArgumentException",
            f"Shards {shard_id(shard.index)} and {shard_id(adjacent.index)} in stream {stream.state.name} under "
            f"account {stream.state.scope.account} are not an adjacent pair of shards eligible for merging",
        )
    _reshard(catalog, stream, stream.state.shards.merge(shard, adjacent, now=time.time()), operations=1)
    return {}


def update_shard_count(catalog: Catalog, payload: Payload) -> Payload:
    """UpdateShardCount: uniform, at most double, at least half, ten times in 24 hours."""
    stream = _active(catalog, payload)
    target, current = payload.get("TargetShardCount"), len(stream.state.shards.open_shards())
    if payload.get("ScalingType") != "UNIFORM_SCALING":
        raise AwsError("ValidationException", f"ScalingType {payload.get('ScalingType')} is not UNIFORM_SCALING.")
    if not isinstance(target, int) or target < 1:
        raise AwsError("ValidationException", f"TargetShardCount {target!r} must be at least 1.")
    now = time.time()
    recent = tuple(call for call in stream.state.resize_calls if call > now - _DAY)
    _check_target(current, target)
    if len(recent) >= CALLS_PER_DAY:
        raise AwsError(
            "LimitExceededException",
            f"UpdateShardCount may be called at most {CALLS_PER_DAY} times in 24 hours for stream {stream.state.name} "
            f"under account {stream.state.scope.account}.",
        )
    catalog.check_shard_limit(stream.state.scope, max(target - current, 0))
    change = resharding.uniform(stream.state.shards, target, now=now)
    stream.update(lambda state: replace(state, resize_calls=(*recent, now)))
    _reshard(catalog, stream, change.shards, operations=change.operations)
    return {
        "StreamName": stream.state.name,
        "StreamARN": stream.state.arn,
        "CurrentShardCount": current,
        "TargetShardCount": target,
    }


def _check_target(current: int, target: int) -> None:
    shown = f"Current open shard count: {current} Target shard count: {target}"
    if target > MAX_SHARDS:
        raise AwsError("LimitExceededException", f"UpdateShardCount cannot scale over {MAX_SHARDS} shards. {shown}")
    if target > 2 * current:
        raise AwsError(
            "LimitExceededException",
            f"UpdateShardCount cannot scale up over double your current open shard count. {shown}",
        )
    if 2 * target < current:
        raise AwsError(
            "LimitExceededException",
            f"UpdateShardCount cannot scale down below half your current open shard count. {shown}",
        )


def _active(catalog: Catalog, payload: Payload) -> Stream:
    stream = catalog.get(payload)
    if stream.state.status != "ACTIVE":
        raise AwsError(
            "ResourceInUseException",
            f"Stream {stream.state.name} under account {stream.state.scope.account} not ACTIVE, instead in state "
            f"{stream.state.status}",
        )
    return stream


def _open_shard(stream: Stream, identifier: Any) -> Shard:
    shard = stream.shard(str(identifier))
    if not shard.is_open:
        raise AwsError(
            "InvalidArgumentException",
            f"Shard {identifier} in stream {stream.state.name} under account {stream.state.scope.account} has already "
            "been merged or split, and thus is not eligible for merging or splitting.",
        )
    return shard


def _hash_key(text: Any) -> int:
    if not isinstance(text, str) or not text.isdigit():
        raise AwsError("ValidationException", f"NewStartingHashKey {text!r} is not a decimal number.")
    return int(text)


def _reshard(catalog: Catalog, stream: Stream, shards: ShardMap, *, operations: int) -> None:
    settings = catalog.settings
    seconds = settings.reshard_seconds + settings.reshard_operation_seconds * operations
    stream.update(lambda state: replace(state, shards=shards).busy("UPDATING", seconds))
