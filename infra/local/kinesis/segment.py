"""One file of a record log: entries of a fixed header, the partition key and the data, one after the other.

The process can be killed between two pages of a write, so the last entry of a file may be torn. Opening a file finds
where its whole entries end and cuts the rest off: that record was never acknowledged.
"""

import bisect
import os
import struct
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

HEADER = struct.Struct(">IHQ")  # data length, key length, arrival in epoch milliseconds
STRIDE = 64
_BLOCK = 256 * 2**10

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

    @classmethod
    def create(cls, folder: Path, *, first: int, last_arrived: int = 0) -> "Segment":
        """An empty segment whose first record has index `first`."""
        return cls(folder / f"{first:020d}.log", last_arrived=last_arrived)

    @classmethod
    def open(cls, path: Path) -> "Segment":
        """A segment that an earlier process wrote."""
        segment = cls(path, last_arrived=0)
        segment.size = os.fstat(segment._descriptor).st_size
        offset = 0
        for _, arrived, key, data in segment._entries(segment.first, 0):
            segment._note(offset, arrived)
            offset += HEADER.size + len(key) + len(data)
        if offset < segment.size:
            os.ftruncate(segment._descriptor, offset)
            segment.size = offset
        return segment

    def append(self, records: Sequence[tuple[bytes, bytes]], *, arrived: int) -> int:
        """Write (key, data) pairs; on return they outlive this process. The first one's index."""
        first, offset = self.end, self.size
        parts = [part for key, data in records for part in (HEADER.pack(len(data), len(key), arrived), key, data)]
        try:
            self._write(b"".join(parts))
        except OSError:
            os.ftruncate(self._descriptor, offset)  # disk full: leave no torn entry before the next one
            raise
        for key, data in records:
            self._note(offset, arrived)
            offset += HEADER.size + len(key) + len(data)
        self.size = offset
        return first

    def before(self, arrived: int) -> int:
        """An index from which a scan meets the first record of `arrived` or later, at most 64 records on."""
        return self.first + max(bisect.bisect_left(self._arrivals, arrived) - 1, 0) * STRIDE

    def scan(self, start: int) -> Iterator[Entry]:
        """Entries from index `start` on."""
        if start >= self.end:
            return
        place = max(start - self.first, 0) // STRIDE
        for entry in self._entries(self.first + place * STRIDE, self._offsets[place]):
            if entry[0] >= start:
                yield entry

    def close(self) -> None:
        """Take no more records; reading opens the file again."""
        if self._writable:
            os.close(self._descriptor)
            self._writable = False

    def _write(self, block: bytes) -> None:
        written = 0
        while written < len(block):
            written += os.pwrite(self._descriptor, memoryview(block)[written:], self.size + written)

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
    """Whole entries between `offset` and `size`; stops at a torn one (an entry without arrival was never written)."""
    block, position = b"", 0
    while True:
        if len(block) - position < HEADER.size:
            block, position = _more(block, position, descriptor, offset, size, _BLOCK), 0
            if len(block) < HEADER.size:
                return
        data_length, key_length, arrived = HEADER.unpack_from(block, position)
        length = HEADER.size + key_length + data_length
        if len(block) - position < length:
            block, position = _more(block, position, descriptor, offset, size, length + _BLOCK), 0
            if len(block) < length:
                return
        if arrived == 0:
            return
        body = position + HEADER.size
        yield index, arrived, block[body : body + key_length], block[body + key_length : position + length]
        index += 1
        position += length
        offset += length


def _more(block: bytes, position: int, descriptor: int, offset: int, size: int, wanted: int) -> bytes:
    """What is left of the block from `position` (which stands at file `offset`), filled up from the file."""
    rest = block[position:]
    start = offset + len(rest)
    return rest + os.pread(descriptor, min(wanted, size - start), start)
