"""One stored object, of whatever kind → how often it holds a sought user: decoded, and compared value by value.

A user's id is compared with whole values, never with parts: user "35" is not in "1357".
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spark_jobs.operations.erasure.manifest_bounds import manifest_holds
from spark_jobs.operations.erasure.sought_users import Holds, SoughtUsers, split_lines
from spark_jobs.raw import raw_lines
from spark_jobs.raw.raw_lines import SPOOL_IN_MEMORY, UnreadableObjectError, line_chunks
from spark_jobs.validation.erased_lines import mentions
from storage.object_store import ObjectStore, StoredObject

#: Columns that are a line, or quote one.
_QUOTING: Final = ("line", "detail")
#: Rows of a Parquet file held at once.
_ROWS: Final = 65_536
#: Parts of a table's metadata that are words of its declaration, never of its rows.
_DECLARED: Final = frozenset({"schemas", "schema", "partition-specs", "partition-spec", "sort-orders", "properties"})
#: And those in which Iceberg says what a snapshot or a reference is, and which program made it: a user may be "spark".
_ABOUT_THE_WRITER: Final = frozenset(
    {"type", "operation", "engine-name", "engine-version", "iceberg-version", "app-id", "app-name", "spark.app.id"}
)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """An object that holds a user in `held` lines or rows, or (`unreadable`) can't be decoded to know.

    `mentioned` counts other users' events that name one in a field that the contract doesn't know: those stay.
    """

    stored: StoredObject
    held: int = 0
    mentioned: int = 0
    unreadable: str | None = None


def raw_finding(store: ObjectStore, users: SoughtUsers, stored: StoredObject) -> Finding | None:
    """Look into a raw object."""
    try:
        with line_chunks(unpacked(store, stored)) as chunks:
            return _found(stored, sum(map(users.held_lines, chunks)))
    except UnreadableObjectError as error:
        return Finding(stored=stored, unreadable=str(error))


def error_finding(store: ObjectStore, users: SoughtUsers, stored: StoredObject) -> Finding | None:
    """Look into an object of records that Firehose could not deliver."""
    return _text_finding(store, stored, users.hold_error)


def warehouse_finding(store: ObjectStore, users: SoughtUsers, stored: StoredObject) -> Finding | None:
    """Look into a table's file: data, manifest or metadata."""
    name = PurePosixPath(stored.key).name
    if name.endswith(".crc"):  # Hadoop's checksums
        return None
    try:
        if name.endswith(".parquet"):
            with spooled(store, stored) as file:
                return _parquet_finding(file, stored, users)
        if name.endswith(".avro"):
            with spooled(store, stored) as file:
                return _found(stored, int(manifest_holds(file, {user_id.encode() for user_id in users.ids})))
        if name.endswith(".metadata.json"):
            with spooled(store, stored) as file:
                return _found(stored, sum(value in users.ids for value in _metadata_values(json.load(file))))
    except (UnreadableObjectError, ValueError, pa.ArrowException) as error:
        return Finding(stored=stored, unreadable=str(error))
    return _text_finding(store, stored, lambda line: mentions(line, users.hashes))


def unpacked(store: ObjectStore, stored: StoredObject) -> Iterator[bytes]:
    """Yield an object's bytes as job 1 reads them: decompressed if they are GZIP by their first bytes."""
    return raw_lines.unpacked(store.blocks(stored), stored.key)


def spooled(store: ObjectStore, stored: StoredObject) -> IO[bytes]:
    """Return an object as a file that can be sought in; in memory while small."""
    file = SpooledTemporaryFile(max_size=SPOOL_IN_MEMORY)  # noqa: SIM115 (the caller closes it)
    for block in store.blocks(stored):
        file.write(block)
    file.seek(0)
    return file


def _found(stored: StoredObject, held: int, mentioned: int = 0) -> Finding | None:
    return Finding(stored=stored, held=held, mentioned=mentioned) if held or mentioned else None


def _text_finding(store: ObjectStore, stored: StoredObject, holds: Holds) -> Finding | None:
    try:
        with line_chunks(unpacked(store, stored)) as chunks:
            lines = (line.removesuffix(b"\n") for chunk in chunks for line in split_lines(chunk))
            return _found(stored, sum(map(holds, lines)))
    except UnreadableObjectError as error:
        return Finding(stored=stored, unreadable=str(error))


def _parquet_finding(file: IO[bytes], stored: StoredObject, users: SoughtUsers) -> Finding | None:
    parquet = pq.ParquetFile(file)
    columns = [name for name in ("user_id", *_QUOTING, "extra") if name in parquet.schema_arrow.names]
    ids = pa.array(users.ids, pa.string())
    held = mentioned = 0
    for batch in parquet.iter_batches(batch_size=_ROWS, columns=columns) if columns else ():
        if "user_id" in columns:
            held += pc.sum(pc.is_in(batch.column("user_id").cast(pa.string()), value_set=ids)).as_py() or 0
        for name in columns:
            if name in _QUOTING:
                held += _mentions(batch.column(name), users)
            if name == "extra":
                mentioned += _mentions(batch.column(name), users)
    return _found(stored, held, mentioned)


def _mentions(texts: Any, users: SoughtUsers) -> int:
    lines = texts.cast(pa.binary()).drop_null()
    return sum(mentions(lines[store].as_py(), users.hashes) for store in users.suspects(lines))


def _metadata_values(value: Any) -> Iterator[str]:
    """Yield the texts of a table's metadata that a row could have got into; a snapshot's figures are none."""
    if isinstance(value, dict):
        for name, member in value.items():
            if name not in _DECLARED | _ABOUT_THE_WRITER:
                yield from _metadata_values(member)
    elif isinstance(value, list):
        for member in value:
            yield from _metadata_values(member)
    elif isinstance(value, str) and not value.isdecimal():
        yield value
