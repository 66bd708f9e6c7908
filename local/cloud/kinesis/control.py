"""The operations that change a stream: create, delete, resize, retention, tags, enhanced monitoring, encryption.

SplitShard, MergeShards and UpdateShardCount have AWS's limits; the stream is UPDATING for a while afterwards.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from local.cloud import emulator
from local.cloud.json_protocol import AwsError, Payload
from local.cloud.kinesis.metrics import SHARD_LEVEL
from local.cloud.kinesis.shards import Shard, ShardMap, scale_uniformly
from local.cloud.kinesis.streams import DEFAULT_RETENTION_HOURS, Stream, Streams, StreamState

MAX_RETENTION_HOURS = 8_760
MAX_TAGS = 50
DEFAULT_SHARDS = 4
RESIZES_PER_DAY = 10
MAX_SHARDS = 10_000
_DAY = 24 * 3600.0


def create_stream(streams: Streams, payload: Payload) -> Payload:
    """CreateStream; only provisioned streams, of four shards by default (recorded on AWS)."""
    mode = payload.get("StreamModeDetails", {}).get("StreamMode", "PROVISIONED")
    if mode != "PROVISIONED":
        raise AwsError("InvalidArgumentException", f"The local cloud has no {mode} streams, only PROVISIONED.")
    name, count = payload.get("StreamName"), payload.get("ShardCount", DEFAULT_SHARDS)
    if not isinstance(name, str) or not 1 <= len(name) <= 128:
        raise AwsError("ValidationException", f"StreamName {name!r} must have 1 to 128 characters.")
    if not isinstance(count, int) or count < 1:
        raise AwsError("ValidationException", f"ShardCount {count!r} must be at least 1.")
    scope, now = emulator.scope(), time.time()
    streams.check_shard_limit(scope, count)
    shards, tags = ShardMap.uniform(count, now=now), dict(payload.get("Tags", {}))
    state = StreamState(scope=scope, name=name, shards=shards, created=now, tags=tags)
    streams.add(state.busy("CREATING", streams.settings.create_seconds))
    return {}


def delete_stream(streams: Streams, payload: Payload) -> Payload:
    """DeleteStream, without delay."""
    streams.remove(streams.get(payload))
    return {}


def split_shard(streams: Streams, payload: Payload) -> Payload:
    """SplitShard, one open shard at a hash key inside it."""
    stream = _active(streams, payload)
    shard = _open_shard(stream, payload.get("ShardToSplit"))
    at = _hash_key(payload.get("NewStartingHashKey"))
    if not shard.start + 1 < at < shard.end:
        raise AwsError(
            "InvalidArgumentException",
            f"NewStartingHashKey {at} used in SplitShard() on shard {shard.identifier} in {stream.state.title} is not "
            f"both greater than one plus the shard's StartingHashKey {shard.start} and less than the shard's "
            f"EndingHashKey {shard.end}.",
        )
    streams.check_shard_limit(stream.state.scope, 1)
    _reshard(streams, stream, stream.state.shards.split(shard, at, now=time.time()), operations=1)
    return {}


def merge_shards(streams: Streams, payload: Payload) -> Payload:
    """MergeShards, two open neighbours."""
    stream = _active(streams, payload)
    shard = _open_shard(stream, payload.get("ShardToMerge"))
    adjacent = _open_shard(stream, payload.get("AdjacentShardToMerge"))
    low, high = sorted((shard, adjacent), key=lambda one: one.start)
    if low.end + 1 != high.start:
        raise AwsError(
            "InvalidArgumentException",
            f"Shards {shard.identifier} and {adjacent.identifier} in {stream.state.title} are not an adjacent pair of "
            "shards eligible for merging",
        )
    _reshard(streams, stream, stream.state.shards.merge(shard, adjacent, now=time.time()), operations=1)
    return {}


def update_shard_count(streams: Streams, payload: Payload) -> Payload:
    """UpdateShardCount: uniform, at most double, at least half, ten times in 24 hours."""
    stream = _active(streams, payload)
    target, current = payload.get("TargetShardCount"), len(stream.state.shards.open_shards())
    if payload.get("ScalingType") != "UNIFORM_SCALING":
        raise AwsError("ValidationException", f"ScalingType {payload.get('ScalingType')} is not UNIFORM_SCALING.")
    if not isinstance(target, int) or target < 1:
        raise AwsError("ValidationException", f"TargetShardCount {target!r} must be at least 1.")
    now = time.time()
    recent = tuple(call for call in stream.state.resize_calls if call > now - _DAY)
    _check_target(current, target)
    if len(recent) >= RESIZES_PER_DAY:
        raise AwsError(
            "LimitExceededException",
            f"UpdateShardCount may be called at most {RESIZES_PER_DAY} times in 24 hours for {stream.state.title}.",
        )
    streams.check_shard_limit(stream.state.scope, max(target - current, 0))
    change = scale_uniformly(stream.state.shards, target, now=now)
    stream.update(lambda state: replace(state, resize_calls=(*recent, now)))
    _reshard(streams, stream, change.shards, operations=change.operations)
    return {
        "StreamName": stream.state.name,
        "StreamARN": stream.state.arn,
        "CurrentShardCount": current,
        "TargetShardCount": target,
    }


def _check_target(current: int, target: int) -> None:
    if target > MAX_SHARDS:
        problem = f"over {MAX_SHARDS} shards"
    elif target > 2 * current:
        problem = "up over double your current open shard count"
    elif 2 * target < current:
        problem = "down below half your current open shard count"
    else:
        return
    counts = f"Current open shard count: {current} Target shard count: {target}"
    raise AwsError("LimitExceededException", f"UpdateShardCount cannot scale {problem}. {counts}")


def _active(streams: Streams, payload: Payload) -> Stream:
    stream = streams.get(payload)
    state = stream.state
    if state.status != "ACTIVE":
        problem = f"Stream {state.name} under account {state.scope.account} not ACTIVE, instead in state {state.status}"
        raise AwsError("ResourceInUseException", problem)
    return stream


def _open_shard(stream: Stream, identifier: Any) -> Shard:
    shard = stream.shard(str(identifier))
    if not shard.is_open:
        raise AwsError(
            "InvalidArgumentException",
            f"Shard {identifier} in {stream.state.title} has already been merged or split, and thus is not eligible "
            "for merging or splitting.",
        )
    return shard


def _hash_key(text: Any) -> int:
    if not isinstance(text, str) or not text.isdigit():
        raise AwsError("ValidationException", f"NewStartingHashKey {text!r} is not a decimal number.")
    return int(text)


def _reshard(streams: Streams, stream: Stream, shards: ShardMap, *, operations: int) -> None:
    settings = streams.settings
    seconds = settings.reshard_seconds + settings.reshard_operation_seconds * operations
    stream.update(lambda state: replace(state, shards=shards).busy("UPDATING", seconds))


def increase_retention(streams: Streams, payload: Payload) -> Payload:
    """IncreaseStreamRetentionPeriod; the same value again is accepted, as on AWS."""
    return _set_retention(streams, payload, lambda new, old: new >= old, "Minimum")


def decrease_retention(streams: Streams, payload: Payload) -> Payload:
    """DecreaseStreamRetentionPeriod."""
    return _set_retention(streams, payload, lambda new, old: new <= old, "Maximum")


def _set_retention(streams: Streams, payload: Payload, allowed: Callable[[int, int], bool], bound: str) -> Payload:
    stream, hours = streams.get(payload), payload.get("RetentionPeriodHours")
    old = stream.state.retention_hours
    if not isinstance(hours, int) or not DEFAULT_RETENTION_HOURS <= hours <= MAX_RETENTION_HOURS:
        raise AwsError(
            "InvalidArgumentException",
            f"Retention period {hours} hours is not between {DEFAULT_RETENTION_HOURS} and {MAX_RETENTION_HOURS}.",
        )
    if not allowed(hours, old):
        raise AwsError(
            "InvalidArgumentException",
            f"Requested retention period ({hours} hours) for stream {stream.state.name} is out of range. "
            f"{bound} allowed is {old} hours.",
        )
    stream.update(lambda state: replace(state, retention_hours=hours))
    return {}


def add_tags(streams: Streams, payload: Payload) -> Payload:
    """AddTagsToStream, and TagResource."""
    stream = streams.get(payload)
    tags = stream.state.tags | payload.get("Tags", {})
    if len(tags) > MAX_TAGS:
        raise AwsError(
            "InvalidArgumentException",
            f"Failed to add tags to {stream.state.title} because a given stream cannot have more than {MAX_TAGS} tags "
            "associated with it.",
        )
    stream.update(lambda state: replace(state, tags=tags))
    return {}


def remove_tags(streams: Streams, payload: Payload) -> Payload:
    """RemoveTagsFromStream, and UntagResource."""
    removed = set(payload.get("TagKeys", []))
    streams.get(payload).update(
        lambda state: replace(state, tags={key: value for key, value in state.tags.items() if key not in removed})
    )
    return {}


def list_tags(streams: Streams, payload: Payload) -> Payload:
    """ListTagsForStream, by key."""
    tags = list_tags_for_resource(streams, payload)["Tags"]
    tags = [tag for tag in tags if tag["Key"] > payload.get("ExclusiveStartTagKey", "")]
    limit = int(payload.get("Limit", MAX_TAGS))
    return {"Tags": tags[:limit], "HasMoreTags": len(tags) > limit}


def list_tags_for_resource(streams: Streams, payload: Payload) -> Payload:
    """ListTagsForResource: all of them, by key."""
    tags = sorted(streams.get(payload).state.tags.items())
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags]}


def enable_monitoring(streams: Streams, payload: Payload) -> Payload:
    """EnableEnhancedMonitoring: shard-level metrics from now on."""
    return _set_monitoring(streams, payload, set.union)


def disable_monitoring(streams: Streams, payload: Payload) -> Payload:
    """DisableEnhancedMonitoring."""
    return _set_monitoring(streams, payload, set.difference)


def _set_monitoring(streams: Streams, payload: Payload, combine: Callable[[set[str], set[str]], set[str]]) -> Payload:
    stream = streams.get(payload)
    given: set[Any] = set(payload.get("ShardLevelMetrics", []))
    given = set(SHARD_LEVEL) if "ALL" in given else given
    if not given or given - set(SHARD_LEVEL):
        raise AwsError("InvalidArgumentException", f"ShardLevelMetrics {sorted(given)} are none of Kinesis's.")
    before = stream.state.shard_level_metrics
    after = tuple(sorted(combine(set(before), given)))
    stream.update(lambda state: replace(state, shard_level_metrics=after))
    return {
        "StreamName": stream.state.name,
        "StreamARN": stream.state.arn,
        "CurrentShardLevelMetrics": list(before),
        "DesiredShardLevelMetrics": list(after),
    }


def start_encryption(streams: Streams, payload: Payload) -> Payload:
    """StartStreamEncryption: kept and described; nothing is encrypted here."""
    key_id = str(payload.get("KeyId", ""))
    if payload.get("EncryptionType") != "KMS" or not key_id:
        raise AwsError("InvalidArgumentException", "EncryptionType must be KMS, with a KeyId.")
    streams.get(payload).update(lambda state: replace(state, key_id=key_id))
    return {}


def stop_encryption(streams: Streams, payload: Payload) -> Payload:
    """StopStreamEncryption."""
    streams.get(payload).update(lambda state: replace(state, key_id=None))
    return {}
