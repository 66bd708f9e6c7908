"""A table's version → its files of some days, by its manifests, each of which is read once.

A manifest never changes, and a commit adds one or two to those that were there before. To read one takes the longest of
all that a view of large tables does: pyiceberg takes each entry apart with the bounds of its columns. Here an entry is
passed over but for what names a file and says how much is in it, which takes a third of the time. pyiceberg cannot
be asked for some fields only: its resolver fails on a map that is in the file and not in the schema it is to read.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final, cast

from pyiceberg.avro.decoder import BinaryDecoder
from pyiceberg.avro.file import AvroFile
from pyiceberg.avro.reader import BinaryReader, IntegerReader, MapReader, OptionReader, Reader, StringReader
from pyiceberg.expressions import BooleanExpression
from pyiceberg.expressions.visitors import inclusive_projection, manifest_evaluator
from pyiceberg.io import FileIO
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat, ManifestContent, ManifestEntryStatus, ManifestFile
from pyiceberg.schema import Schema
from pyiceberg.table import FileScanTask
from pyiceberg.table import Table as StoredTable
from pyiceberg.types import NestedField, StructType

from pages.lake.once import Once

#: Files that are known: some hundred bytes each.
KEPT_FILES: Final = 60_000

#: Fields by their number (https://iceberg.apache.org/spec/#manifests): of an entry its status and its file, and of the
#: file its path, format, partition, rows and bytes.
_STATUS: Final = 0
_FILE: Final = 2
_OF_FILE: Final = (100, 101, 102, 103, 104)

#: Where a field's value goes, if it is kept; whether it may be absent; and what reads it.
_Step = tuple[int | None, bool, Callable[[BinaryDecoder], Any]]


class Manifests:
    """The manifests of all tables."""

    def __init__(self, io: FileIO) -> None:
        self._io = io
        self._listed: Once[str, tuple[FileScanTask, ...]] = Once(KEPT_FILES, len)

    def tasks(self, stored: StoredTable, row_filter: BooleanExpression) -> Iterator[FileScanTask]:
        """Yield the files of the manifests that may have rows of a filter, and perhaps some others."""
        snapshot = stored.current_snapshot()
        manifests = snapshot.manifests(self._io) if snapshot else []
        if any(manifest.content is ManifestContent.DELETES for manifest in manifests):
            # No job of ours writes files that delete rows of others; where there are some, the library knows which.
            yield from stored.scan(row_filter=row_filter).plan_files()
            return
        for manifest in manifests:
            if _may_have(stored, manifest, row_filter):
                yield from self._listed.get(manifest.manifest_path, partial(self._read, manifest))

    def _read(self, manifest: ManifestFile) -> tuple[FileScanTask, ...]:
        return tuple(FileScanTask(file) for file in data_files(self._io, manifest))


def data_files(io: FileIO, manifest: ManifestFile) -> Iterator[DataFile]:
    """Yield the files of a manifest that are not deleted, without their columns' sizes, counts and bounds."""
    with AvroFile[Any](io.new_input(manifest.manifest_path)) as file:
        # It reads the blocks, and has each entry read by whatever its reader is.
        file.reader = cast(Reader, _EntryReader(file.schema, file.reader, type(file.decoder)))
        for status, path, file_format, partition, rows, size in file:
            if status != ManifestEntryStatus.DELETED:
                found = DataFile(DataFileContent.DATA, path, FileFormat(file_format), partition, rows, size)
                found.spec_id = manifest.partition_spec_id
                yield found


class _EntryReader:
    """Reads of a manifest's entry its status, and `_OF_FILE` of its file."""

    def __init__(self, schema: Schema, whole: Any, decoder: type[BinaryDecoder]) -> None:
        self._steps = tuple(_steps(schema.as_struct(), whole, decoder))

    def read(self, decoder: BinaryDecoder) -> list[Any]:
        """Return the values; what the file has not is None."""
        values: list[Any] = [None] * (1 + len(_OF_FILE))
        is_there = decoder.read_int
        for place, is_optional, read in self._steps:
            if is_optional and not is_there():
                continue
            value = read(decoder)
            if place is not None:
                values[place] = value
        return values


def _steps(struct: StructType, whole: Any, decoder: type[BinaryDecoder]) -> Iterator[_Step]:
    """Yield what reads each field of an entry, those of its file among them, in the order of the manifest."""
    for field, (_, reader) in zip(struct.fields, whole.field_readers, strict=True):
        if field.field_id == _FILE:
            yield from _steps(cast(StructType, field.field_type), reader, decoder)
        else:
            is_optional = isinstance(reader, OptionReader)
            yield _place(field), is_optional, _quickest(reader.option if is_optional else reader, decoder)


def _place(field: NestedField) -> int | None:
    if field.field_id == _STATUS:
        return 0
    return 1 + _OF_FILE.index(field.field_id) if field.field_id in _OF_FILE else None


def _quickest(reader: Reader, decoder: type[BinaryDecoder]) -> Callable[[BinaryDecoder], Any]:
    """Return what reads a value, or passes over a map, with as few calls as can be: there are thousands of entries."""
    if isinstance(reader, IntegerReader):
        return decoder.read_int
    if isinstance(reader, StringReader):
        return decoder.read_utf8
    if isinstance(reader, MapReader) and isinstance(reader.key, IntegerReader):
        if isinstance(reader.value, IntegerReader):
            return _pass_integers
        if isinstance(reader.value, BinaryReader):
            return _pass_bytes
    return reader.read


def _pass_integers(decoder: BinaryDecoder) -> None:
    while pairs := _pairs(decoder):
        decoder.read_ints(2 * pairs)


def _pass_bytes(decoder: BinaryDecoder) -> None:
    while pairs := _pairs(decoder):
        decoder.read_int_bytes_dict(pairs, {})


def _pairs(decoder: BinaryDecoder) -> int:
    """Return how many pairs of a map follow, 0 at its end; after a negative number stands their size in bytes."""
    pairs = decoder.read_int()
    if pairs < 0:
        decoder.skip_int()
    return abs(pairs)


def _may_have(stored: StoredTable, manifest: ManifestFile, row_filter: BooleanExpression) -> bool:
    spec = stored.specs()[manifest.partition_spec_id]
    of_partitions = inclusive_projection(stored.schema(), spec)(row_filter)
    return manifest_evaluator(spec, stored.schema(), of_partitions)(manifest)
