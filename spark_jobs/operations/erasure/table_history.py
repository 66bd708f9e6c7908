"""Tables → the same tables without a past: every snapshot but the current one expired, and their files with them.

Also the files that a table consists of now, by which leftovers are told from what is in use.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.names import CATALOG, LakeLocation
from contracts.tables import TABLES, Table
from spark_jobs.tables.iceberg_table import elements, loaded
from storage.object_store import ObjectStore


@dataclass(frozen=True, kw_only=True)
class FilesInUse:
    """Keys of all files of the lake's tables as they are now, and the folders that hold nothing else's files."""

    keys: frozenset[str]
    folders: tuple[str, ...]

    def are_left_over(self, key: str) -> bool:
        """Return whether a file lies in a table's folder, but is no part of the table."""
        return key not in self.keys and key.startswith(self.folders)


def expire_history(spark: SparkSession, lake: LakeLocation, before: datetime) -> int:
    """Expire the snapshots that were made before a moment, all but each table's current one; return how many."""
    return sum(_expire(loaded(spark, lake, table), before) for table in TABLES)


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


def rewrite_manifests(spark: SparkSession, lake: LakeLocation, tables: Iterable[Table]) -> None:
    """Write tables' manifests again, without the entries of files that are no longer part of the table."""
    for table in tables:
        spark.sql(f"CALL {CATALOG}.system.rewrite_manifests('{lake.database}.{table.name}')")


def files_in_use(spark: SparkSession, lake: LakeLocation, store: ObjectStore) -> FilesInUse:
    """Return the files of the lake's tables; after `expire_history`, or the past counts as well."""
    keys: set[str] = set()
    folders: list[str] = []
    for table in TABLES:
        handle = loaded(spark, lake, table)
        folders.append(store.key_of(str(handle.location())).rstrip("/") + "/")
        keys.update(store.key_of(location) for location in _metadata_locations(handle))
    listed = _listed(spark, lake).coalesce(spark.sparkContext.defaultParallelism)
    keys.update(store.key_of(row.path) for row in listed.toLocalIterator())
    return FilesInUse(keys=frozenset(keys), folders=tuple(folders))


def folder_of(spark: SparkSession, lake: LakeLocation, store: ObjectStore, table: Table) -> str:
    """Return the folder of a table, as a prefix of keys."""
    return store.key_of(str(loaded(spark, lake, table).location())).rstrip("/") + "/"


def _metadata_locations(handle: Any) -> Iterator[str]:
    """Yield the locations of what Iceberg keeps of a table in files that are no rows of its metadata tables."""
    current = handle.operations().current()
    yield str(current.metadataFileLocation())
    yield from (str(entry.file()) for entry in elements(current.previousFiles()))
    yield from (str(snapshot.manifestListLocation()) for snapshot in elements(handle.snapshots()))


def _listed(spark: SparkSession, lake: LakeLocation) -> DataFrame:
    """Return the locations of all manifests and files of rows, in one query instead of two for each table."""
    listed = (
        spark.table(f"{lake.table(table.name)}.{name}").select(F.col(column).alias("path"))
        for table in TABLES
        for name, column in (("all_manifests", "path"), ("all_files", "file_path"))
    )
    return reduce(DataFrame.unionAll, listed)
