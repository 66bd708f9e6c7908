"""A raw object's bytes → chunks of whole lines, and only if the object is sound to its end.

An object is all or nothing: the lines before the corrupt block of an object are not published, because no reader could
know which those were. So it is decompressed to its end, which checks length and checksum, into a spool (in memory while
small, then in a temporary file) before the first line is validated. That also ends a download before validation begins,
however long it takes, and decompresses once, where verifying first would do so twice.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain
from tempfile import TemporaryFile
from typing import Final

from isal import isal_zlib

from contracts.file_formats import OBJECT_HEAD, binary, is_gzip, known_binary
from contracts.versions import RawObject
from storage.object_store import ObjectStore

#: So many decompressed bytes are kept in memory; Firehose's largest buffer hint is 128 MiB of them, and the last record
#: may go beyond it by a little. An object that touches the disk costs a third more to unpack.
SPOOL_IN_MEMORY: Final = 132 * 1024 * 1024
#: So many bytes of whole lines are validated at once: enough that planning a query costs little.
CHUNK: Final = 16 * 1024 * 1024
#: A chunk has no more lines. Some hundred bytes a line are usual, but a chunk of newlines alone would be millions of
#: rejections.
MOST_LINES: Final = 100_000
#: An object with a longer line is no file of lines; this is sixteen times what a delivery can carry in one.
MAX_BUFFERED_LINE: Final = 16 * 1024 * 1024

#: What an operator can do about an object of another format.
_REMEDY: Final = "put its lines in its place, as text or GZIP"

_GZIP: Final = 16 + isal_zlib.MAX_WBITS
_PIECE: Final = 4 * 1024 * 1024


class UnreadableObjectError(Exception):
    """An object's bytes are not what a delivery writes; the message says why. It is data: a row, not a failure."""


@contextmanager
def sound_lines(store: ObjectStore, raw_object: RawObject) -> Iterator[Iterator[bytes]]:
    """Give the chunks of an object's lines; raise `UnreadableObjectError` before the first if it is not sound."""
    with line_chunks(unpacked(store.blocks(raw_object), raw_object.key)) as lines:
        yield lines


def unpacked(blocks: Iterable[bytes], key: str) -> Iterator[bytes]:
    """Yield an object's text, decompressed if its first bytes say GZIP; no bytes are no text.

    Raises `UnreadableObjectError` for other compressions and binary formats, named where they are known. Text under a
    name that ends in `.gz` is text; noise there is a delivery that was damaged, and noise elsewhere is bad lines.
    """
    rest = iter(blocks)
    head = _head(rest)
    whole = chain((head,), rest)
    if is_gzip(head):
        yield from decompressed(whole)
        return
    other = binary(head) if key.endswith(".gz") else known_binary(head)
    if other:
        raise UnreadableObjectError(f"neither lines of text nor GZIP, but {other.seems}; {_REMEDY}")
    yield from whole


def _head(blocks: Iterator[bytes]) -> bytes:
    """Take as many blocks as are needed to know what they begin; a stream may come in small ones."""
    head = b""
    for block in blocks:
        head += block
        if len(head) >= OBJECT_HEAD:
            break
    return head


@contextmanager
def line_chunks(pieces: Iterable[bytes]) -> Iterator[Iterator[bytes]]:
    """Give chunks of whole lines, once the pieces have been read to their end."""
    cut = chunks(_bounded_lines(pieces), CHUNK)
    held = deque(_first(cut, SPOOL_IN_MEMORY))
    with TemporaryFile() as spool:
        spool.writelines(cut)
        spool.seek(0)
        yield chain(_released(held), chunks(iter(partial(spool.read, _PIECE), b""), CHUNK))


def _first(cut: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Yield the first chunks, of `size` bytes or a little more."""
    while size > 0 and (chunk := next(cut, b"")):
        yield chunk
        size -= len(chunk)


def _released(held: deque[bytes]) -> Iterator[bytes]:
    """Yield chunks, and release each from memory."""
    while held:
        yield held.popleft()


def decompressed(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what a GZIP stream of one or more members holds, in pieces of bounded size."""
    member = None
    members = 0
    for block in blocks:
        rest = block
        while rest:
            if member is None:
                if members and not rest.strip(b"\0"):
                    break  # writers may pad the end with zeros
                member = isal_zlib.decompressobj(_GZIP)
                members += 1
            yield from _inflated(member, rest)
            rest = member.unused_data
            if member.eof:
                member = None
    if member is not None or not members:
        raise UnreadableObjectError("the GZIP stream ends before its end: the object is cut off")


def _inflated(member: isal_zlib.Decompress, block: bytes) -> Iterator[bytes]:
    """Yield what a block adds to a member, a piece at a time at most: a bomb must not exhaust the task's memory."""
    rest = block
    while True:
        try:
            piece = member.decompress(rest, _PIECE)
        except isal_zlib.IsalError as error:  # type: ignore[misc]  # a class, which its stub calls an instance
            raise UnreadableObjectError(f"not GZIP, or corrupt: {error}") from None
        if piece:
            yield piece
        rest = member.unconsumed_tail
        if member.eof or (not rest and len(piece) < _PIECE):
            return


def _bounded_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Pass pieces through; raise `UnreadableObjectError` if a line is too long to be kept in memory."""
    begun = 0
    for piece in pieces:
        end = piece.rfind(b"\n")
        begun = begun + len(piece) if end < 0 else len(piece) - end - 1
        if begun > MAX_BUFFERED_LINE:
            raise UnreadableObjectError(f"more than {MAX_BUFFERED_LINE} bytes without a newline: not a file of lines")
        yield piece


def chunks(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yield pieces joined to chunks of whole lines, not too many; the last one may lack its newline."""
    begun: list[bytes | memoryview] = []
    length = 0
    for piece in pieces:
        begun.append(piece)
        length += len(piece)
        end = piece.rfind(b"\n") + 1 if length >= size else 0
        if end:
            begun[-1] = memoryview(piece)[:end]
            yield from _split_by_lines(b"".join(begun))
            begun = [piece[end:]]
            length = len(piece) - end
    if length:
        yield from _split_by_lines(b"".join(begun))


def _split_by_lines(chunk: bytes) -> Iterator[bytes]:
    """Yield a chunk of whole lines, split in halves until no part has more than `MOST_LINES`."""
    if chunk.count(b"\n") <= MOST_LINES:
        yield chunk
        return
    middle = len(chunk) // 2
    half = chunk.rfind(b"\n", 0, middle) + 1 or chunk.find(b"\n", middle) + 1
    yield from _split_by_lines(chunk[:half])
    yield from _split_by_lines(chunk[half:])
