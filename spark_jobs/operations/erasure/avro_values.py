"""An Avro file, as Iceberg writes manifests → every text and byte string in it, bounds of columns included.

A manifest keeps, for each data file, the least and the greatest value of columns: that may be a user's id. Only blocks
that hold a sought value's bytes anywhere are taken apart by the schema, so that most of a lake's manifests cost little.
"""

import json
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import IO, Any, Final

from spark_jobs.raw.raw_lines import UnreadableObjectError

_MAGIC: Final = b"Obj\x01"
_SYNC_BYTES: Final = 16
_FIXED_SIZES: Final = {"null": 0, "boolean": 1, "float": 4, "double": 8}

Schema = Any  # a name, a list (union) or an object, as JSON has it


def avro_holds(file: IO[bytes], sought: Collection[bytes]) -> bool:
    """Return whether a string or byte string of the file is one of the sought; raise `UnreadableObjectError`."""
    reader = _Reader(data=file.read())
    try:
        if reader.take(len(_MAGIC)) != _MAGIC:
            raise UnreadableObjectError("not an Avro file")
        header = _header(reader)
        schema = json.loads(header[b"avro.schema"])
        for block in _blocks(reader, header.get(b"avro.codec", b"null")):
            suspicious = any(value in block.data for value in sought)
            if suspicious and any(value in sought for value in _values(block, schema)):
                return True
    except (IndexError, KeyError, ValueError, zlib.error) as error:
        raise UnreadableObjectError(f"a broken Avro file: {error!r}") from None
    return False


@dataclass(kw_only=True)
class _Reader:
    data: bytes
    position: int = 0
    names: dict[str, Schema] = field(default_factory=dict)

    @property
    def at_end(self) -> bool:
        return self.position >= len(self.data)

    def take(self, size: int) -> bytes:
        end = self.position + size
        if size < 0 or end > len(self.data):
            raise ValueError(f"{size} bytes wanted at {self.position} of {len(self.data)}")
        taken = self.data[self.position : end]
        self.position = end
        return taken

    def long(self) -> int:
        """Return a zigzag, variable-length integer."""
        shift = value = 0
        while True:
            byte = self.data[self.position]
            self.position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return (value >> 1) ^ -(value & 1)
            shift += 7

    def items(self) -> Iterator[int]:
        """Yield once for each item of an array or map, which comes in counted blocks."""
        while count := self.long():
            if count < 0:
                self.long()  # the block's size, for whoever skips it
            yield from range(abs(count))


def _header(reader: _Reader) -> dict[bytes, bytes]:
    header = {reader.take(reader.long()): reader.take(reader.long()) for _ in reader.items()}
    reader.take(_SYNC_BYTES)
    return header


def _blocks(reader: _Reader, codec: bytes) -> Iterator[_Reader]:
    if codec not in (b"null", b"deflate"):
        raise UnreadableObjectError(f"Avro compressed by {codec.decode()}, which is not known here")
    while not reader.at_end:
        reader.long()  # how many records the block has
        data = reader.take(reader.long())
        yield _Reader(data=zlib.decompress(data, -zlib.MAX_WBITS) if codec == b"deflate" else data)
        reader.take(_SYNC_BYTES)


def _values(block: _Reader, schema: Schema) -> Iterator[bytes]:
    while not block.at_end:
        yield from _strings(block, schema)


def _strings(reader: _Reader, schema: Schema) -> Iterator[bytes]:
    """Read one value, and yield the strings in it."""
    if isinstance(schema, list):
        yield from _strings(reader, schema[reader.long()])
        return
    kind = schema["type"] if isinstance(schema, dict) else schema
    if isinstance(schema, dict) and "name" in schema:
        reader.names[schema["name"]] = schema
    if kind in ("string", "bytes"):
        yield reader.take(reader.long())
    elif kind in ("int", "long", "enum"):
        reader.long()
    elif kind in _FIXED_SIZES:
        reader.take(_FIXED_SIZES[kind])
    elif kind in ("record", "array", "map", "fixed"):
        yield from _nested(reader, kind, schema)
    else:  # a type by its name, or one wrapped in an object
        yield from _strings(reader, kind if isinstance(kind, dict | list) else reader.names[kind])


def _nested(reader: _Reader, kind: str, schema: Schema) -> Iterator[bytes]:
    if kind == "fixed":
        yield reader.take(schema["size"])
    elif kind == "record":
        for member in schema["fields"]:
            yield from _strings(reader, member["type"])
    elif kind == "array":
        for _ in reader.items():
            yield from _strings(reader, schema["items"])
    else:
        for _ in reader.items():
            yield reader.take(reader.long())
            yield from _strings(reader, schema["values"])
