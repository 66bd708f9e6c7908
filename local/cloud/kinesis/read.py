"""The operations that only read: what exists (DescribeStream, ListShards, …), GetShardIterator and GetRecords.

A shard iterator is the position itself; it is neither signed nor kept. So it survives a restart, and expires after five
minutes as on AWS. A list's token is the position in the list, and does not expire here.
"""

import base64
import json
import time
from dataclasses import astuple, dataclass
from typing import Any

from local.cloud import emulator
from local.cloud.json_protocol import AwsError, Payload
from local.cloud.kinesis.record_log import Record, RecordLog
from local.cloud.kinesis.shards import AFTER_LAST, BEFORE_FIRST, SequenceNumber, Shard, shard_id
from local.cloud.kinesis.streams import Stream, Streams

MAX_RECORDS = 10_000
MAX_BYTES = 10 * 2**20
ITERATOR_SECONDS = 300
_BAD_TOKEN = "NextToken is invalid."  # noqa: S105 (no secret)
_MODE: Payload = {"StreamModeDetails": {"StreamMode": "PROVISIONED"}}


def describe_stream(streams: Streams, payload: Payload) -> Payload:
    """DescribeStream, a page of shards at a time."""
    stream = streams.get(payload)
    shards = _shards_after(stream, payload.get("ExclusiveStartShardId"))
    limit = int(payload.get("Limit", 100))
    description = _description(stream) | {
        "Shards": [_wire_shard(shard) for shard in shards[:limit]],
        "HasMoreShards": len(shards) > limit,
    }
    return {"StreamDescription": description}


def describe_stream_summary(streams: Streams, payload: Payload) -> Payload:
    """DescribeStreamSummary; the local cloud has no registered consumers."""
    stream = streams.get(payload)
    counts = {"OpenShardCount": len(stream.state.shards.open_shards()), "ConsumerCount": 0}
    return {"StreamDescriptionSummary": _description(stream) | counts}


def list_streams(streams: Streams, payload: Payload) -> Payload:
    """ListStreams, by name."""
    (token,) = _decoded(payload["NextToken"], 1, _BAD_TOKEN) if "NextToken" in payload else ("",)
    after = str(payload.get("ExclusiveStartStreamName") or token)
    states = [stream.state for stream in streams.in_scope(emulator.scope()) if stream.state.name > after]
    limit = int(payload.get("Limit", 100))
    page = states[:limit]
    answer: Payload = {
        "StreamNames": [state.name for state in page],
        "HasMoreStreams": len(states) > limit,
        "StreamSummaries": [
            {
                "StreamName": state.name,
                "StreamARN": state.arn,
                "StreamStatus": state.status,
                "StreamCreationTimestamp": state.created,
                **_MODE,
            }
            for state in page
        ],
    }
    return answer | ({"NextToken": _encoded([page[-1].name])} if len(states) > limit else {})


def list_shards(streams: Streams, payload: Payload) -> Payload:
    """ListShards; a NextToken carries the stream and the place."""
    after = payload.get("ExclusiveStartShardId")
    if "NextToken" in payload:
        if payload.keys() & {"StreamName", "StreamARN"}:
            raise AwsError("InvalidArgumentException", "NextToken and StreamName cannot be provided together.")
        name, after = _decoded(payload["NextToken"], 2, _BAD_TOKEN)
        payload = payload | {"StreamName": name}
    stream = streams.get(payload)
    stream.expire(time.time())
    shards = [shard for shard in _shards_after(stream, after) if _matches(shard, payload.get("ShardFilter"))]
    limit = int(payload.get("MaxResults", 1000))
    answer: Payload = {"Shards": [_wire_shard(shard) for shard in shards[:limit]]}
    if len(shards) > limit:
        answer["NextToken"] = _encoded([stream.state.name, shards[limit - 1].identifier])
    return answer


def describe_limits(streams: Streams, _payload: Payload) -> Payload:
    """DescribeLimits; the local cloud has no on-demand streams."""
    return {
        "ShardLimit": streams.settings.shard_limit,
        "OpenShardCount": streams.open_shard_count(emulator.scope()),
        "OnDemandStreamCount": 0,
        "OnDemandStreamCountLimit": 0,
    }


def _description(stream: Stream) -> Payload:
    state = stream.state
    description: Payload = {
        "StreamName": state.name,
        "StreamARN": state.arn,
        "StreamStatus": state.status,
        "RetentionPeriodHours": state.retention_hours,
        "StreamCreationTimestamp": state.created,
        "EnhancedMonitoring": [{"ShardLevelMetrics": list(state.shard_level_metrics)}],
        "EncryptionType": "KMS" if state.key_id else "NONE",
        **_MODE,
    }
    return description | ({"KeyId": state.key_id} if state.key_id else {})


def _shards_after(stream: Stream, identifier: Any) -> list[Shard]:
    return [shard for shard in stream.state.shards.shards if shard.identifier > str(identifier or "")]


def _wire_shard(shard: Shard) -> Payload:
    numbers = {"StartingSequenceNumber": shard.sequence_number(BEFORE_FIRST, shard.created)}
    if shard.closed_at is not None:
        numbers["EndingSequenceNumber"] = shard.sequence_number(AFTER_LAST, shard.closed_at)
    parents = zip(("ParentShardId", "AdjacentParentShardId"), shard.parents, strict=False)
    return {
        "ShardId": shard.identifier,
        **{name: shard_id(index) for name, index in parents},
        "HashKeyRange": {"StartingHashKey": str(shard.start), "EndingHashKey": str(shard.end)},
        "SequenceNumberRange": numbers,
    }


def _matches(shard: Shard, shard_filter: Any) -> bool:
    """Apply a ShardFilter; closed shards in the list are all within retention, so the horizon needs no clock."""
    match (shard_filter or {"Type": "FROM_TRIM_HORIZON"}).get("Type"):
        case "FROM_TRIM_HORIZON":
            return True
        case "AT_LATEST":
            return shard.is_open
        case other:
            raise AwsError("InvalidArgumentException", f"The local cloud does not have the ShardFilter type {other}.")


@dataclass(frozen=True, kw_only=True)
class ShardIterator:
    """A position in a shard; `issued` is epoch seconds."""

    arn: str
    incarnation: str
    shard: int
    index: int
    issued: float

    def encode(self) -> str:
        return _encoded(list(astuple(self)))

    @classmethod
    def decode(cls, token: Any) -> "ShardIterator":
        arn, incarnation, shard, index, issued = _decoded(token, 5, "Invalid ShardIterator.")
        return cls(arn=arn, incarnation=incarnation, shard=shard, index=index, issued=issued)


def get_shard_iterator(streams: Streams, payload: Payload) -> Payload:
    """GetShardIterator, all five types."""
    stream = streams.get(payload)
    stream.expire(time.time())
    shard = stream.shard(str(payload.get("ShardId")))
    return {"ShardIterator": _iterator(stream, shard, _start_index(stream, shard, payload)).encode()}


def get_records(streams: Streams, payload: Payload) -> Payload:
    """GetRecords; at the end of a closed shard there is no next iterator, but the shard's children."""
    iterator = ShardIterator.decode(payload.get("ShardIterator"))
    stream, shard = _resolve(streams, iterator)
    limit = payload.get("Limit", MAX_RECORDS)
    if not isinstance(limit, int) or not 1 <= limit <= MAX_RECORDS:
        raise AwsError("InvalidArgumentException", f"Limit {limit} is not between 1 and {MAX_RECORDS}.")
    log = stream.log(shard)
    records = log.read(iterator.index, max_records=limit, max_bytes=MAX_BYTES)
    index = records[-1].index + 1 if records else max(iterator.index, log.start)
    answer: Payload = {
        "Records": [_wire_record(stream, shard, record) for record in records],
        "MillisBehindLatest": measure_read(streams, stream, shard, records),
    }
    if shard.is_open or index < log.end:
        answer["NextShardIterator"] = _iterator(stream, shard, index).encode()
    else:
        answer["ChildShards"] = [_wire_child(child) for child in stream.state.shards.children(shard.index)]
    return answer


def measure_read(streams: Streams, stream: Stream, shard: Shard, records: list[Record]) -> int:
    """Add the metrics of one read of a shard; return how far behind the newest record the reader is, in ms."""
    size, age = sum(len(record.data) for record in records), 0
    if records and records[-1].index + 1 < stream.log(shard).end:
        age = max(int(time.time() * 1000) - records[-1].arrived, 0)
    samples: dict[str, float] = {
        "GetRecords.Bytes": size,
        "GetRecords.Records": len(records),
        "GetRecords.Success": 1,
        "GetRecords.IteratorAgeMilliseconds": age,
        "ReadProvisionedThroughputExceeded": 0,
    }
    shard_samples: dict[str, float] = {
        "OutgoingBytes": size,
        "OutgoingRecords": len(records),
        "IteratorAgeMilliseconds": age,
        "ReadProvisionedThroughputExceeded": 0,
    }
    streams.measure(stream, samples, {shard.identifier: shard_samples})
    return age


def _resolve(streams: Streams, iterator: ShardIterator) -> tuple[Stream, Shard]:
    stream = streams.by_arn(iterator.arn)
    shard = stream.state.shards.find(iterator.shard) if stream is not None else None
    if stream is None or shard is None or stream.state.incarnation != iterator.incarnation:
        raise AwsError("ResourceNotFoundException", f"Shard {shard_id(iterator.shard)} of {iterator.arn} is gone.")
    age = time.time() - iterator.issued
    if age > ITERATOR_SECONDS:
        raise AwsError(
            "ExpiredIteratorException",
            f"Iterator expired. The iterator was created {age:.0f} s ago, "
            f"more than the tolerated delay of {ITERATOR_SECONDS * 1000} milliseconds.",
        )
    return stream, shard


def _start_index(stream: Stream, shard: Shard, payload: Payload) -> int:
    log = stream.log(shard)
    match payload.get("ShardIteratorType"):
        case "TRIM_HORIZON":
            horizon = time.time() - stream.state.retention_hours * 3600
            return log.index_at(int(horizon * 1000))
        case "LATEST":
            return log.end
        case "AT_TIMESTAMP":
            return _index_at(log, payload.get("Timestamp"))
        case "AT_SEQUENCE_NUMBER":
            return min(max(_counter(stream, shard, payload) - 1, log.start), log.end)
        case "AFTER_SEQUENCE_NUMBER":
            return min(max(_counter(stream, shard, payload), log.start), log.end)
        case other:
            raise AwsError("InvalidArgumentException", f"ShardIteratorType {other} is none of Kinesis's.")


def _index_at(log: RecordLog, timestamp: Any) -> int:
    if not isinstance(timestamp, int | float):
        raise AwsError("InvalidArgumentException", "Must specify timestampMillis when type is AT_TIMESTAMP")
    if timestamp > time.time():
        raise AwsError("InvalidArgumentException", f"The timestampInMillis parameter {timestamp} is in the future.")
    return log.index_at(int(timestamp * 1000))


def _counter(stream: Stream, shard: Shard, payload: Payload) -> int:
    text = str(payload.get("StartingSequenceNumber"))
    try:
        number = SequenceNumber.parse(text)
    except ValueError as error:
        raise AwsError("InvalidArgumentException", f"StartingSequenceNumber {text} is invalid.") from error
    if (number.shard, number.shard_created) != (shard.index, shard.created):
        raise AwsError(
            "InvalidArgumentException",
            f"StartingSequenceNumber {text} used in GetShardIterator on shard {shard.identifier} in "
            f"{stream.state.title} is invalid because it did not come from this shard.",
        )
    return number.counter


def _iterator(stream: Stream, shard: Shard, index: int) -> ShardIterator:
    state = stream.state
    return ShardIterator(
        arn=state.arn, incarnation=state.incarnation, shard=shard.index, index=index, issued=time.time()
    )


def _wire_record(stream: Stream, shard: Shard, record: Record) -> Payload:
    wire: Payload = {
        "SequenceNumber": shard.sequence_number(record.index + 1, record.arrived // 1000),
        "ApproximateArrivalTimestamp": record.arrived / 1000,
        "Data": base64.b64encode(record.data).decode(),
        "PartitionKey": record.key.decode(),
    }
    return wire | ({"EncryptionType": "KMS"} if stream.state.key_id else {})


def _wire_child(child: Shard) -> Payload:
    return {
        "ShardId": child.identifier,
        "ParentShards": [shard_id(index) for index in child.parents],
        "HashKeyRange": {"StartingHashKey": str(child.start), "EndingHashKey": str(child.end)},
    }


def _encoded(parts: list[Any]) -> str:
    return base64.b64encode(json.dumps(parts).encode()).decode()


def _decoded(token: Any, count: int, refusal: str) -> list[Any]:
    try:
        parts: list[Any] = json.loads(base64.b64decode(token, validate=True))
    except (ValueError, TypeError) as error:
        raise AwsError("InvalidArgumentException", refusal) from error
    if len(parts) != count:
        raise AwsError("InvalidArgumentException", refusal)
    return parts
