"""A shard's records on disk: an append-only log in segment files, with a small index in memory.

A record is in the kernel's hands before `append` returns, so a SIGKILL loses none. After `sync` a power cut loses none
either. Memory holds one index entry per 64 records. So appending and reading cost the same in a log of a million
records as in an empty one. Expiry drops whole segments.

A segment is one file of entries: a fixed header, the partition key and the data, one after the other. A kill between
two pages of a write can tear the last entry. `Segment.open` finds by checksums where the whole entries end, and cuts
the rest: those records were never acknowledged. If a whole entry follows a damaged one, the file was damaged later;
then nothing is cut, and the start ends.
"""

import bisect
import io
import logging
import os
import struct
import threading
import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from local.cloud import files
from local.cloud.errors import BrokenStateError

# a mark, the checksum of all that follows it, data length, key length, arrival in epoch milliseconds
_HEADER = struct.Struct(">HIIHQ")
_MARK = 0xC11C
_SUMMED = struct.Struct(">IHQ")
_SUMS_FROM = _HEADER.size - _SUMMED.size
_STRIDE = 64
_BLOCK = 256 * 2**10
#: The suffix of a file beside a segment: the numbers before its first record are used up, though no file has them.
_GAP = ".gap"

_LOG = logging.getLogger(__name__)


@dataclass(slots=True)  # not frozen: a frozen one takes three times as long to create
class Record:
    """A stored record; `arrived` is epoch milliseconds."""

    index: int
    arrived: int
    key: bytes
    data: bytes


class RecordLog:
    """The log in one folder. Indexes are dense, and are not used again after expiry."""

    def __init__(self, folder: Path, *, segment_bytes: int) -> None:
        self._folder = folder
        self._segment_bytes = segment_bytes
        paths = sorted(folder.glob("*.log"))
        if not paths:
            raise BrokenStateError(folder, "has no records file, not even an empty one")
        self._segments: list[Segment] = []
        for path in paths:
            segment = Segment.open(path, last=path == paths[-1])
            if path != paths[-1]:
                segment.close()
            self._segments.append(segment)
            self._check_order(path)

    @classmethod
    def create(cls, folder: Path) -> None:
        """Create an empty log on the disk; a log that is there already stays."""
        files.make_folder(folder)
        Segment.create(folder, first=0).close()

    def _check_order(self, path: Path) -> None:
        if len(self._segments) < 2:
            return
        before, segment = self._segments[-2:]
        if before.end != segment.first and not path.with_suffix(_GAP).exists():
            missing = f"{before.end} to {segment.first - 1}"
            remedy = f"bring their file back from a copy, or run 'touch {path.with_suffix(_GAP)}' to go on without them"
            raise BrokenStateError(self._folder, f"has no records {missing}", remedy=remedy)

    @property
    def start(self) -> int:
        """Index of the oldest record that is still there."""
        return self._segments[0].first

    @property
    def end(self) -> int:
        """Index that the next record gets."""
        return self._segments[-1].end

    def append(self, records: Sequence[tuple[bytes, bytes]], *, arrived: int) -> tuple[int, int]:
        """Store (key, data) pairs in one write; return the first index and the arrival, which never goes back."""
        segment = self._segments[-1]
        if segment.size >= self._segment_bytes:
            full, segment = segment, Segment.create(self._folder, first=segment.end, last_arrived=segment.last_arrived)
            full.close()
            self._segments.append(segment)
        arrived = max(arrived, segment.last_arrived)
        return segment.append(records, arrived=arrived), arrived

    def sync(self) -> None:
        """Wait until a power cut can lose nothing that was appended so far."""
        self._segments[-1].sync()

    def skip_to(self, index: int) -> None:
        """Give the next record this index, because the numbers before it are used up and their records are lost."""
        if index <= self.end:
            return
        last = self._segments[-1]
        files.write_atomically(self._folder / f"{index:020d}{_GAP}", b"")
        segment = Segment.create(self._folder, first=index, last_arrived=last.last_arrived)
        last.close()
        self._segments.append(segment)

    def read(self, start: int, *, max_records: int, max_bytes: int) -> list[Record]:
        """Return records from `start` on (or from the oldest one left), at least one if there is one."""
        found: list[Record] = []
        size = 0
        for record in self._scan(max(start, self.start)):
            size += len(record.data) + len(record.key)
            if found and size > max_bytes:
                break
            found.append(record)
            if len(found) >= max_records:
                break
        return found

    def index_at(self, arrived: int) -> int:
        """Return the index of the first record that arrived at `arrived` or later; `end` if none did."""
        place = bisect.bisect_left(self._segments, arrived, key=lambda segment: segment.last_arrived)
        if place == len(self._segments):
            return self.end
        for record in self._scan(self._segments[place].index_before(arrived)):
            if record.arrived >= arrived:
                return record.index
        return self.end

    def expire(self, before: int) -> None:
        """Drop the segments whose records all arrived before `before`; the index continues from there."""
        while self._segments[0].end > self._segments[0].first and self._segments[0].last_arrived < before:
            oldest = self._segments.pop(0)
            oldest.close()
            if not self._segments:
                self._segments = [Segment.create(self._folder, first=oldest.end, last_arrived=oldest.last_arrived)]
            oldest.path.unlink()
            oldest.path.with_suffix(_GAP).unlink(missing_ok=True)

    def close(self) -> None:
        for segment in self._segments:
            segment.close()

    def _scan(self, start: int) -> Iterator[Record]:
        place = bisect.bisect_right(self._segments, start, key=lambda segment: segment.first) - 1
        for segment in self._segments[max(place, 0) :]:
            yield from segment.scan(start)


class Segment:
    """An open file of entries, with offset and arrival of every 64th entry in memory."""

    def __init__(self, path: Path, *, last_arrived: int) -> None:
        self.path = path
        self.first = int(path.stem)
        self.end = self.first
        self.size = 0
        self.last_arrived = last_arrived
        self._offsets = array("Q")
        self._arrivals = array("Q")
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._writable = True
        self._synced = True
        self._sync_lock = threading.Lock()

    @classmethod
    def create(cls, folder: Path, *, first: int, last_arrived: int = 0) -> "Segment":
        """Create an empty segment whose first record has index `first`; its name is on the disk on return."""
        segment = cls(folder / f"{first:020d}.log", last_arrived=last_arrived)
        files.sync_folders([folder])
        return segment

    @classmethod
    def open(cls, path: Path, *, last: bool) -> "Segment":
        """Open a segment that an earlier process wrote; raise BrokenStateError if it was damaged since.

        Only the last segment of a log can end in a write that was not answered.
        """
        segment = cls(path, last_arrived=0)
        segment.size = os.fstat(segment._descriptor).st_size
        offset = 0
        for record in segment._records(segment.first, 0):
            segment._note(offset, record.arrived)
            offset += _HEADER.size + len(record.key) + len(record.data)
        if offset < segment.size:
            segment._cut(offset, last=last)
        return segment

    def _cut(self, offset: int, *, last: bool) -> None:
        """Drop a torn tail."""
        tail = os.pread(self._descriptor, self.size - offset, offset)
        if not last or _has_whole_entry(tail):
            os.close(self._descriptor)
            remedy = (
                f"bring it back from a copy, or cut it there to go on without them (truncate -s {offset} {self.path})"
            )
            raise BrokenStateError(self.path, f"is damaged at byte {offset}, with records behind that", remedy=remedy)
        _LOG.warning("%s: cut %d bytes of a write that was not answered", self.path, len(tail))
        os.ftruncate(self._descriptor, offset)
        self.size = offset

    def append(self, records: Sequence[tuple[bytes, bytes]], *, arrived: int) -> int:
        """Write (key, data) pairs, which outlive this process on return; return the first one's index."""
        first, offset = self.end, self.size
        parts = [part for key, data in records for part in (_header(key, data, arrived), key, data)]
        try:
            files.write_all(self._descriptor, b"".join(parts), offset=offset)
        except OSError:
            os.ftruncate(self._descriptor, offset)  # on a full disk, leave no torn entry before the next one
            raise
        for key, data in records:
            self._note(offset, arrived)
            offset += _HEADER.size + len(key) + len(data)
        self.size = offset
        self._synced = False
        return first

    def sync(self) -> None:
        """Wait until a power cut can lose nothing that was appended; any thread may call this."""
        with self._sync_lock:
            if self._synced:
                return
            self._synced = True  # before the wait, so that records appended meanwhile wait for the next sync
            try:
                files.sync(self._descriptor)
            except OSError:
                self._synced = False
                raise

    def index_before(self, arrived: int) -> int:
        """Return an index at most 64 records before the first record of `arrived` or later."""
        return self.first + max(bisect.bisect_left(self._arrivals, arrived) - 1, 0) * _STRIDE

    def scan(self, start: int) -> Iterator[Record]:
        """Yield the records from index `start` on."""
        if max(start, self.first) >= self.end:
            return
        place = max(start - self.first, 0) // _STRIDE
        for record in self._records(self.first + place * _STRIDE, self._offsets[place]):
            if record.index >= start:
                yield record

    def close(self) -> None:
        """Take no more records; reads open the file by themselves."""
        if self._writable:
            self.sync()
            os.close(self._descriptor)
            self._writable = False

    def _note(self, offset: int, arrived: int) -> None:
        if (self.end - self.first) % _STRIDE == 0:
            self._offsets.append(offset)
            self._arrivals.append(arrived)
        self.end += 1
        self.last_arrived = arrived

    def _records(self, index: int, offset: int) -> Iterator[Record]:
        """Yield the whole entries from `offset` on; stop at one that is torn."""
        with self.path.open("rb", buffering=_BLOCK) as file:
            file.seek(offset)
            left = self.size - offset
            while (entry := _read_entry(file, left)) is not None:
                arrived, key, data = entry
                yield Record(index, arrived, key, data)
                index += 1
                left -= _HEADER.size + len(key) + len(data)


def _header(key: bytes, data: bytes, arrived: int) -> bytes:
    summed = _SUMMED.pack(len(data), len(key), arrived)
    return _HEADER.pack(_MARK, zlib.crc32(data, zlib.crc32(key, zlib.crc32(summed))), len(data), len(key), arrived)


def _read_entry(file: BinaryIO, left: int) -> tuple[int, bytes, bytes] | None:
    """Return the arrival, the key and the data of the entry that begins here; None if not all of it is here, whole."""
    header = file.read(min(_HEADER.size, left))
    if len(header) < _HEADER.size:
        return None
    mark, checksum, data_length, key_length, arrived = _HEADER.unpack(header)
    if mark != _MARK or key_length + data_length > left - _HEADER.size:
        return None
    body = file.read(key_length + data_length)
    if zlib.crc32(body, zlib.crc32(header[_SUMS_FROM:])) != checksum:
        return None
    return arrived, body[:key_length], body[key_length:]


def _has_whole_entry(block: bytes) -> bool:
    """Return whether a whole entry begins anywhere in the block."""
    file, mark = io.BytesIO(block), _MARK.to_bytes(2)
    place = block.find(mark)
    while place >= 0:
        file.seek(place)
        if _read_entry(file, len(block) - place) is not None:
            return True
        place = block.find(mark, place + 1)
    return False
