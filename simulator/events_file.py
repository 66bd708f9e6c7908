"""A file of events, GZIP or not → its lines with bounded memory, and what each is: an event, an envelope or neither.

What is wrong with the file is said with its name. A line's bytes are never changed here: what is neither event nor
envelope is written as it stands, so that what is rejected is what was in the file.
"""

import gzip
import hashlib
import io
import json
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, NoReturn

from contracts.envelope import epoch_ms
from contracts.event import TOP_LEVEL_FIELDS, missing_field
from contracts.file_formats import BYTE_ORDER_MARK, GZIP_MAGIC, is_gzip
from contracts.timestamps import parse_epoch, parse_timestamp
from simulator.errors import InputFileError

#: Longer lines come in pieces. Any line above `contracts.event.MAX_LINE_BYTES` is rejected, so no reader needs more.
LONGEST_WHOLE_LINE: Final = 8 * 1024 * 1024

#: No server's clock is outside of these: an event from before 1970 has no usable time of arrival.
_EARLIEST_ARRIVAL_MS: Final = 0
_LATEST_ARRIVAL_MS: Final = epoch_ms(datetime(9999, 1, 1, tzinfo=UTC))

_EVENT_FIELDS: Final = frozenset(field.path for field in TOP_LEVEL_FIELDS)
#: A whole number of more digits is read as infinite: Python refuses to convert thousands of digits, which JSON allows.
_EXACT_DIGITS: Final = 18


class LinePiece(NamedTuple):
    """A line, without its newline, or a part of an overlong one; `begins` and `ends` say which part."""

    content: bytes
    begins: bool
    ends: bool

    @property
    def is_whole(self) -> bool:
        return self.begins and self.ends


class EventsFile:
    """A file to replay. GZIP is known by its first bytes, not by its name."""

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        self._digest = hashlib.sha256()
        try:
            with path.open("rb") as file:
                self._compressed: Final = is_gzip(file.read(len(GZIP_MAGIC)))
        except OSError as error:
            raise InputFileError(f"can't read {path}: {error.strerror}") from error

    @property
    def content_digest(self) -> str:
        """Hash of the decompressed content that was read so far."""
        return self._digest.hexdigest()

    def check(self) -> None:
        """Read a compressed file to its end; raise `InputFileError` if it is damaged."""
        if self._compressed:
            for _ in EventsFile(self.path).pieces():
                pass

    def pieces(self) -> Iterator[LinePiece]:
        """Yield the file's lines; raise `InputFileError` where the file can't be read to its end."""
        try:
            with self.path.open("rb") as raw:
                yield from self._pieces(gzip.GzipFile(fileobj=raw) if self._compressed else raw)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputFileError(
                f"{self.path} is a damaged GZIP file ({error}), so none of its lines was used. "
                f"Get it again, or keep what can be read: zcat {self.path.name} > lines.jsonl"
            ) from error
        except OSError as error:
            raise InputFileError(f"can't read {self.path}: {error.strerror or error}") from error

    def _pieces(self, file: "IO[bytes] | gzip.GzipFile") -> Iterator[LinePiece]:
        lines = io.BufferedReader(file, 1024 * 1024) if isinstance(file, gzip.GzipFile) else file
        begins = True
        while piece := lines.readline(LONGEST_WHOLE_LINE):
            self._digest.update(piece)
            # The last line needs no newline; a full piece without one is continued.
            ends = piece.endswith(b"\n") or len(piece) < LONGEST_WHOLE_LINE
            yield LinePiece(piece.removesuffix(b"\n"), begins, ends)
            begins = ends
        if not begins:
            yield LinePiece(b"", begins=False, ends=True)


class LineKind(Enum):
    """What a line is."""

    EVENT = "bare event"
    ENVELOPE = "envelope"
    OTHER = "neither"


@dataclass(frozen=True, kw_only=True, slots=True)
class RecognizedLine:
    """A line's kind, and when it was received (epoch ms), None where it says nothing valid about that."""

    kind: LineKind
    received_at: int | None
    fields: dict[str, Any] | None = None


_NO_OBJECT: Final = RecognizedLine(kind=LineKind.OTHER, received_at=None)


def recognize(line: bytes) -> RecognizedLine:
    """Return what a line is.

    A bare event has the event's required fields; an envelope has a whole number `received_at` and an `event`; what has
    at least one of the event's fields is an event that lacks others. An event may have a `received_at` and an `event`
    of its own. It was received at its `insertion_timestamp`, if that is valid, else at its `timestamp`.
    """
    fields = _parse_object(line)
    if fields is None:
        return _NO_OBJECT
    stamp = _arrival(fields.get("received_at"))
    if stamp is not None and "event" in fields and missing_field(fields) is not None:
        return RecognizedLine(kind=LineKind.ENVELOPE, received_at=stamp, fields=fields)
    if _EVENT_FIELDS.isdisjoint(fields):
        return RecognizedLine(kind=LineKind.OTHER, received_at=stamp)
    return RecognizedLine(kind=LineKind.EVENT, received_at=_event_arrival(fields), fields=fields)


def _parse_object(line: bytes) -> dict[str, Any] | None:
    """Return a line's JSON object, or None if it is not one by RFC 8259 in UTF-8; a byte order mark may precede it."""
    try:
        value = json.loads(
            line.removeprefix(BYTE_ORDER_MARK).decode("utf-8"), parse_constant=_no_constant, parse_int=_integer
        )
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _EXACT_DIGITS else math.inf


def _arrival(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and _EARLIEST_ARRIVAL_MS <= value < _LATEST_ARRIVAL_MS:
        return value
    return None


def _event_arrival(fields: dict[str, Any]) -> int | None:
    for name in ("insertion_timestamp", "timestamp"):
        moment = _moment(fields.get(name))
        if moment is not None and (arrival := _arrival(epoch_ms(moment))) is not None:
            return arrival
    return None


def _moment(value: object) -> datetime | None:
    if isinstance(value, str):
        return parse_timestamp(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return parse_epoch(str(value))
    return None
