"""What exists: DescribeStream, DescribeStreamSummary, ListStreams, ListShards, DescribeLimits."""

import base64
import json
import time
from typing import Any

from local.cloud import emulator
from local.cloud.json_protocol import AwsError, Payload
from local.cloud.kinesis import sequence
from local.cloud.kinesis.catalog import Catalog
from local.cloud.kinesis.shards import Shard, shard_id
from local.cloud.kinesis.stream import Stream

_TOKEN_SECONDS = 300


def describe_stream(catalog: Catalog, payload: Payload) -> Payload:
    """DescribeStream, a page of shards at a time."""
    stream = catalog.get(payload)
    shards = _after(stream, payload.get("ExclusiveStartShardId"))
    limit = int(payload.get("Limit", 100))
    description = _description(stream) | {
        "Shards": [_wire_shard(stream, shard) for shard in shards[:limit]],
        "HasMoreShards": len(shards) > limit,
    }
    return {"StreamDescription": description}


def describe_stream_summary(catalog: Catalog, payload: Payload) -> Payload:
    """DescribeStreamSummary; the local cloud has no registered consumers."""
    stream = catalog.get(payload)
    summary = _description(stream) | {
        "OpenShardCount": len(stream.state.shards.open_shards()),
        "ConsumerCount": 0,
    }
    return {"StreamDescriptionSummary": summary}


def list_streams(catalog: Catalog, payload: Payload) -> Payload:
    """ListStreams, by name."""
    after = str(payload.get("ExclusiveStartStreamName") or _parse_token(payload.get("NextToken")) or "")
    streams = [stream for stream in catalog.of_scope(emulator.scope()) if stream.state.name > after]
    limit = int(payload.get("Limit", 100))
    page = streams[:limit]
    answer: Payload = {
        "StreamNames": [stream.state.name for stream in page],
        "HasMoreStreams": len(streams) > limit,
        "StreamSummaries": [
            {
                "StreamName": stream.state.name,
                "StreamARN": stream.state.arn,
                "StreamStatus": stream.state.status,
                "StreamModeDetails": {"StreamMode": "PROVISIONED"},
                "StreamCreationTimestamp": stream.state.created,
            }
            for stream in page
        ],
    }
    return answer | ({"NextToken": _token(page[-1].state.name)} if len(streams) > limit else {})


def list_shards(catalog: Catalog, payload: Payload) -> Payload:
    """ListShards, with its filters; a NextToken carries the stream and the place, and lives 300 seconds."""
    token = _parse_token(payload.get("NextToken"))
    if token is not None and payload.keys() & {"StreamName", "StreamARN"}:
        raise AwsError("InvalidArgumentException", "NextToken and StreamName cannot be provided together.")
    name, after = token if token is not None else (None, payload.get("ExclusiveStartShardId"))
    stream = catalog.get({"StreamName": name} if name else payload)
    stream.expire(time.time())
    shards = [shard for shard in _after(stream, after) if _matches(shard, payload.get("ShardFilter"))]
    limit = int(payload.get("MaxResults", 1000))
    answer: Payload = {"Shards": [_wire_shard(stream, shard) for shard in shards[:limit]]}
    if len(shards) > limit:
        answer["NextToken"] = _token([stream.state.name, shard_id(shards[limit - 1].index)])
    return answer


def describe_limits(catalog: Catalog, _payload: Payload) -> Payload:
    """DescribeLimits; the local cloud has no on-demand streams."""
    return {
        "ShardLimit": catalog.settings.shard_limit,
        "OpenShardCount": catalog.open_shard_count(emulator.scope()),
        "OnDemandStreamCount": 0,
        "OnDemandStreamCountLimit": 0,
    }


def _description(stream: Stream) -> Payload:
    state = stream.state
    description: Payload = {
        "StreamName": state.name,
        "StreamARN": state.arn,
        "StreamStatus": state.status,
        "StreamModeDetails": {"StreamMode": "PROVISIONED"},
        "RetentionPeriodHours": state.retention_hours,
        "StreamCreationTimestamp": state.created,
        "EnhancedMonitoring": [{"ShardLevelMetrics": list(state.shard_level_metrics)}],
        "EncryptionType": "KMS" if state.key_id else "NONE",
    }
    return description | ({"KeyId": state.key_id} if state.key_id else {})


def _after(stream: Stream, identifier: Any) -> list[Shard]:
    return [shard for shard in stream.state.shards.shards if shard_id(shard.index) > str(identifier or "")]


def _wire_shard(stream: Stream, shard: Shard) -> Payload:
    numbers = {"StartingSequenceNumber": stream.sequence_number(shard, sequence.BEFORE_FIRST, shard.created)}
    if shard.closed_at is not None:
        ending = stream.sequence_number(shard, sequence.AFTER_LAST, int(shard.closed_at))
        numbers["EndingSequenceNumber"] = ending
    parents = zip(("ParentShardId", "AdjacentParentShardId"), shard.parents, strict=False)
    return {
        "ShardId": shard_id(shard.index),
        **{name: shard_id(index) for name, index in parents},
        "HashKeyRange": {"StartingHashKey": str(shard.start), "EndingHashKey": str(shard.end)},
        "SequenceNumberRange": numbers,
    }


def _matches(shard: Shard, shard_filter: Any) -> bool:
    """ShardFilter; closed shards in the list are all within retention, so the horizon needs no clock."""
    given = shard_filter or {"Type": "FROM_TRIM_HORIZON"}
    timestamp = given.get("Timestamp", 0)
    match given.get("Type"):
        case "FROM_TRIM_HORIZON":
            return True
        case "AFTER_SHARD_ID":
            return shard_id(shard.index) > str(given.get("ShardId"))
        case "AT_LATEST":
            return shard.is_open
        case "AT_TRIM_HORIZON":
            return not shard.parents
        case "FROM_TIMESTAMP":
            return shard.closed_at is None or shard.closed_at >= timestamp
        case "AT_TIMESTAMP":
            return shard.created <= timestamp and (shard.closed_at is None or shard.closed_at >= timestamp)
        case other:
            raise AwsError("InvalidArgumentException", f"ShardFilter type {other} is none of Kinesis's.")


def _token(value: Any) -> str:
    return base64.b64encode(json.dumps([value, time.time()]).encode()).decode()


def _parse_token(token: Any) -> Any:
    if token is None:
        return None
    try:
        value, issued = json.loads(base64.b64decode(token, validate=True))
    except (ValueError, TypeError) as error:
        raise AwsError("InvalidArgumentException", "NextToken is invalid.") from error
    if time.time() - issued > _TOKEN_SECONDS:
        raise AwsError("ExpiredNextTokenException", f"NextToken has expired after {_TOKEN_SECONDS} seconds.")
    return value
