"""GetShardIterator and GetRecords.

An iterator is the position itself, signed by nothing and kept nowhere: it survives a restart, and expires after five
minutes as on AWS.
"""

import base64
import binascii
import json
import time
from dataclasses import dataclass
from typing import Any

from local.cloud.json_protocol import AwsError, Payload
from local.cloud.kinesis import sequence
from local.cloud.kinesis.catalog import Catalog
from local.cloud.kinesis.record_log import Record, RecordLog
from local.cloud.kinesis.shards import Shard, shard_id
from local.cloud.kinesis.stream import Stream

MAX_RECORDS = 10_000
MAX_BYTES = 10 * 2**20
ITERATOR_SECONDS = 300


@dataclass(frozen=True, kw_only=True)
class Iterator:
    """A position in a shard; `issued` is epoch seconds."""

    arn: str
    incarnation: str
    shard: int
    index: int
    issued: float

    def encode(self) -> str:
        parts = [self.arn, self.incarnation, self.shard, self.index, self.issued]
        return base64.b64encode(json.dumps(parts).encode()).decode()

    @classmethod
    def decode(cls, token: Any) -> "Iterator":
        try:
            arn, incarnation, shard, index, issued = json.loads(base64.b64decode(token, validate=True))
            return cls(arn=arn, incarnation=incarnation, shard=shard, index=index, issued=issued)
        except (ValueError, TypeError, binascii.Error) as error:
            raise AwsError("InvalidArgumentException", "Invalid ShardIterator.") from error


def get_shard_iterator(catalog: Catalog, payload: Payload) -> Payload:
    """GetShardIterator, all five types."""
    stream = catalog.get(payload)
    stream.expire(time.time())
    shard = stream.shard(str(payload.get("ShardId")))
    index = _start_index(stream, shard, payload)
    return {"ShardIterator": _iterator(stream, shard, index).encode()}


def get_records(catalog: Catalog, payload: Payload) -> Payload:
    """GetRecords: at the end of a closed shard no next iterator, but its children."""
    iterator = Iterator.decode(payload.get("ShardIterator"))
    stream, shard = _resolve(catalog, iterator)
    limit = payload.get("Limit", MAX_RECORDS)
    if not isinstance(limit, int) or not 1 <= limit <= MAX_RECORDS:
        raise AwsError("InvalidArgumentException", f"Limit {limit} is not between 1 and {MAX_RECORDS}.")
    log = stream.log(shard)
    records = log.read(iterator.index, max_records=limit, max_bytes=MAX_BYTES)
    index = records[-1].index + 1 if records else max(iterator.index, log.start)
    age = behind(log, records, index)
    measure_read(catalog, stream, shard, records, age=age)
    answer: Payload = {
        "Records": [_wire_record(stream, shard, record) for record in records],
        "MillisBehindLatest": age,
    }
    if shard.is_open or index < log.end:
        answer["NextShardIterator"] = _iterator(stream, shard, index).encode()
    else:
        answer["ChildShards"] = [_wire_child(child) for child in stream.state.shards.children(shard.index)]
    return answer


def measure_read(catalog: Catalog, stream: Stream, shard: Shard, records: list[Record], *, age: int) -> None:
    """The metrics of one read of a shard; `age` is how far behind the tip the reader is, in milliseconds."""
    size = sum(len(record.data) for record in records)
    samples: dict[str, float] = {
        "GetRecords.Bytes": size,
        "GetRecords.Records": len(records),
        "GetRecords.Success": 1,
        "GetRecords.IteratorAgeMilliseconds": age,
        "ReadProvisionedThroughputExceeded": 0,
    }
    catalog.metrics.add(stream.state, samples)
    shard_samples: dict[str, float] = {
        "OutgoingBytes": size,
        "OutgoingRecords": len(records),
        "IteratorAgeMilliseconds": age,
        "ReadProvisionedThroughputExceeded": 0,
    }
    catalog.metrics.add_for_shard(stream.state, shard_id(shard.index), shard_samples)


def _resolve(catalog: Catalog, iterator: Iterator) -> tuple[Stream, Shard]:
    stream = catalog.by_arn(iterator.arn)
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
        number = sequence.parse(text)
    except ValueError as error:
        raise AwsError("InvalidArgumentException", f"StartingSequenceNumber {text} is invalid.") from error
    if (number.shard, number.shard_created) != (shard.index, shard.created):
        raise AwsError(
            "InvalidArgumentException",
            f"StartingSequenceNumber {text} used in GetShardIterator on shard {shard_id(shard.index)} in stream "
            f"{stream.state.name} under account {stream.state.scope.account} is invalid because it did not come from "
            "this shard.",
        )
    return number.counter


def _iterator(stream: Stream, shard: Shard, index: int) -> Iterator:
    return Iterator(
        arn=stream.state.arn,
        incarnation=stream.state.incarnation,
        shard=shard.index,
        index=index,
        issued=time.time(),
    )


def behind(log: RecordLog, records: list[Record], index: int) -> int:
    """Milliseconds between the last record read and now; 0 at the tip."""
    if index >= log.end or not records:
        return 0
    return max(int(time.time() * 1000) - records[-1].arrived, 0)


def _wire_record(stream: Stream, shard: Shard, record: Record) -> Payload:
    wire: Payload = {
        "SequenceNumber": stream.sequence_number(shard, record.index + 1, record.arrived // 1000),
        "ApproximateArrivalTimestamp": record.arrived / 1000,
        "Data": base64.b64encode(record.data).decode(),
        "PartitionKey": record.key.decode(),
    }
    return wire | ({"EncryptionType": "KMS"} if stream.state.key_id else {})


def _wire_child(child: Shard) -> Payload:
    return {
        "ShardId": shard_id(child.index),
        "ParentShards": [shard_id(index) for index in child.parents],
        "HashKeyRange": {"StartingHashKey": str(child.start), "EndingHashKey": str(child.end)},
    }
