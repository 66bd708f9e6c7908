"""A file of events → raw objects, one or more per landing hour, with bounded memory.

A bare event gets the envelope that the edge would have written; an envelope keeps its own; anything else keeps its
bytes and is rejected later, where nothing is lost. A line lands in the hour of its `received_at`. A line without a
valid time lands in the hour before the file's first valid one, though not before 1970-01-01T00, where an arrival can
be; if the file has no valid time at all, it lands there.

Lines are buffered in a file per hour, and these become raw objects only when the input was read to its end: a damaged
input leaves nothing behind that looks complete. The same content gives the same objects under the same names.
"""

import gzip
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from contracts.envelope import Stamp, envelope_line, epoch_ms
from contracts.file_formats import BYTE_ORDER_MARK
from contracts.partitions import HOUR, hour_key, hour_of
from contracts.timestamps import EPOCH
from simulator.errors import RawTargetError
from simulator.events_file import LONGEST_WHOLE_LINE, EventsFile, LineKind, LinePiece, RecognizedLine, recognize
from simulator.raw.objects import COMPRESSION_LEVEL, object_name
from simulator.world.event_time import moment_of
from storage.directory import DirectoryStore
from storage.object_store import ObjectStore

_MS_US: Final = 1_000
_PROGRESS_LINES: Final = 10_000
#: A longer line is no event, whatever it holds, and is not parsed.
_LONGEST_READ: Final = LONGEST_WHOLE_LINE - 64
#: All hours' buffers together hold at most this many bytes.
_BUFFERED_BYTES: Final = 32 * 1024 * 1024
#: An hour's file is closed above this size before GZIP, like an object of Firehose.
_FILE_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """What became of a file: its lines by kind, those without a valid time, and the landing hours."""

    lines: int
    bare_events: int
    envelopes: int
    other_lines: int
    untimed_lines: int
    objects: int
    landing_hours: dict[str, int]


def replay_to_raw(
    file: EventsFile, store: ObjectStore, *, delivery_stream: str, progress: Callable[[int], object]
) -> Replayed:
    """Write a file's lines under the raw prefix; call `progress` with each few thousand lines.

    Raises `InputFileError` if the file can't be read to its end; then no object was written.
    """
    # In the store's own directory, where there is one: its disk is large enough, and moving a file costs nothing.
    directory = store.directory if isinstance(store, DirectoryStore) else None
    try:
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".replay-", dir=directory) as folder:
            return _Replay(file, Path(folder)).run(store, delivery_stream, progress)
    except OSError as error:
        raise RawTargetError(f"can't write lines to {directory or 'a temporary directory'}: {error}") from error


class _Replay:
    """One pass over one file."""

    def __init__(self, file: EventsFile, directory: Path) -> None:
        self._file: Final = file
        self._buffers: Final = HourBuffers(directory)
        self._hour_of_untimed: Final = _hour_before_first_arrival(file.path)
        self._kinds: Counter[LineKind] = Counter()
        self._untimed_lines = 0
        self._lines = 0

    def run(self, store: ObjectStore, delivery_stream: str, progress: Callable[[int], object]) -> Replayed:
        for piece in self._file.pieces():
            self._take(piece)
            if piece.ends and self._lines % _PROGRESS_LINES == 0:
                progress(_PROGRESS_LINES)
        progress(self._lines % _PROGRESS_LINES)
        return Replayed(
            lines=self._lines,
            bare_events=self._kinds[LineKind.EVENT],
            envelopes=self._kinds[LineKind.ENVELOPE],
            other_lines=self._kinds[LineKind.OTHER],
            untimed_lines=self._untimed_lines,
            landing_hours={hour_key(hour): lines for hour, lines in self._buffers.lines_by_hour()},
            objects=self._publish(store, delivery_stream),
        )

    def _take(self, piece: LinePiece) -> None:
        line = _recognized(piece)
        received_at = line.received_at if line else None
        arrival = self._hour_of_untimed if received_at is None else moment_of(received_at * _MS_US)
        if piece.begins:
            self._lines += 1
            self._untimed_lines += received_at is None
            self._kinds[line.kind if line else LineKind.OTHER] += 1
        if line is None:
            self._write_overlong(piece)
        elif line.kind is LineKind.EVENT:
            self._buffers.write(arrival, self._wrapped(piece.content, arrival))
        else:
            self._buffers.write(arrival, piece.content + b"\n")

    def _wrapped(self, content: bytes, arrival: datetime) -> bytes:
        """Return a bare event as the edge would have written it."""
        request_id = f"{self._file.path.name}:{self._lines}"
        stamp = Stamp(received_at=epoch_ms(arrival), request_id=request_id, source_ip="", user_agent="")
        # A carriage return outside JSON's strings is white space, but some readers take it for a line's end.
        return envelope_line(stamp, content.removeprefix(BYTE_ORDER_MARK).strip().replace(b"\r", b" "))

    def _write_overlong(self, piece: LinePiece) -> None:
        """Write a part of an overlong line; no reader can hold the line, so it shares no object with others."""
        hour = self._hour_of_untimed
        if piece.begins:
            self._buffers.begin_file(hour)
        self._buffers.write(hour, piece.content + (b"\n" if piece.ends else b""), ends_line=piece.ends)
        if piece.ends:
            self._buffers.begin_file(hour)

    def _publish(self, store: ObjectStore, delivery_stream: str) -> int:
        objects = 0
        for buffered in self._buffers.close():
            identity = f"{self._file.content_digest}/{hour_key(buffered.hour)}/{buffered.number}"
            store.move_in(object_name(delivery_stream, buffered.oldest, identity), buffered.path)
            objects += 1
        return objects


def _recognized(piece: LinePiece) -> RecognizedLine | None:
    """Return what a line is; None for a part of a line that is too long to be an event."""
    return recognize(piece.content) if piece.is_whole and len(piece.content) <= _LONGEST_READ else None


def _hour_before_first_arrival(path: Path) -> datetime:
    """Return the hour of the lines without a valid time."""
    lines = map(_recognized, EventsFile(path).pieces())
    first = next((line.received_at for line in lines if line and line.received_at is not None), None)
    return EPOCH if first is None else max(hour_of(moment_of(first * _MS_US)) - HOUR, EPOCH)


@dataclass(kw_only=True)
class HourFile:
    """One file of one hour's lines; `oldest` is the earliest arrival in it."""

    hour: datetime
    number: int
    path: Path
    oldest: datetime
    raw_bytes: int = 0
    buffer: bytearray = field(default_factory=bytearray)


class HourBuffers:
    """Lines by hour, in files below a directory: any number of hours, in memory that does not grow with them.

    Each hour has a buffer; when all buffers together are full, each is appended to its hour's file as one more GZIP
    member; the members of a file are one GZIP file (RFC 1952, 2.2).
    """

    def __init__(
        self, directory: Path, *, buffered_bytes: int = _BUFFERED_BYTES, file_bytes: int = _FILE_BYTES
    ) -> None:
        self._directory: Final = directory
        self._buffered_bytes: Final = buffered_bytes
        self._file_bytes: Final = file_bytes
        self._files: dict[datetime, list[HourFile]] = {}
        self._lines: Counter[datetime] = Counter()
        self._in_buffers = 0

    def write(self, arrival: datetime, content: bytes, *, ends_line: bool = True) -> None:
        """Add a line, or a piece of one, that was received at `arrival`."""
        hour = hour_of(arrival)
        current = self._files[hour][-1] if hour in self._files else self._open(hour, arrival)
        current.oldest = min(current.oldest, arrival) if current.raw_bytes else arrival
        current.buffer += content
        current.raw_bytes += len(content)
        self._in_buffers += len(content)
        self._lines[hour] += ends_line
        if ends_line and current.raw_bytes >= self._file_bytes:
            self._flush(current)
            self._open(hour, arrival)
        elif self._in_buffers >= self._buffered_bytes:
            self._flush_all()

    def begin_file(self, hour: datetime) -> None:
        """Let the hour's next line begin a file of its own."""
        files = self._files.get(hour)
        if files and files[-1].raw_bytes:
            self._flush(files[-1])
            self._open(hour, files[-1].oldest)

    def lines_by_hour(self) -> list[tuple[datetime, int]]:
        """Return how many lines each hour has, in the order of the hours."""
        return sorted(self._lines.items())

    def close(self) -> Iterator[HourFile]:
        """Write what is buffered and yield each file, in the order of the hours."""
        self._flush_all()
        for _, files in sorted(self._files.items()):
            yield from (file for file in files if file.raw_bytes)

    def _open(self, hour: datetime, arrival: datetime) -> HourFile:
        files = self._files.setdefault(hour, [])
        path = self._directory / f"{hour:%Y-%m-%dT%H}-{len(files)}.gz"
        files.append(HourFile(hour=hour, number=len(files), path=path, oldest=arrival))
        return files[-1]

    def _flush_all(self) -> None:
        for files in self._files.values():
            self._flush(files[-1])

    def _flush(self, current: HourFile) -> None:
        if not current.buffer:
            return
        with current.path.open("ab") as file:
            file.write(gzip.compress(current.buffer, COMPRESSION_LEVEL, mtime=0))
        self._in_buffers -= len(current.buffer)
        current.buffer = bytearray()
