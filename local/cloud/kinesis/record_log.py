"""A shard's records on disk: an append-only log in segments, with a small index in memory.

A record is in the kernel's hands before `append` returns, so a SIGKILL loses none; after `sync` a power cut loses none
either. Memory holds
one index entry per 64 records; appending and reading cost the same at a million records as at none, and expiry drops
whole files.
"""

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.cloud import files
from local.cloud.errors import BrokenStateError
from local.cloud.kinesis.segment import Segment

_GAP = ".gap"  # beside a segment: the numbers before its first are used up, though no file has their records


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """A stored record; `arrived` is epoch milliseconds."""

    index: int
    arrived: int
    key: bytes
    data: bytes


class RecordLog:
    """The log in one folder. Indexes are dense, and never used again after expiry."""

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
        """An empty log on the disk, or none; the one that is there stays."""
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

    @property
    def last_arrived(self) -> int:
        return self._segments[-1].last_arrived

    def append(self, records: Sequence[tuple[bytes, bytes]], *, arrived: int) -> tuple[int, int]:
        """Store (key, data) pairs as one write; the first one's index and their arrival, which never goes back."""
        segment = self._segments[-1]
        if segment.size >= self._segment_bytes:
            full, segment = segment, Segment.create(self._folder, first=segment.end, last_arrived=segment.last_arrived)
            full.close()
            self._segments.append(segment)
        arrived = max(arrived, segment.last_arrived)
        return segment.append(records, arrived=arrived), arrived

    def sync(self) -> None:
        """On return what was appended so far outlives a power cut."""
        self._segments[-1].sync()

    def skip_to(self, index: int) -> None:
        """Give the next record this index: those before it were given away, and their records are gone."""
        if index <= self.end:
            return
        last = self._segments[-1]
        files.write_atomically(self._folder / f"{index:020d}{_GAP}", b"")
        segment = Segment.create(self._folder, first=index, last_arrived=last.last_arrived)
        last.close()
        self._segments.append(segment)

    def read(self, start: int, *, max_records: int, max_bytes: int) -> list[Record]:
        """Records from `start` on (or from the oldest one left), at least one if there is one."""
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
        """Index of the first record that arrived at `arrived` or later; `end` if none did."""
        place = bisect.bisect_left(self._segments, arrived, key=lambda segment: segment.last_arrived)
        if place == len(self._segments):
            return self.end
        segment = self._segments[place]
        for record in self._scan(segment.before(arrived)):
            if record.arrived >= arrived:
                return record.index
        return self.end

    def expire(self, before: int) -> None:
        """Drop the segments whose records all arrived before `before`; the index goes on from there."""
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
            for index, arrived, key, data in segment.scan(start):
                yield Record(index=index, arrived=arrived, key=key, data=data)
