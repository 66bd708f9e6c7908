"""A file of events → raw objects, one or more per landing hour, in one pass and with bounded memory.

A bare event gets the envelope that the edge would have made; an envelope keeps its own; anything else keeps its bytes
and is rejected later, where nothing is lost. A line lands in the hour of its `received_at`. A line without a valid time
lands in the hour before the file's first valid one, though not before 1970-01-01T00, where an arrival can be; if there
is none at all, it lands there.

Lines are spilled into files per hour, and these become raw objects only when the file was read to its end: a damaged
file leaves nothing behind that looks complete. The same content makes the same objects under the same names.
"""

import gzip
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from contracts.envelope import Stamp, envelope_line
from contracts.event_files import BYTE_ORDER_MARK
from contracts.partitions import HOUR, hour_key, hour_of
from simulator.errors import RawTargetError
from simulator.event_time import moment_of
from simulator.lines import LONGEST_WHOLE_LINE, EventsFile, LinePiece
from simulator.raw_target import object_name
from simulator.recognition import LineKind, RecognizedLine, recognize
from simulator.spill import HourSpill
from storage.directory import DirectoryStore
from storage.object_store import ObjectStore

#: The first hour that an arrival can lie in; where all lines land if the file has no valid time at all.
FIRST_HOUR: Final = datetime(1970, 1, 1, tzinfo=UTC)

_MS_US: Final = 1_000
_COMPRESSION_LEVEL: Final = 4
_PROGRESS_LINES: Final = 10_000
#: Leaves room for what is written before a line that is put aside.
_LONGEST_READ: Final = LONGEST_WHOLE_LINE - 64


@dataclass(frozen=True, kw_only=True)
class LaidDown:
    """What became of a file: its lines by kind, those without a valid time, and the landing hours."""

    lines: int
    bare_events: int
    envelopes: int
    other_lines: int
    untimed_lines: int
    objects: int
    landing_hours: dict[str, int]


def lay_down(
    file: EventsFile, target: ObjectStore, *, delivery_stream: str, progress: Callable[[int], object]
) -> LaidDown:
    """Lay a file's lines down under the raw prefix; `progress` hears of each few thousand lines.

    Raises `InputFileError` if the file can't be read to its end; then nothing was laid down.
    """
    # In the target's own directory, where there is one: its disk is large enough, and moving a file costs nothing.
    directory = target.directory if isinstance(target, DirectoryStore) else None
    try:
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".lay-down-", dir=directory) as spill:
            return _Layer(file, Path(spill)).lay_down(target, delivery_stream, progress)
    except OSError as error:
        raise RawTargetError(f"can't write lines to {directory or 'a temporary directory'}: {error}") from error


class _Layer:
    """One pass over one file."""

    def __init__(self, file: EventsFile, directory: Path) -> None:
        self._file: Final = file
        self._spill: Final = HourSpill(directory, compression_level=_COMPRESSION_LEVEL)
        self._untimed_path: Final = directory / "untimed"
        self._untimed: Final = gzip.open(self._untimed_path, "wb", compresslevel=1)  # noqa: SIM115
        self._kinds: Counter[LineKind] = Counter()
        self._untimed_lines = 0
        self._lines = 0
        self._first_valid: datetime | None = None

    def lay_down(self, target: ObjectStore, delivery_stream: str, progress: Callable[[int], object]) -> LaidDown:
        with self._untimed:
            for piece in self._file.pieces():
                self._take(piece)
                if piece.ends and self._lines % _PROGRESS_LINES == 0:
                    progress(_PROGRESS_LINES)
        self._place_untimed()
        progress(self._lines % _PROGRESS_LINES)
        landing_hours = {hour_key(hour): lines for hour, lines in self._spill.lines_by_hour()}
        return LaidDown(
            lines=self._lines,
            bare_events=self._kinds[LineKind.EVENT],
            envelopes=self._kinds[LineKind.ENVELOPE],
            other_lines=self._kinds[LineKind.OTHER],
            untimed_lines=self._untimed_lines,
            objects=self._publish(target, delivery_stream),
            landing_hours=landing_hours,
        )

    def _take(self, piece: LinePiece) -> None:
        if not piece.is_whole or len(piece.content) > _LONGEST_READ:
            # Too long to be an event, so it needs no reading: it lands with the lines that tell no time.
            self._keep_untimed(piece, LineKind.OTHER)
            return
        line = recognize(piece.content)
        if line.received_at is None:
            self._keep_untimed(piece, line.kind)
            return
        self._lines += 1
        self._kinds[line.kind] += 1
        arrival = moment_of(line.received_at * _MS_US)
        self._first_valid = self._first_valid or arrival
        self._spill.write(arrival, self._raw_line(piece.content, line, self._lines))

    def _raw_line(self, content: bytes, line: RecognizedLine, number: int) -> bytes:
        if line.kind is not LineKind.EVENT or line.received_at is None:
            return content + b"\n"
        stamp = Stamp(
            received_at=line.received_at, request_id=f"{self._file.path.name}:{number}", source_ip="", user_agent=""
        )
        # A carriage return outside JSON's strings is white space, but some readers take it for a line's end.
        event = content.removeprefix(BYTE_ORDER_MARK).strip()
        return envelope_line(stamp, event.replace(b"\r", b" "))

    def _keep_untimed(self, piece: LinePiece, kind: LineKind) -> None:
        """Put a line aside; the first valid time may be still to come. Its number and kind go before it."""
        if piece.begins:
            self._lines += 1
            self._untimed_lines += 1
            self._kinds[kind] += 1
            self._untimed.write(b"%d %d " % (self._lines, kind is LineKind.EVENT))
        self._untimed.write(piece.content + (b"\n" if piece.ends else b""))

    def _place_untimed(self) -> None:
        hour = max(hour_of(self._first_valid) - HOUR, FIRST_HOUR) if self._first_valid is not None else FIRST_HOUR
        received_at = int(hour.timestamp()) * 1_000
        bare = False
        for piece in EventsFile(self._untimed_path).pieces():
            if piece.begins and not piece.ends:
                # An object with a line that no reader can hold is unreadable: it must not take other lines with it.
                self._spill.begin_part(hour)
            content = piece.content
            if piece.begins:
                number, flag, content = content.split(b" ", 2)
                bare = flag == b"1"
            if bare:
                line = RecognizedLine(kind=LineKind.EVENT, received_at=received_at)
                self._spill.write(hour, self._raw_line(content, line, int(number)))
            else:
                self._spill.write(hour, content + (b"\n" if piece.ends else b""), ends_line=piece.ends)
                if not piece.begins and piece.ends:
                    self._spill.begin_part(hour)

    def _publish(self, target: ObjectStore, delivery_stream: str) -> int:
        objects = 0
        for part in self._spill.close():
            identity = f"{self._file.content_digest}/{hour_key(part.hour)}/{part.number}"
            target.move_in(object_name(delivery_stream, part.oldest, identity), part.path)
            objects += 1
        return objects
