"""An Iceberg manifest, which is an Avro file → whether a user's id is a bound of a column in it.

A manifest keeps, for each data file, the least and the greatest value of columns, and so may keep a user's id longer
than the data. Only the column `user_id` counts: another may hold an equal value that is nobody's id. Blocks that don't
have the id's bytes anywhere are not taken apart, so that most of a lake's manifests cost little.
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
_BOUNDS: Final = ("lower_bounds", "upper_bounds")

Schema = Any  # a name, a list (union) or an object, as JSON has it
Value = Any  # what a schema describes; bytes for texts and byte strings, None for what nobody asks for


def manifest_holds(file: IO[bytes], sought: Collection[bytes]) -> bool:
    """Return whether a bound of `user_id` is one of the sought ids; raise `UnreadableObjectError`."""
    reader = _Reader(data=file.read())
    try:
        if reader.take(len(_MAGIC)) != _MAGIC:
            raise UnreadableObjectError("not an Avro file")
        header = _header(reader)
        user_id = _user_id_field(header)
        if user_id is None:  # a list of manifests, or one of a table that knows no users
            return False
        schema = json.loads(header[b"avro.schema"])
        return any(
            bound in sought
            for block in _blocks(reader, header.get(b"avro.codec", b"null"))
            if any(value in block.data for value in sought)
            for bound in _bounds(block, schema, user_id)
        )
    except (IndexError, KeyError, TypeError, ValueError, zlib.error) as error:
        raise UnreadableObjectError(f"a broken Avro file: {error!r}") from None


def _user_id_field(header: dict[bytes, bytes]) -> int | None:
    """Return the number of the table's column `user_id`; a manifest carries the table's schema."""
    table = json.loads(header.get(b"schema", b"{}"))
    return next((int(column["id"]) for column in table.get("fields", ()) if column["name"] == "user_id"), None)


def _bounds(block: "_Reader", schema: Schema, column: int) -> Iterator[bytes]:
    """Yield the bounds of a column; in Avro a map with numbers for keys is an array of pairs."""
    while not block.at_end:
        data_file = _value(block, schema)["data_file"]
        for name in _BOUNDS:
            yield from (pair["value"] for pair in data_file.get(name) or () if pair["key"] == column)


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


def _value(reader: _Reader, schema: Schema) -> Value:
    """Read one value."""
    if isinstance(schema, list):
        return _value(reader, schema[reader.long()])
    kind = schema["type"] if isinstance(schema, dict) else schema
    if isinstance(schema, dict) and "name" in schema:
        reader.names[schema["name"]] = schema
    if kind in ("string", "bytes"):
        return reader.take(reader.long())
    if kind in ("int", "long", "enum"):
        return reader.long()
    if kind in _FIXED_SIZES:
        reader.take(_FIXED_SIZES[kind])
        return None
    if kind in ("record", "array", "map", "fixed"):
        return _nested(reader, kind, schema)
    # a type by its name, or one wrapped in an object
    return _value(reader, kind if isinstance(kind, dict | list) else reader.names[kind])


def _nested(reader: _Reader, kind: str, schema: Schema) -> Value:
    if kind == "fixed":
        return reader.take(schema["size"])
    if kind == "record":
        return {member["name"]: _value(reader, member["type"]) for member in schema["fields"]}
    if kind == "array":
        return [_value(reader, schema["items"]) for _ in reader.items()]
    return {reader.take(reader.long()): _value(reader, schema["values"]) for _ in reader.items()}
