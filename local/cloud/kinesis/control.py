"""A stream's life and settings: create, delete, retention, tags, enhanced monitoring, encryption."""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from local.cloud import emulator
from local.cloud.json_protocol import AwsError, Payload
from local.cloud.kinesis.catalog import Catalog
from local.cloud.kinesis.metrics import SHARD_LEVEL
from local.cloud.kinesis.shards import ShardMap
from local.cloud.kinesis.state import DEFAULT_RETENTION_HOURS, StreamState
from local.cloud.kinesis.stream import Stream

MAX_RETENTION_HOURS = 8_760
MAX_TAGS = 50
DEFAULT_SHARDS = 4


def create_stream(catalog: Catalog, payload: Payload) -> Payload:
    """CreateStream; only provisioned streams, of four shards unless told otherwise (recorded on AWS)."""
    mode = payload.get("StreamModeDetails", {}).get("StreamMode", "PROVISIONED")
    if mode != "PROVISIONED":
        raise AwsError("InvalidArgumentException", f"The local cloud has no {mode} streams, only PROVISIONED.")
    name, count = payload.get("StreamName"), payload.get("ShardCount", DEFAULT_SHARDS)
    if not isinstance(name, str) or not 1 <= len(name) <= 128:
        raise AwsError("ValidationException", f"StreamName {name!r} must have 1 to 128 characters.")
    if not isinstance(count, int) or count < 1:
        raise AwsError("ValidationException", f"ShardCount {count!r} must be at least 1.")
    scope, now = emulator.scope(), time.time()
    catalog.check_shard_limit(scope, count)
    state = StreamState(
        scope=scope,
        name=name,
        incarnation=catalog.new_incarnation(),
        created=now,
        shards=ShardMap.uniform(count, now=now),
        tags=dict(payload.get("Tags", {})),
    )
    catalog.add(state.busy("CREATING", catalog.settings.create_seconds))
    return {}


def delete_stream(catalog: Catalog, payload: Payload) -> Payload:
    """DeleteStream; at once."""
    catalog.remove(catalog.get(payload))
    return {}


def increase_retention(catalog: Catalog, payload: Payload) -> Payload:
    """IncreaseStreamRetentionPeriod; the same value again is accepted, as on AWS."""
    return _set_retention(catalog, payload, lambda new, old: new >= old, "Minimum")


def decrease_retention(catalog: Catalog, payload: Payload) -> Payload:
    """DecreaseStreamRetentionPeriod."""
    return _set_retention(catalog, payload, lambda new, old: new <= old, "Maximum")


def _set_retention(catalog: Catalog, payload: Payload, allowed: Callable[[int, int], bool], bound: str) -> Payload:
    stream, hours = catalog.get(payload), payload.get("RetentionPeriodHours")
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


def add_tags(catalog: Catalog, payload: Payload) -> Payload:
    """AddTagsToStream."""
    _tag(catalog.get(payload), payload.get("Tags", {}))
    return {}


def remove_tags(catalog: Catalog, payload: Payload) -> Payload:
    """RemoveTagsFromStream."""
    _untag(catalog.get(payload), payload.get("TagKeys", []))
    return {}


def list_tags(catalog: Catalog, payload: Payload) -> Payload:
    """ListTagsForStream, by key."""
    tags = _wire_tags(catalog.get(payload))
    tags = [tag for tag in tags if tag["Key"] > payload.get("ExclusiveStartTagKey", "")]
    limit = int(payload.get("Limit", MAX_TAGS))
    return {"Tags": tags[:limit], "HasMoreTags": len(tags) > limit}


def tag_resource(catalog: Catalog, payload: Payload) -> Payload:
    """TagResource, for a stream's ARN."""
    _tag(_resource(catalog, payload), payload.get("Tags", {}))
    return {}


def untag_resource(catalog: Catalog, payload: Payload) -> Payload:
    """UntagResource."""
    _untag(_resource(catalog, payload), payload.get("TagKeys", []))
    return {}


def list_tags_for_resource(catalog: Catalog, payload: Payload) -> Payload:
    """ListTagsForResource."""
    return {"Tags": _wire_tags(_resource(catalog, payload))}


def enable_monitoring(catalog: Catalog, payload: Payload) -> Payload:
    """EnableEnhancedMonitoring: shard-level metrics from now on."""
    return _set_monitoring(catalog, payload, lambda current, given: current | given)


def disable_monitoring(catalog: Catalog, payload: Payload) -> Payload:
    """DisableEnhancedMonitoring."""
    return _set_monitoring(catalog, payload, lambda current, given: current - given)


def start_encryption(catalog: Catalog, payload: Payload) -> Payload:
    """StartStreamEncryption: noted and shown, nothing is encrypted here."""
    key_id = str(payload.get("KeyId", ""))
    if payload.get("EncryptionType") != "KMS" or not key_id:
        raise AwsError("InvalidArgumentException", "EncryptionType must be KMS, with a KeyId.")
    catalog.get(payload).update(lambda state: replace(state, key_id=key_id))
    return {}


def stop_encryption(catalog: Catalog, payload: Payload) -> Payload:
    """StopStreamEncryption."""
    catalog.get(payload).update(lambda state: replace(state, key_id=None))
    return {}


def _tag(stream: Stream, tags: dict[str, str]) -> None:
    merged = stream.state.tags | tags
    if len(merged) > MAX_TAGS:
        raise AwsError(
            "InvalidArgumentException",
            f"Failed to add tags to stream {stream.state.name} under account {stream.state.scope.account} because a "
            f"given stream cannot have more than {MAX_TAGS} tags associated with it.",
        )
    stream.update(lambda state: replace(state, tags=merged))


def _untag(stream: Stream, keys: Iterable[str]) -> None:
    doomed = set(keys)
    stream.update(lambda state: replace(state, tags={k: v for k, v in state.tags.items() if k not in doomed}))


def _wire_tags(stream: Stream) -> list[Payload]:
    return [{"Key": key, "Value": value} for key, value in sorted(stream.state.tags.items())]


def _resource(catalog: Catalog, payload: Payload) -> Stream:
    return catalog.get({"StreamARN": payload.get("ResourceARN", "")})


def _set_monitoring(catalog: Catalog, payload: Payload, combine: Callable[[set[str], set[str]], set[str]]) -> Payload:
    stream = catalog.get(payload)
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
