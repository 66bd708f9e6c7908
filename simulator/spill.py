"""Lines by hour, in files: as many hours as there are, in memory that does not grow with them.

Each hour has a buffer; when all buffers together are full, each is appended to its hour's file as one more GZIP member,
which together make one GZIP file (RFC 1952, 2.2).
"""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from contracts.partitions import hour_of

_BUFFERED_BYTES: Final = 32 * 1024 * 1024
#: A file is closed above this size before GZIP, like an object of Firehose.
_PART_BYTES: Final = 64 * 1024 * 1024


@dataclass(kw_only=True)
class SpilledPart:
    """One file of one hour; `oldest` is the earliest arrival in it."""

    hour: datetime
    number: int
    path: Path
    oldest: datetime
    raw_bytes: int = 0
    buffer: bytearray = field(default_factory=bytearray)


class HourSpill:
    """Files of lines, by hour, in a directory."""

    def __init__(
        self,
        directory: Path,
        *,
        compression_level: int,
        buffered_bytes: int = _BUFFERED_BYTES,
        part_bytes: int = _PART_BYTES,
    ) -> None:
        self._directory: Final = directory
        self._level: Final = compression_level
        self._buffered_bytes: Final = buffered_bytes
        self._part_bytes: Final = part_bytes
        self._parts: dict[datetime, list[SpilledPart]] = {}
        self._lines: dict[datetime, int] = {}
        self._in_buffers = 0

    def write(self, arrival: datetime, content: bytes, *, ends_line: bool = True) -> None:
        """Add a line, or a piece of one, that was received at `arrival`."""
        hour = hour_of(arrival)
        part = self._current(hour, arrival)
        part.oldest = min(part.oldest, arrival)
        part.buffer += content
        part.raw_bytes += len(content)
        self._in_buffers += len(content)
        self._lines[hour] = self._lines.get(hour, 0) + ends_line
        if ends_line and part.raw_bytes >= self._part_bytes:
            self._flush(part)
            self._open(hour, arrival)
        elif self._in_buffers >= self._buffered_bytes:
            self._flush_all()

    def begin_part(self, hour: datetime) -> None:
        """Have the hour's next line begin a file of its own."""
        parts = self._parts.get(hour)
        if parts and parts[-1].raw_bytes:
            self._flush(parts[-1])
            self._open(hour, parts[-1].oldest)

    def lines_by_hour(self) -> list[tuple[datetime, int]]:
        """Return how many lines each hour has, in the order of the hours."""
        return sorted(self._lines.items())

    def close(self) -> Iterator[SpilledPart]:
        """Write what is buffered and yield each file, in the order of the hours."""
        self._flush_all()
        for _, parts in sorted(self._parts.items()):
            yield from (part for part in parts if part.raw_bytes)

    def _current(self, hour: datetime, arrival: datetime) -> SpilledPart:
        parts = self._parts.get(hour)
        if parts is None:
            return self._open(hour, arrival)
        part = parts[-1]
        if not part.raw_bytes:
            part.oldest = arrival
        return part

    def _open(self, hour: datetime, arrival: datetime) -> SpilledPart:
        parts = self._parts.setdefault(hour, [])
        path = self._directory / f"{hour:%Y-%m-%dT%H}-{len(parts)}.gz"
        part = SpilledPart(hour=hour, number=len(parts), path=path, oldest=arrival)
        parts.append(part)
        return part

    def _flush_all(self) -> None:
        for parts in self._parts.values():
            self._flush(parts[-1])

    def _flush(self, part: SpilledPart) -> None:
        if not part.buffer:
            return
        with part.path.open("ab") as file:
            file.write(gzip.compress(part.buffer, self._level, mtime=0))
        self._in_buffers -= len(part.buffer)
        part.buffer = bytearray()
