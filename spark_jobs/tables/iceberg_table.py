"""What Iceberg's Java API tells about a table at once, where SQL would cost a Spark job: its history of snapshots."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql import SparkSession

from contracts.names import LakeLocation
from contracts.tables import Table
from spark_jobs.session import java_class


@dataclass(frozen=True, kw_only=True)
class Commit:
    """One snapshot of a table: Iceberg's operation (append, overwrite, delete, replace) and its summary."""

    snapshot_id: int
    operation: str
    summary: Mapping[str, str]


def loaded(spark: SparkSession, lake: LakeLocation, table: Table) -> Any:
    """Return Iceberg's `org.apache.iceberg.Table`, read from the catalog now (py4j has no types)."""
    util = java_class(spark, "org.apache.iceberg.spark.Spark3Util")
    return util.loadIcebergTable(spark._jsparkSession, lake.table(table.name))


def elements(java_list: Any) -> list[Any]:
    """Return the elements of a `java.util.List`; py4j's own way ends with an exception, which costs fifty calls."""
    return [java_list.get(place) for place in range(java_list.size())]


def current_snapshot(spark: SparkSession, lake: LakeLocation, table: Table) -> int | None:
    """Return the id of the table's current snapshot, or None if nothing was ever written."""
    snapshot = loaded(spark, lake, table).currentSnapshot()
    return None if snapshot is None else int(snapshot.snapshotId())


def commits_between(spark: SparkSession, lake: LakeLocation, table: Table, *, after: int | None) -> Iterator[Commit]:
    """Yield the commits that came after a snapshot, newest first; with None all of them.

    Raise `LookupError` if the snapshot is no ancestor of the current one, for instance because it expired.
    """
    handle = loaded(spark, lake, table)
    as_json = java_class(spark, "org.apache.iceberg.SnapshotParser").toJson  # one call, however much a summary tells
    snapshot = handle.currentSnapshot()
    while snapshot is not None and snapshot.snapshotId() != after:
        summary = json.loads(as_json(snapshot))["summary"]
        yield Commit(snapshot_id=int(snapshot.snapshotId()), operation=summary.pop("operation"), summary=summary)
        parent = snapshot.parentId()
        snapshot = None if parent is None else handle.snapshot(parent)
    if snapshot is None and after is not None:
        raise LookupError(f"snapshot {after} is not in the history of {table.name}")
