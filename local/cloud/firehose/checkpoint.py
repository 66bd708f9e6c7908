"""How far a delivery stream has delivered, on disk: the place in each shard, and the object that is being written.

The planned object names its records before it is uploaded, and its key follows from them. So after a kill at any
moment the very same object is uploaded again, over itself, and no record is lost or delivered twice. An object holds
the records bare, one after the other; records that cannot be delivered go to an object of their own.
"""

import base64
import json
import uuid
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from local.cloud.firehose.destination import DeliveryStreamState, evaluate_prefix
from local.cloud.kinesis.record_log import Record

MAX_RECORD_BYTES = 1_000 * 2**10  # Kinesis takes more than Firehose does
_ERROR_TYPE = "processing-failed"


@dataclass(frozen=True, kw_only=True)
class Range:
    """Records `[start, end)` of a shard."""

    shard: int
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """An object to upload: its records in order and its key; `error_key` takes what cannot be delivered."""

    ranges: tuple[Range, ...]
    bucket: str
    key: str
    error_key: str
    gzip: bool

    @classmethod
    def of_records(cls, state: DeliveryStreamState, incarnation: str, ranges: tuple[Range, ...], oldest: int) -> "Plan":
        """Return where the records go; this follows from the records and from the oldest one's arrival (epoch ms)."""
        moment = datetime.fromtimestamp(oldest / 1000, UTC)
        texts = [state.arn, incarnation, *(f"{one}" for one in ranges)]
        unique = uuid.uuid5(uuid.NAMESPACE_URL, "|".join(texts))
        name = f"{state.name}-{state.version}-{moment:%Y-%m-%d-%H-%M-%S}-{unique}"
        random = unique.hex[-11:]
        destination = state.destination
        error_prefix = destination.error_prefix or f"{destination.prefix}{_ERROR_TYPE}/"
        return cls(
            ranges=ranges,
            bucket=destination.bucket,
            key=evaluate_prefix(destination.prefix, moment, random=random) + name + (".gz" if destination.gzip else ""),
            error_key=evaluate_prefix(error_prefix, moment, random=random, error_type=_ERROR_TYPE) + name,
            gzip=destination.gzip,
        )

    def objects(self, records: Iterable[Record]) -> dict[str, bytes]:
        """Return the bodies to upload by key, the same bytes every time; only the compressed body is in memory."""
        compressor = zlib.compressobj(6, zlib.DEFLATED, 31) if self.gzip else None
        parts: list[bytes] = []
        errors: list[bytes] = []
        delivered = 0
        for record in records:
            if len(record.data) > MAX_RECORD_BYTES:
                errors.append(_error_line(record))
                continue
            delivered += 1
            parts.append(compressor.compress(record.data) if compressor else record.data)
        if compressor:
            parts.append(compressor.flush())
        objects = {self.key: b"".join(parts)} if delivered else {}
        return objects | ({self.error_key: b"".join(errors)} if errors else {})


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


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Delivered up to `positions` (shard → next record) of the stream's `incarnation`.

    Only the checkpoint says what is in S3 already: a start that does not find it whole ends. To begin at either end of
    the stream instead would deliver records twice or never.
    """

    incarnation: str
    positions: dict[int, int] = field(default_factory=dict)
    plan: Plan | None = None

    def delivered(self) -> "Checkpoint":
        """Return the checkpoint after the planned object is in S3."""
        ranges = self.plan.ranges if self.plan else ()
        return replace(self, positions=self.positions | {one.shard: one.end for one in ranges}, plan=None)
