"""Lines → GZIP objects under their landing hours, named as Firehose names them, and where they are written.

One object is open per landing hour, and is cut at a size as Firehose's buffer cuts it. Lines are compressed as they
come, so that memory holds compressed bytes of at most one object per open hour.
"""

import zlib
from datetime import datetime
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from contracts.partitions import RAW_PREFIX, landing_prefix
from simulator.errors import BadArgumentError, RawTargetError
from simulator.world.event_time import HOUR_US, moment_of
from simulator.world.manifest import Tally
from storage.location import open_store
from storage.object_store import ObjectStore, StoreUriError

#: Level 4 takes about a seventh of the time that generating the lines takes; level 6 saves 6 % of size for twice that.
COMPRESSION_LEVEL: Final = 4
_GZIP_WINDOW: Final = 31
#: Lines are compressed in chunks of this many.
_CHUNK_LINES: Final = 512


def open_raw_store(uri: str) -> ObjectStore:
    """Return the store that `--raw` names: `s3://bucket/raw`, or a directory in its place.

    Raise `RawTargetError` for a bucket that can't be reached.
    """
    try:
        store = open_store(uri, error=RawTargetError)
        store.check_writable()
    except StoreUriError as error:
        raise BadArgumentError(str(error)) from None
    return store


def object_name(delivery_stream: str, oldest_record: datetime, identity: str) -> str:
    """Return an object's name below the raw prefix, as Firehose gives it; the same for the same `identity`.

    `<stream>-<version>-YYYY-MM-DD-HH-MM-SS-<uuid>.gz` under the prefix of the oldest record's hour.
    """
    prefix = landing_prefix(oldest_record).removeprefix(RAW_PREFIX)
    return f"{prefix}{delivery_stream}-1-{oldest_record:%Y-%m-%d-%H-%M-%S}-{uuid5(NAMESPACE_URL, identity)}.gz"


class _OpenObject:
    """An object that is being filled."""

    def __init__(self, number: int) -> None:
        self.number: Final = number
        self.pending: list[bytes] = []
        self.oldest = -1
        self.raw_bytes = 0
        self._compressor = zlib.compressobj(COMPRESSION_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
        self._parts: list[bytes] = []

    def compress_pending(self) -> None:
        content = b"".join(self.pending)
        self.pending.clear()
        self.raw_bytes += len(content)
        self._parts.append(self._compressor.compress(content))

    def close(self) -> bytes:
        self.compress_pending()
        return b"".join([*self._parts, self._compressor.flush()])


class RawObjectWriter:
    """Writes lines into objects under their landing hours; `identity` makes the objects' names repeatable."""

    def __init__(
        self, store: ObjectStore, tally: Tally, *, delivery_stream: str, identity: str, object_bytes: int
    ) -> None:
        self._store: Final = store
        self._tally: Final = tally
        self._delivery_stream: Final = delivery_stream
        self._identity: Final = identity
        self._object_bytes: Final = object_bytes
        self._open: dict[int, _OpenObject] = {}

    def write(self, line: bytes, received_at: int) -> None:
        """Add a line (with its newline) that the edge received at `received_at`, in microseconds since 1970."""
        hour = received_at // HOUR_US
        current = self._open.get(hour)
        if current is None:
            current = self._open[hour] = _OpenObject(0)
        if current.oldest < 0 or received_at < current.oldest:
            current.oldest = received_at
        current.pending.append(line)
        if len(current.pending) >= _CHUNK_LINES:
            self._tally.lines[hour] += len(current.pending)
            current.compress_pending()
            if current.raw_bytes >= self._object_bytes:
                self._put(hour, current)
                self._open[hour] = _OpenObject(current.number + 1)

    def close(self) -> None:
        """Write what is still open."""
        for hour, current in sorted(self._open.items()):
            if current.oldest >= 0:
                self._tally.lines[hour] += len(current.pending)
                self._put(hour, current)
        self._open.clear()

    def _put(self, hour: int, current: _OpenObject) -> None:
        content = current.close()
        identity = f"{self._identity}/{hour}/{current.number}"
        self._store.put(object_name(self._delivery_stream, moment_of(current.oldest), identity), content)
        self._tally.objects += 1
        self._tally.compressed_bytes += len(content)
