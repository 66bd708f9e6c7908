"""PutRecord and PutRecords: each record goes to the shard that owns the MD5 of its partition key, within its limit.

This is the hot path (500 records in a few milliseconds): one pass decodes, routes and admits, then each shard gets one
write. A throttled record is a failed entry of the answer, and so is each record of a shard whose file has no space; the
others are stored.
"""

import binascii
import hashlib
import logging
import time
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
class _Entry:
    """A decoded record and its shard; `position` is its place in the shard's batch, None when throttled."""

    route: Route
    key: bytes
    data: bytes
    position: int | None = None


@dataclass(slots=True)
class _Batch:
    """The part of a request that one shard gets."""

    route: Route
    records: list[tuple[bytes, bytes]] = field(default_factory=list)
    bytes: int = 0
    throttled: int = 0
    failure: str = ""
    first: int = 0
    arrived: int = 0

    @property
    def stored(self) -> int:
        return 0 if self.failure else len(self.records)

    @property
    def stored_bytes(self) -> int:
        return 0 if self.failure else self.bytes


def put_records(streams: Streams, payload: Payload) -> Payload:
    """PutRecords: results in request order."""
    records = payload.get("Records")
    if not isinstance(records, list) or not 1 <= len(records) <= MAX_RECORDS:
        count = len(records) if isinstance(records, list) else 0
        bound = f"less than or equal to {MAX_RECORDS}" if count else "greater than or equal to 1"
        raise _invalid("records", f"Member must have length {bound}")
    stream = _writable(streams, payload)
    entries = [_decode(stream, record, f"records.{place}.member.") for place, record in enumerate(records, 1)]
    if sum(len(entry.key) + len(entry.data) for entry in entries) > MAX_REQUEST_BYTES:
        raise AwsError("InvalidArgumentException", f"Records size exceeds {MAX_REQUEST_BYTES // 2**20} MB limit")
    batches = _store(streams, entries)
    results = _results(stream, entries, batches)
    failed = sum("ErrorCode" in result for result in results)
    _measure(streams, stream, "PutRecords", batches)
    return {"FailedRecordCount": failed, "Records": results, **_encryption(stream)}


def put_record(streams: Streams, payload: Payload) -> Payload:
    """PutRecord: one record, or a throttling error."""
    stream = _writable(streams, payload)
    entries = [_decode(stream, payload, "")]
    batches = _store(streams, entries)
    _measure(streams, stream, "PutRecord", batches)
    (result,) = _results(stream, entries, batches)
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


def _decode(stream: Stream, record: Any, where: str) -> _Entry:
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
    hash_key = int.from_bytes(digest) if explicit is None else _hash_key(explicit)
    return _Entry(stream.route(hash_key), key_bytes, decoded)


def _hash_key(text: Any) -> int:
    if not isinstance(text, str) or not text.isdigit() or not 0 <= int(text) < HASH_KEYS:
        raise AwsError(
            "InvalidArgumentException",
            f"Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was {text}",
        )
    return int(text)


def _store(streams: Streams, entries: list[_Entry]) -> dict[str, _Batch]:
    """Admit and append; on return every shard that has space holds its admitted records. Return each shard's batch."""
    batches: dict[str, _Batch] = {}
    now = time.monotonic()
    for entry in entries:
        batch = batches.get(entry.route.identifier)
        if batch is None:
            batch = batches[entry.route.identifier] = _Batch(entry.route)
        size = len(entry.key) + len(entry.data)
        if entry.route.limit.admit(size, now=now):
            entry.position = len(batch.records)
            batch.records.append((entry.key, entry.data))
            batch.bytes += size
        else:
            batch.throttled += 1
    arrived = time.time_ns() // 1_000_000
    for batch in batches.values():
        if batch.records:
            _append(streams, batch, arrived)
    return batches


def _append(streams: Streams, batch: _Batch, arrived: int) -> None:
    try:
        batch.first, batch.arrived = batch.route.log.append(batch.records, arrived=arrived)
    except OSError as error:
        _LOG.warning("shard %s: %s", batch.route.identifier, error)
        batch.failure = write_refusal(error)
    else:
        streams.note_unsynced(batch.route.log)


def _results(stream: Stream, entries: list[_Entry], batches: dict[str, _Batch]) -> list[Payload]:
    results: list[Payload] = []
    for entry in entries:
        route = entry.route
        if entry.position is None:
            message = f"Rate exceeded for shard {route.identifier} in {stream.state.title}."
            results.append({"ErrorCode": _THROTTLED, "ErrorMessage": message})
        elif (batch := batches[route.identifier]).failure:
            results.append({"ErrorCode": _FAILED, "ErrorMessage": batch.failure})
        else:
            counter = batch.first + entry.position + 1
            number = route.head | counter << 80 | sequence_tail(batch.arrived // 1000, route.shard.index)
            results.append({"SequenceNumber": str(number), "ShardId": route.identifier})
    return results


def _measure(streams: Streams, stream: Stream, operation: str, batches: dict[str, _Batch]) -> None:
    stored = sum(batch.stored for batch in batches.values())
    size = sum(batch.stored_bytes for batch in batches.values())
    failed = sum(len(batch.records) for batch in batches.values()) - stored
    throttled = sum(batch.throttled for batch in batches.values())
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
                "IncomingBytes": batch.stored_bytes,
                "WriteProvisionedThroughputExceeded": batch.throttled,
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
