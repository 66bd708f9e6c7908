"""A lake → every object in it that has something of the users; all of raw, errors and warehouse, each object decoded.

An id is compared with whole values, never with parts: user "35" is not in "1357". Objects that no reader needs (a
noncurrent version, a file that a killed job left behind) are removed on the way, so that one pass over the lake is both
the last step of an erasure and its proof. Objects are searched in Spark tasks, in batches, so that neither a listing of
millions nor the answers have to fit the driver.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import PurePosixPath
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.sql import SparkSession

from contracts.names import CATALOG
from contracts.stages import TABLES
from contracts.tables import Table
from spark_jobs.lake import table_files
from spark_jobs.lake.iceberg import elements
from spark_jobs.lake.lake import Lake
from spark_jobs.operations.erasure.manifest_bounds import manifest_holds
from spark_jobs.operations.erasure.user_matching import Holds, SoughtUsers, split_lines
from spark_jobs.raw import raw_lines
from spark_jobs.raw.lake_stores import LakeStores
from spark_jobs.raw.raw_lines import SPOOL_IN_MEMORY, UnreadableObjectError, line_chunks
from spark_jobs.task_errors import raised_in_task
from spark_jobs.validation.erased_lines import mentions
from storage.object_store import ObjectStore, StoredObject

Answer = TypeVar("Answer")

#: Objects of one Spark job, and tasks of it for each core: objects differ in size, so tasks must be small.
_AT_ONCE: Final = 20_000
_TASKS_PER_CORE: Final = 4


def in_tasks(
    spark: SparkSession, objects: Iterable[StoredObject], ask: Callable[[StoredObject], Answer | None]
) -> Iterator[Answer]:
    """Yield what `ask` (pickled into the tasks) answers about objects, but None; raise its `RawStoreError`."""
    waiting = iter(objects)
    context = spark.sparkContext
    while batch := list(islice(waiting, _AT_ONCE)):
        slices = min(len(batch), context.defaultParallelism * _TASKS_PER_CORE)
        asked = context.parallelize(batch, slices).map(ask)
        try:
            answers = asked.filter(lambda answer: answer is not None).collect()
        except Py4JJavaError as error:
            raise raised_in_task(error) or error from error
        yield from (answer for answer in answers if answer is not None)


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


@dataclass(frozen=True, kw_only=True)
class FilesInUse:
    """Keys of all files of the lake's tables as they are now, and the folders that hold nothing else's files."""

    keys: frozenset[str]
    folders: tuple[str, ...]

    def are_left_over(self, key: str) -> bool:
        """Return whether a file lies in a table's folder, but is no part of the table."""
        return key not in self.keys and key.startswith(self.folders)


def expire_history(lake: Lake, before: datetime) -> int:
    """Expire the snapshots that were made before a moment, all but each table's current one; return how many."""
    return sum(_expire(lake.handle(table), before) for table in TABLES)


def _expire(handle: Any, before: datetime) -> int:
    """Expire snapshots by name: by age alone, Iceberg leaves the files that the snapshot it keeps has replaced."""
    milliseconds = int(before.timestamp() * 1000)
    past = [snapshot.snapshotId() for snapshot in _past(handle) if snapshot.timestampMillis() < milliseconds]
    if past:
        expiry = handle.expireSnapshots().cleanExpiredFiles(True)
        for snapshot_id in past:
            expiry = expiry.expireSnapshotId(snapshot_id)
        expiry.commit()
    return len(past)


def past_snapshots(handle: Any) -> int:
    """Return how many snapshots a table has besides the current one."""
    return len(_past(handle))


def _past(handle: Any) -> list[Any]:
    current = handle.currentSnapshot()
    return [one for one in elements(handle.snapshots()) if one.snapshotId() != current.snapshotId()] if current else []


def rewrite_manifests(lake: Lake, tables: Iterable[Table]) -> None:
    """Write tables' manifests again, without the entries of files that are no longer part of the table."""
    for table in tables:
        lake.spark.sql(f"CALL {CATALOG}.system.rewrite_manifests('{lake.database}.{table.name}')")


def files_in_use(lake: Lake, store: ObjectStore) -> FilesInUse:
    """Return the files of the lake's tables; after `expire_history`, or the past counts as well."""
    handles = [lake.handle(table) for table in TABLES]
    keys = (store.key_of(location) for handle in handles for location in table_files.files_in_use(lake.spark, handle))
    return FilesInUse(keys=frozenset(keys), folders=tuple(_folder(store, handle) for handle in handles))


def folder_of(lake: Lake, store: ObjectStore, table: Table) -> str:
    """Return the folder of a table, as a prefix of keys."""
    return _folder(store, lake.handle(table))


def _folder(store: ObjectStore, handle: Any) -> str:
    return store.key_of(str(handle.location())).rstrip("/") + "/"


#: A file of the warehouse that is part of no table may be one that a running job has not committed yet, unless it is
#: older than any job takes.
LONGEST_JOB: Final = timedelta(hours=24)

Find = Callable[[ObjectStore, SoughtUsers, StoredObject], Finding | None]


@dataclass(frozen=True, kw_only=True)
class Survivor:
    """An object that still holds a user, or can't be searched, and what to do about it."""

    key: str
    why: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """What a search of the whole lake found and did.

    `stray` are the raw and error objects among the survivors that can be rewritten: nobody named them. `mentioned` are
    other users' events that name a user.
    """

    survivors: tuple[Survivor, ...]
    stray: tuple[str, ...]
    removed: tuple[str, ...]
    mentioned: int


@dataclass(frozen=True, kw_only=True)
class Removal:
    """What may be removed: leftovers last written before `written_before`, and, by `discard`, unreadable versions."""

    in_use: FilesInUse
    written_before: datetime
    discard: bool


def search_lake(spark: SparkSession, stores: LakeStores, users: SoughtUsers, removal: Removal) -> SearchResult:
    """Search everything, remove what is nobody's, and return what is left."""
    survivors: list[Survivor] = []
    stray: list[str] = []
    removed: list[str] = []
    mentioned = 0
    for store, find, remedy in _searches(stores, removal.in_use):
        for finding in findings(spark, store, store.versions(), find, users):
            mentioned += finding.mentioned if finding.stored.current else 0
            if not finding.held and not finding.unreadable:
                continue
            if _may_go(finding, removal, in_warehouse=store == stores.warehouse):
                store.delete(finding.stored)
                removed.append(str(finding.stored))
                continue
            survivors.append(_survivor(finding, remedy(finding)))
            if finding.stored.current and finding.held and store != stores.warehouse:
                stray.append(finding.stored.key)
    return SearchResult(survivors=tuple(survivors), stray=tuple(stray), removed=tuple(removed), mentioned=mentioned)


def findings(
    spark: SparkSession, store: ObjectStore, objects: Iterable[StoredObject], find: Find, users: SoughtUsers
) -> Iterator[Finding]:
    """Yield what is found in objects of a store."""
    return in_tasks(spark, objects, partial(find, store, users))


def _searches(stores: LakeStores, in_use: FilesInUse) -> Iterator[tuple[ObjectStore, Find, Callable[[Finding], str]]]:
    yield stores.raw, raw_finding, _remedy_of_line
    yield stores.errors, error_finding, _remedy_of_line
    yield stores.warehouse, warehouse_finding, partial(_remedy_of_file, in_use)


def _may_go(finding: Finding, removal: Removal, *, in_warehouse: bool) -> bool:
    if not finding.stored.current:
        return removal.discard or not finding.unreadable
    left_over = in_warehouse and removal.in_use.are_left_over(finding.stored.key)
    return left_over and finding.stored.modified < removal.written_before


def _survivor(finding: Finding, remedy: str) -> Survivor:
    if finding.unreadable:
        why = f"can't be searched: {finding.unreadable}"
    else:
        why = f"holds a user in {finding.held} lines or rows"
    return Survivor(key=str(finding.stored), why=why, remedy=remedy)


def _remedy_of_line(finding: Finding) -> str:
    if finding.unreadable:
        return "put a sound object in its place, or pass --discard-unreadable to empty it; then run the erasure again"
    return "it landed while the erasure ran: run the erasure again"


def _remedy_of_file(in_use: FilesInUse, finding: Finding) -> str:
    key = finding.stored.key
    if key in in_use.keys:
        return "it is part of a table: run the erasure again, when no other job writes to the lake"
    if in_use.are_left_over(key):
        return (
            "it is part of no table: left behind by a job that was killed, or written by one that still runs; when "
            "none runs, pass --alone and run the erasure again"
        )
    return "it belongs to no table of this database: remove it by hand, if it is of no use"
