"""A file of events, GZIP or not → its lines, byte for byte, with bounded memory.

One reader for all who take a user's file: what is wrong with the file is said with its name.
"""

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, NamedTuple

from contracts.event_files import GZIP_MAGIC, is_gzip
from simulator.errors import InputFileError

#: Longer lines come in pieces. Any line above `contracts.event.MAX_LINE_BYTES` is rejected, so no one needs more.
LONGEST_WHOLE_LINE: Final = 8 * 1024 * 1024


class LinePiece(NamedTuple):
    """A line, without its newline, or a part of an overlong one; `ends` and `begins` tell which part."""

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
            self.size: Final = path.stat().st_size
            with path.open("rb") as file:
                self._compressed: Final = is_gzip(file.read(len(GZIP_MAGIC)))
        except OSError as error:
            raise InputFileError(f"can't read {path}: {error.strerror}") from error

    @property
    def content_digest(self) -> str:
        """Hash of the decompressed content that was read so far."""
        return self._digest.hexdigest()

    def check(self) -> None:
        """Read a compressed file to its end; raise `InputFileError` if it has none."""
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
                f"{self.path} is a damaged GZIP file ({error}), so nothing is made of it. "
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
