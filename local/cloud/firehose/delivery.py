"""Planned records → the objects that go to S3: records bare, one after the other; undeliverable ones apart.

Only the compressed object is in memory; records come from disk in slices.
"""

import base64
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from local.cloud.firehose import prefix
from local.cloud.firehose.checkpoint import Plan, Range, identity
from local.cloud.firehose.source import Source
from local.cloud.firehose.state import DeliveryStreamState
from local.cloud.kinesis.record_log import Record

MAX_RECORD_BYTES = 1_000 * 2**10  # Kinesis takes more than Firehose does
ERROR_TYPE = "processing-failed"


@dataclass(frozen=True, kw_only=True)
class S3Object:
    """A key and a whole body."""

    key: str
    body: bytes


def plan(state: DeliveryStreamState, incarnation: str, ranges: tuple[Range, ...], oldest: int) -> Plan:
    """Where the records go; a function of which they are, and of the oldest one's arrival (epoch ms)."""
    moment = datetime.fromtimestamp(oldest / 1000, UTC)
    unique = identity(state.arn, incarnation, ranges)
    name = f"{state.name}-{state.version}-{moment:%Y-%m-%d-%H-%M-%S}-{unique}"
    random = unique.hex[-11:]
    destination = state.destination
    where = prefix.evaluate(destination.prefix, moment, random=random)
    error_prefix = destination.error_prefix or f"{destination.prefix}{ERROR_TYPE}/"
    error_where = prefix.evaluate(error_prefix, moment, random=random, error_type=ERROR_TYPE)
    return Plan(
        ranges=ranges,
        bucket=destination.bucket,
        key=where + name + (".gz" if destination.gzip else ""),
        error_key=error_where + name,
        gzip=destination.gzip,
    )


def build(planned: Plan, source: Source) -> list[S3Object]:
    """The objects, the same bytes every time."""
    compressor = zlib.compressobj(6, zlib.DEFLATED, 31) if planned.gzip else None
    parts: list[bytes] = []
    errors: list[bytes] = []
    delivered = 0
    for record in _records(planned, source):
        if len(record.data) > MAX_RECORD_BYTES:
            errors.append(_error_line(record))
            continue
        delivered += 1
        parts.append(compressor.compress(record.data) if compressor else record.data)
    if compressor:
        parts.append(compressor.flush())
    objects = [S3Object(key=planned.key, body=b"".join(parts))] if delivered else []
    return objects + ([S3Object(key=planned.error_key, body=b"".join(errors))] if errors else [])


def _records(planned: Plan, source: Source) -> Iterator[Record]:
    for wanted in planned.ranges:
        yield from source.again(wanted)


def _error_line(record: Record) -> bytes:
    line = {
        "attemptsMade": 1,
        "arrivalTimestamp": record.arrived,
        "errorCode": "Firehose.RecordTooLarge",
        "errorMessage": f"The record has {len(record.data)} bytes; Firehose takes at most {MAX_RECORD_BYTES}.",
        "attemptEndingTimestamp": record.arrived,
        "rawData": base64.b64encode(record.data).decode(),
    }
    return json.dumps(line).encode() + b"\n"
