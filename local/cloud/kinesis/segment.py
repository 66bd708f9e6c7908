"""One file of a record log: entries of a fixed header, the partition key and the data, one after the other.

The process can be killed between two pages of a write, so the last entry of a file may be torn. Opening a file finds
where its whole entries end, by their checksums, and cuts the rest off: those records were never acknowledged. A whole
entry behind a damaged one means that the file was damaged later; then nothing is cut, and the start ends.
"""

import bisect
import logging
import os
import struct
import threading
import zlib
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

from local.cloud import files
from local.cloud.errors import BrokenStateError

# a mark, the checksum of all that follows it, data length, key length, arrival in epoch milliseconds
HEADER = struct.Struct(">HIIHQ")
_MARK = 0xC11C
_SUMMED = struct.Struct(">IHQ")
_SUMS_FROM = HEADER.size - _SUMMED.size
STRIDE = 64
_BLOCK = 256 * 2**10

_LOG = logging.getLogger(__name__)

Entry = tuple[int, int, bytes, bytes]  # index, arrived, key, data


class Segment:
    """An open file of entries, with offset and arrival of every 64th in memory."""

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
        """An empty segment whose first record has index `first`; its name outlives a power cut on return."""
        segment = cls(folder / f"{first:020d}.log", last_arrived=last_arrived)
        files.sync_folders([folder])
        return segment

    @classmethod
    def open(cls, path: Path, *, last: bool) -> "Segment":
        """A segment that an earlier process wrote; BrokenStateError when it was damaged since.

        Only the last one of a log can end in a write that was not answered.
        """
        segment = cls(path, last_arrived=0)
        segment.size = os.fstat(segment._descriptor).st_size
        offset = 0
        for _, arrived, key, data in segment._entries(segment.first, 0):
            segment._note(offset, arrived)
            offset += HEADER.size + len(key) + len(data)
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
        """Write (key, data) pairs; on return they outlive this process. The first one's index."""
        first, offset = self.end, self.size
        parts = [part for key, data in records for part in (_header(key, data, arrived), key, data)]
        try:
            files.write_all(self._descriptor, b"".join(parts), offset=offset)
        except OSError:
            os.ftruncate(self._descriptor, offset)  # disk full: leave no torn entry before the next one
            raise
        for key, data in records:
            self._note(offset, arrived)
            offset += HEADER.size + len(key) + len(data)
        self.size = offset
        self._synced = False
        return first

    def sync(self) -> None:
        """On return what was appended outlives a power cut, whoever asked for it first; safe in any thread."""
        with self._sync_lock:
            if self._synced:
                return
            self._synced = True  # before the wait: what is appended meanwhile waits for the next one
            try:
                files.sync(self._descriptor)
            except OSError:
                self._synced = False
                raise

    def before(self, arrived: int) -> int:
        """An index from which a scan meets the first record of `arrived` or later, at most 64 records on."""
        return self.first + max(bisect.bisect_left(self._arrivals, arrived) - 1, 0) * STRIDE

    def scan(self, start: int) -> Iterator[Entry]:
        """Entries from index `start` on."""
        if max(start, self.first) >= self.end:
            return
        place = max(start - self.first, 0) // STRIDE
        for entry in self._entries(self.first + place * STRIDE, self._offsets[place]):
            if entry[0] >= start:
                yield entry

    def close(self) -> None:
        """Take no more records; reading opens the file again."""
        if self._writable:
            self.sync()
            os.close(self._descriptor)
            self._writable = False

    def _note(self, offset: int, arrived: int) -> None:
        if (self.end - self.first) % STRIDE == 0:
            self._offsets.append(offset)
            self._arrivals.append(arrived)
        self.end += 1
        self.last_arrived = arrived

    def _entries(self, index: int, offset: int) -> Iterator[Entry]:
        descriptor = self._descriptor if self._writable else os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield from _parse(descriptor, index, offset, self.size)
        finally:
            if not self._writable:
                os.close(descriptor)


def _parse(descriptor: int, index: int, offset: int, size: int) -> Iterator[Entry]:
    """Whole entries between `offset` and `size`; stops at a torn one."""
    block, position = b"", 0
    while True:
        if len(block) - position < HEADER.size:
            block, position = _more(block, position, descriptor, offset, size, _BLOCK), 0
            if len(block) < HEADER.size:
                return
        mark, checksum, data_length, key_length, arrived = HEADER.unpack_from(block, position)
        if mark != _MARK:
            return
        length = HEADER.size + key_length + data_length
        if len(block) - position < length:
            block, position = _more(block, position, descriptor, offset, size, length + _BLOCK), 0
            if len(block) < length:
                return
        body = position + HEADER.size
        if zlib.crc32(memoryview(block)[position + _SUMS_FROM : position + length]) != checksum:
            return
        yield index, arrived, block[body : body + key_length], block[body + key_length : position + length]
        index += 1
        position += length
        offset += length


def _header(key: bytes, data: bytes, arrived: int) -> bytes:
    summed = _SUMMED.pack(len(data), len(key), arrived)
    return HEADER.pack(_MARK, zlib.crc32(data, zlib.crc32(key, zlib.crc32(summed))), len(data), len(key), arrived)


def _has_whole_entry(block: bytes) -> bool:
    """Whether an entry begins anywhere in the block and is whole."""
    mark = _MARK.to_bytes(2)
    place = block.find(mark)
    while place >= 0:
        if len(block) - place >= HEADER.size:
            _, checksum, data_length, key_length, _ = HEADER.unpack_from(block, place)
            end = place + HEADER.size + data_length + key_length
            if end <= len(block) and zlib.crc32(memoryview(block)[place + _SUMS_FROM : end]) == checksum:
                return True
        place = block.find(mark, place + 1)
    return False


def _more(block: bytes, position: int, descriptor: int, offset: int, size: int, wanted: int) -> bytes:
    """What is left of the block from `position` (which stands at file `offset`), filled up from the file."""
    rest = block[position:]
    start = offset + len(rest)
    return rest + os.pread(descriptor, min(wanted, size - start), start)
