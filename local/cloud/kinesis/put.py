"""PutRecord and PutRecords: each record goes to the shard that owns the MD5 of its partition key, within its limit.

This is the hot path (500 records in a few milliseconds): one pass decodes, routes and admits, then each shard gets one
write. A throttled record is a failed entry of the answer, and so is each record of a shard whose file has no space; the
others are stored.
"""

import binascii
import hashlib
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from local.cloud.errors import write_refusal
from local.cloud.json_protocol import AwsError, Payload
from local.cloud.kinesis.shards import HASH_KEYS, sequence_tail
from local.cloud.kinesis.streams import Route, Stream, Streams

MAX_RECORDS = 500
MAX_RECORD_BYTES = 2**20
MAX_REQUEST_BYTES = 10 * 2**20
_THROTTLED = "ProvisionedThroughputExceededException"
_FAILED = "InternalFailure"

_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class _Batch:
    """The part of a request that one shard gets; `places` and `throttled` are places in the request."""

    route: Route
    places: list[int] = field(default_factory=list)
    records: list[tuple[bytes, bytes]] = field(default_factory=list)
    bytes: int = 0
    throttled: list[int] = field(default_factory=list)
    failed: int = 0

    @property
    def stored(self) -> int:
        return len(self.records) - self.failed


def put_records(streams: Streams, payload: Payload) -> Payload:
    """PutRecords: results in request order."""
    records = payload.get("Records")
    if not isinstance(records, list) or not 1 <= len(records) <= MAX_RECORDS:
        count = len(records) if isinstance(records, list) else 0
        bound = f"less than or equal to {MAX_RECORDS}" if count else "greater than or equal to 1"
        raise _invalid("records", f"Member must have length {bound}")
    stream = _writable(streams, payload)
    decoded = [_decode(record, f"records.{place}.member.") for place, record in enumerate(records, 1)]
    if sum(len(key) + len(data) for key, data, _ in decoded) > MAX_REQUEST_BYTES:
        raise AwsError("InvalidArgumentException", f"Records size exceeds {MAX_REQUEST_BYTES // 2**20} MB limit")
    results = _store(streams, stream, "PutRecords", decoded)
    failed = sum("ErrorCode" in result for result in results)
    return {"FailedRecordCount": failed, "Records": results, **_encryption(stream)}


def put_record(streams: Streams, payload: Payload) -> Payload:
    """PutRecord: one record, or a throttling error."""
    stream = _writable(streams, payload)
    (result,) = _store(streams, stream, "PutRecord", [_decode(payload, "")])
    if "ErrorCode" in result:
        status = 503 if result["ErrorCode"] == _FAILED else 400
        raise AwsError(result["ErrorCode"], result["ErrorMessage"], status=status)
    return result | _encryption(stream)


def _writable(streams: Streams, payload: Payload) -> Stream:
    stream = streams.get(payload)
    if stream.state.status == "CREATING":
        raise AwsError(
            "ResourceNotFoundException",
            f"Stream {stream.state.name} under account {stream.state.scope.account} not found.",
        )
    stream.expire(time.time())
    return stream


def _decode(record: Any, where: str) -> tuple[bytes, bytes, int]:
    """Return a record's key, its data, and the hash key that says which shard it goes to."""
    try:
        key, data = record["PartitionKey"], record["Data"]
        decoded = binascii.a2b_base64(data, strict_mode=True)
        key_bytes = key.encode()
    except KeyError as error:
        name: str = error.args[0]
        raise _invalid(f"{where}{name[0].lower()}{name[1:]}", "Member must not be null") from error
    except (TypeError, AttributeError) as error:
        raise _invalid(f"{where}{error}", "Member must not be null") from error
    except ValueError as error:
        raise AwsError("SerializationException", f"{where}data is not base64: {error}") from error
    if not 1 <= len(key) <= 256:
        raise _invalid(f"{where}partitionKey", "Member must have length between 1 and 256")
    if len(decoded) + len(key_bytes) > MAX_RECORD_BYTES:
        raise _invalid(f"{where}data", f"Member must have length less than or equal to {MAX_RECORD_BYTES}")
    explicit = record.get("ExplicitHashKey")
    digest = hashlib.md5(key_bytes, usedforsecurity=False).digest()
    return key_bytes, decoded, int.from_bytes(digest) if explicit is None else _hash_key(explicit)


def _hash_key(text: Any) -> int:
    if not isinstance(text, str) or not text.isdigit() or not 0 <= int(text) < HASH_KEYS:
        raise AwsError(
            "InvalidArgumentException",
            f"Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was {text}",
        )
    return int(text)


def _store(streams: Streams, stream: Stream, operation: str, decoded: list[tuple[bytes, bytes, int]]) -> list[Payload]:
    """Admit and append; on return every shard that has space holds its admitted records. Return a result per record."""
    batches: dict[str, _Batch] = {}
    now = time.monotonic()
    for place, (key, data, hash_key) in enumerate(decoded):
        route = stream.route(hash_key)
        batch = batches.get(route.identifier)
        if batch is None:
            batch = batches[route.identifier] = _Batch(route)
        size = len(key) + len(data)
        if route.limit.admit(size, now=now):
            batch.places.append(place)
            batch.records.append((key, data))
            batch.bytes += size
        else:
            batch.throttled.append(place)
    arrived = time.time_ns() // 1_000_000
    results: list[Payload] = [{}] * len(decoded)
    for batch in batches.values():
        for place, result in _append(streams, stream, batch, arrived):
            results[place] = result
    _measure(streams, stream, operation, batches)
    return results


def _append(streams: Streams, stream: Stream, batch: _Batch, arrived: int) -> Iterator[tuple[int, Payload]]:
    """Write a shard's records; yield a result for each, with its place in the request."""
    route = batch.route
    message = f"Rate exceeded for shard {route.identifier} in {stream.state.title}."
    yield from ((place, {"ErrorCode": _THROTTLED, "ErrorMessage": message}) for place in batch.throttled)
    if not batch.records:
        return
    try:
        first, arrived = route.log.append(batch.records, arrived=arrived)
    except OSError as error:
        _LOG.warning("shard %s: %s", route.identifier, error)
        batch.failed, batch.bytes = len(batch.records), 0
        refusal = write_refusal(error)
        yield from ((place, {"ErrorCode": _FAILED, "ErrorMessage": refusal}) for place in batch.places)
        return
    streams.note_unsynced(route.log)
    without_counter = route.head | sequence_tail(arrived // 1000, route.shard.index)
    for counter, place in enumerate(batch.places, first + 1):
        yield place, {"SequenceNumber": str(without_counter | counter << 80), "ShardId": route.identifier}


def _measure(streams: Streams, stream: Stream, operation: str, batches: dict[str, _Batch]) -> None:
    stored = sum(batch.stored for batch in batches.values())
    size = sum(batch.bytes for batch in batches.values())
    failed = sum(batch.failed for batch in batches.values())
    throttled = sum(len(batch.throttled) for batch in batches.values())
    samples: dict[str, float] = {
        "IncomingRecords": stored,
        "IncomingBytes": size,
        "WriteProvisionedThroughputExceeded": throttled,
        f"{operation}.Bytes": size,
        f"{operation}.Success": 1 if stored else 0,
    }
    if operation == "PutRecords":
        samples |= {
            "PutRecords.TotalRecords": stored + throttled + failed,
            "PutRecords.SuccessfulRecords": stored,
            "PutRecords.ThrottledRecords": throttled,
            "PutRecords.FailedRecords": failed,
        }
    by_shard: dict[str, dict[str, float]] = {}
    if stream.state.shard_level_metrics:
        by_shard = {
            identifier: {
                "IncomingRecords": batch.stored,
                "IncomingBytes": batch.bytes,
                "WriteProvisionedThroughputExceeded": len(batch.throttled),
            }
            for identifier, batch in batches.items()
        }
    streams.measure(stream, samples, by_shard)


def _encryption(stream: Stream) -> Payload:
    return {"EncryptionType": "KMS"} if stream.state.key_id else {}


def _invalid(member: str, constraint: str) -> AwsError:
    return AwsError(
        "ValidationException",
        f"1 validation error detected: Value at '{member}' failed to satisfy constraint: {constraint}",
    )
