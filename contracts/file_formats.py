"""The first bytes of a file or object → whether it holds lines (as text or GZIP), and what it seems to be if not.

Users bring CSVs, arrays, archives and spreadsheets. Read as lines, each of these would become a million rejections that
say `not_json`; recognized here, it is one sentence and the command that helps. `make run`, the simulator and the jobs
all use this module, so that the same bytes are the same thing to all of them.
"""

import ast
import csv
import json
import re
import shlex
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contracts.event import MAX_LINE_BYTES, REQUIRED_FIELDS

GZIP_MAGIC: Final = b"\x1f\x8b"
#: U+FEFF in UTF-8, with which Windows programs begin a file. RFC 8259 (8.1) lets a reader ignore it.
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
#: The first bytes that are enough to recognize an object: a tar archive names itself at byte 257.
OBJECT_HEAD: Final = 512

#: The first bytes of a file's text that are read; more than an event may have.
_FILE_HEAD: Final = 1_024 * 1024
assert _FILE_HEAD > MAX_LINE_BYTES
#: A file of events has a JSON object among this many of its first lines.
_LOOKED_AT: Final = 200
_QUOTED: Final = 60


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What bytes seem to be, other than lines of events, and how to get lines from them: a command, or a sentence.

    In a command `{cat}` stands for the one that prints the file's text, `{file}` for its name as a shell reads it,
    `{path}` for its name as SQL reads it, `{gzip}` for how SQL unpacks it, and `{lines}` for the name of a new file.
    """

    seems: str
    remedy: str

    def sentence(self, path: Path, *, compressed: bool = False) -> str:
        """Return what the file seems to be, what is wanted, and how to get there."""
        stem, file = re.sub("[^A-Za-z0-9_]", "_", path.name.partition(".")[0]), shlex.quote(str(path))
        words = {
            "{cat}": f"zcat {file}" if compressed else f"cat {file}",
            "{file}": file,
            "{path}": str(path).replace("'", "''"),
            "{gzip}": ", compression = 'gzip'" if compressed else "",
            "{lines}": f"{stem}-lines.jsonl",
        }
        unpack_first = compressed and "{file}" in self.remedy
        remedy = f"zcat {{file}} > {stem}-unpacked, and name that file" if unpack_first else self.remedy
        for word, meaning in words.items():
            remedy = remedy.replace(word, meaning)
        packed = "GZIP of " if compressed else ""
        return (
            f"{path} seems to be {packed}{self.seems}. Wanted are JSON lines: one event (docs/event.md) or envelope on "
            f"each line, as text in UTF-8 or as GZIP of it. The way there: {remedy}"
        )


_BY_HAND: Final = "write its records as JSON objects, one on each line"
_TO_JSON: Final = (
    'python -c "import duckdb; duckdb.sql(\\"COPY (FROM {source}) TO \'{lines}\' (FORMAT json)\\")"; each row then '
    f"needs {', '.join(REQUIRED_FIELDS)}"
)
_UTF_16: Final = Shape(seems="text in UTF-16", remedy="{cat} | iconv -f UTF-16 -t UTF-8 > {lines}")
_BINARY: Final = (
    (b"PK\x03\x04", Shape(seems="a ZIP archive", remedy="unzip -p {file} > {lines}")),
    (b"PK\x05\x06", Shape(seems="an empty ZIP archive", remedy="name a file that holds events")),
    (b"\x28\xb5\x2f\xfd", Shape(seems="compressed with Zstandard", remedy="zstd -dc {file} > {lines}")),
    (b"BZh", Shape(seems="compressed with bzip2", remedy="bzip2 -dc {file} > {lines}")),
    (b"\xfd7zXZ\0", Shape(seems="compressed with xz", remedy="xz -dc {file} > {lines}")),
    (b"\x04\x22\x4d\x18", Shape(seems="compressed with LZ4", remedy="lz4 -dc {file} > {lines}")),
    (b"\xff\x06\0\0sNaPpY", Shape(seems="compressed with Snappy", remedy="snzip -dc {file} > {lines}")),
    (b"7z\xbc\xaf\x27\x1c", Shape(seems="a 7z archive", remedy="7z x -so {file} > {lines}")),
    (b"PAR1\x15", Shape(seems="a Parquet file", remedy=_TO_JSON.replace("{source}", "read_parquet('{path}')"))),
    (b"Obj\x01", Shape(seems="an Avro file", remedy="avro-tools tojson {file} > {lines}")),
    (b"ORC", Shape(seems="an ORC file", remedy="orc-tools data {file} > {lines}")),
    (b"SQLite format 3\0", Shape(seems="a SQLite database", remedy=_BY_HAND)),
    (b"%PDF-", Shape(seems="a PDF", remedy="name a file that holds events")),
    (b"\xff\xfe", _UTF_16),
    (b"\xfe\xff", _UTF_16),
)
_BZIP2_BLOCK: Final = (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90")
_UTF_16_WITHOUT_MARK: Final = {"UTF-16LE": re.compile(rb"(?:[^\0]\0){2}"), "UTF-16BE": re.compile(rb"(?:\0[^\0]){2}")}
_SPACES: Final = " \t\r\n"
#: Control characters that no text has.
_CONTROLS: Final = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b\x1e"))


def is_gzip(head: bytes) -> bool:
    """Return whether bytes begin a GZIP stream; a name says nothing sure about that."""
    return head.startswith(GZIP_MAGIC)


def known_binary(head: bytes) -> Shape | None:
    """Return the format that bytes begin, if it is a known one that is neither text nor GZIP."""
    for magic, shape in _BINARY:
        if head.startswith(magic) and _is_proven(magic, head):
            return shape
    if head[257:262] == b"ustar":
        return Shape(seems="a tar archive", remedy="{cat} | tar -xO > {lines}")
    for encoding, pattern in _UTF_16_WITHOUT_MARK.items():
        if pattern.match(head):
            return Shape(seems=f"text in {encoding}", remedy=f"{{cat}} | iconv -f {encoding} -t UTF-8 > {{lines}}")
    return None


def _is_proven(magic: bytes, head: bytes) -> bool:
    """Return whether a magic number of letters begins its format, and not a line of text."""
    if magic == b"BZh":
        return head[4:10] in _BZIP2_BLOCK
    return magic != b"ORC" or _is_noise(head)


def binary(head: bytes) -> Shape | None:
    """Return the format that bytes begin, known or not, if they are neither text nor GZIP."""
    return known_binary(head) or (_unknown_binary(head) if _is_noise(head) else None)


def _unknown_binary(head: bytes) -> Shape:
    began = head[:8].hex(" ")
    return Shape(seems=f"binary data (it begins with {began})", remedy="name a file that holds events")


def _is_noise(head: bytes) -> bool:
    """Return whether bytes are no text in any encoding: every ninth byte of compressed data is a control character."""
    sample = head[:OBJECT_HEAD]
    controls = sum(map(sample.count, _CONTROLS))
    return controls * 32 > len(sample)


def why_no_events_file(path: Path) -> str | None:
    """Return why a file can't be one of events, as a sentence with the way out; None if its first lines may be events.

    Raises `OSError` if it can't be read. A damaged GZIP stream is reported by the jobs, which read it to its end.
    """
    with path.open("rb") as file:
        head = file.read(_FILE_HEAD)
        whole = not file.read(1)
    compressed = is_gzip(head)
    if compressed:
        unpacked = _unpacked(head)
        if unpacked is None:
            return None
        head, whole = unpacked[:_FILE_HEAD], whole and len(unpacked) <= _FILE_HEAD
    shape = _shape_of_text(head, whole=whole)
    return shape.sentence(path, compressed=compressed) if shape else None


def _unpacked(packed: bytes) -> bytes | None:
    """Return the first bytes of a GZIP stream, at least a file's head if it has so many; None if it is damaged."""
    unpacked, rest = b"", packed
    try:
        while rest.strip(b"\0") and len(unpacked) <= _FILE_HEAD:
            member = zlib.decompressobj(16 + zlib.MAX_WBITS)
            unpacked += member.decompress(rest, _FILE_HEAD + 1 - len(unpacked))
            rest = member.unused_data
    except zlib.error:
        return unpacked or None
    return unpacked


def _shape_of_text(head: bytes, *, whole: bool) -> Shape | None:
    """Return what the head of a file seems to be, if not lines of events."""
    if is_gzip(head):
        return Shape(seems="GZIP again", remedy="{cat} > {lines}.gz")
    shape = known_binary(head)
    if shape:
        return shape
    text = head.removeprefix(BYTE_ORDER_MARK).decode(errors="replace")
    written = text.split("\n")
    lines = [line for line in written[: len(written) if whole else -1] if line.strip(_SPACES)][:_LOOKED_AT]
    values = [_json(line) for line in lines]
    objects = sum(isinstance(value, dict) for value in values)
    if objects * 2 <= len(lines) and _is_noise(head):  # a torn write leaves NUL bytes among whole lines
        return _unknown_binary(head)
    if not whole and len(written) == 1:  # longer than any event; what follows may be events all the same
        return _one_value(text.lstrip(_SPACES), written)
    if not lines:
        return Shape(seems="an empty file", remedy="name a file that holds events") if whole else None
    text = text.lstrip(_SPACES)
    if not objects:
        return _shape_of_no_objects(text, lines, values)
    if values[0] is None and objects * 2 <= len(lines):
        return _one_value(text, lines)
    around = list(map(_around_events, values))
    return around[0] if all(around) else None


def _json(text: str) -> object:
    """Return a line's JSON value; None if it is none."""
    try:
        return json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return None


def _around_events(value: object) -> Shape | None:
    """Return the shape of lines that are each one object around an array of events."""
    for name, inner in value.items() if isinstance(value, dict) else ():
        if isinstance(inner, list) and inner and _is_like_an_event(inner[0]) and not _is_like_an_event(value):
            path = f".{name}[]" if re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name) else f".[{json.dumps(name)}][]"
            return Shape(seems="a JSON object around an array", remedy=f"{{cat}} | jq -c '{path}' > {{lines}}")
    return None


def _is_like_an_event(value: object) -> bool:
    return isinstance(value, dict) and not {"event", *REQUIRED_FIELDS}.isdisjoint(value)


def _one_value(text: str, lines: Sequence[str]) -> Shape | None:
    """Return the shape of a text that is JSON over several lines, some of which may be objects on their own."""
    if re.match(r"\[\s*[\[{\]]", text):
        return Shape(seems="a JSON array", remedy="{cat} | jq -c '.[]' > {lines}")
    if text.startswith("{") and (_end_of_value(text) or lines[0].rstrip().endswith(("{", "[", ","))):
        return Shape(seems="JSON objects that go over several lines", remedy="{cat} | jq -c . > {lines}")
    return None


def _end_of_value(text: str) -> int:
    """Return where the JSON value ends with which a text begins; 0 if it begins with none that is whole."""
    try:
        return json.JSONDecoder().raw_decode(text)[1]
    except (ValueError, RecursionError):
        return 0


def _shape_of_no_objects(text: str, lines: Sequence[str], values: Sequence[object]) -> Shape | None:
    """Return what a text without a JSON object on any line seems to be; None if its lines are broken objects."""
    if isinstance(values[0], list):
        arrays = "a JSON array" if len(lines) == 1 else "JSON arrays, one on each line"
        return Shape(seems=arrays, remedy="{cat} | jq -c '.[]' > {lines}")
    if text.startswith("\x1e"):
        return Shape(seems="a JSON text sequence (RFC 7464)", remedy="{cat} | tr -d '\\036' | jq -c . > {lines}")
    if text.startswith("{"):
        return _shape_of_objects(text, lines)
    if isinstance(values[0], str) and isinstance(_json(values[0]), dict):
        return Shape(seems="JSON strings that hold JSON", remedy="{cat} | jq -c fromjson > {lines}")
    if text.startswith("<"):
        return Shape(seems="XML or HTML", remedy=_BY_HAND)
    begins = f"text without JSON objects (it begins with {_cut(lines[0])!r})"
    return _one_value(text, lines) or _shape_of_columns(lines) or Shape(seems=begins, remedy=_BY_HAND)


def _shape_of_objects(text: str, lines: Sequence[str]) -> Shape | None:
    """Return the shape of a text that begins like an object; None if each line is like one, and broken on its own."""
    if isinstance(_json(lines[0].rstrip().removesuffix(",")), dict):
        return Shape(seems="JSON objects with a comma after each", remedy="{cat} | sed 's/,[[:space:]]*$//' > {lines}")
    if _is_python(lines[0]):
        program = "import ast, json, sys; [print(json.dumps(ast.literal_eval(line))) for line in sys.stdin]"
        return Shape(seems="Python's notation of objects", remedy=f'{{cat}} | python -c "{program}" > {{lines}}')
    end = _end_of_value(text)
    if end and "\n" not in text[:end]:
        several = text[end:].lstrip(" \t").startswith("{")
        return Shape(seems="several JSON objects on one line", remedy="{cat} | jq -c . > {lines}") if several else None
    return _one_value(text, lines)


def _is_python(line: str) -> bool:
    try:
        return isinstance(ast.literal_eval(line.strip()), dict)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return False


def _shape_of_columns(lines: Sequence[str]) -> Shape | None:
    """Return the shape of lines that one of the usual separators cuts into equally many fields."""
    for name, separator in (("CSV", ","), ("TSV", "\t"), ("CSV with semicolons", ";"), ("CSV with bars", "|")):
        try:
            rows = list(csv.reader(lines, delimiter=separator))
        except csv.Error:
            continue
        alike = sum(len(row) == len(rows[0]) for row in rows)
        if len(rows[0]) > 1 and alike * 10 >= len(rows) * 9:
            return Shape(seems=f"{name} ({_cut(', '.join(map(str.strip, rows[0])))})", remedy=_from_csv(rows[0]))
    return None


def _from_csv(header: Sequence[str]) -> str:
    texts = ", ".join(f"'{name}': 'VARCHAR'" for name in REQUIRED_FIELDS if name in header)
    return _TO_JSON.replace("{source}", f"read_csv('{{path}}'{{gzip}}{f', types = {{{texts}}}' if texts else ''})")


def _cut(text: str) -> str:
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"
