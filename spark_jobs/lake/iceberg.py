"""What Iceberg's Java API says of a table at once, where SQL would cost a Spark job: what it is, and its history."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession

from spark_jobs.lake.session import java_class

#: Iceberg's names of types, where they differ from a declaration's.
_DECLARED: Final = {"long": "bigint", "timestamptz": "timestamp", "timestamp": "timestamp_ntz"}


@dataclass(frozen=True, kw_only=True)
class Commit:
    """One snapshot of a table: Iceberg's operation (append, overwrite, delete, replace) and its summary."""

    snapshot_id: int
    operation: str
    summary: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class StoredColumn:
    """A column of a table as it is; its type is written as in a declaration, e.g. `array<string>`."""

    type: str
    nullable: bool


@dataclass(frozen=True, kw_only=True)
class StoredTable:
    """What a table in the catalog is; `partitions` are pairs such as (`event_time`, `hour`), `sort` are columns."""

    columns: Mapping[str, StoredColumn]
    partitions: list[tuple[str, str]]
    sort: list[str]
    properties: Any


def table_handle(spark: SparkSession, name: str) -> Any:
    """Return Iceberg's `org.apache.iceberg.Table` of a full name, read from the catalog now (py4j has no types)."""
    return java_class(spark, "org.apache.iceberg.spark.Spark3Util").loadIcebergTable(spark._jsparkSession, name)


def stored_table(spark: SparkSession, name: str) -> StoredTable | None:
    """Return what a table is, by one look at the catalog; None if it does not exist."""
    try:
        handle = table_handle(spark, name)
    except AnalysisException as error:
        if error.getCondition() == "TABLE_OR_VIEW_NOT_FOUND":
            return None
        raise
    schema = json.loads(java_class(spark, "org.apache.iceberg.SchemaParser").toJson(handle.schema()))
    spec = json.loads(java_class(spark, "org.apache.iceberg.PartitionSpecParser").toJson(handle.spec()))
    order = json.loads(java_class(spark, "org.apache.iceberg.SortOrderParser").toJson(handle.sortOrder()))
    names = {field["id"]: field["name"] for field in schema["fields"]}
    return StoredTable(
        columns={
            field["name"]: StoredColumn(type=_declared(field["type"]), nullable=not field["required"])
            for field in schema["fields"]
        },
        partitions=[(names.get(field["source-id"], "?"), field["transform"]) for field in spec["fields"]],
        sort=[names.get(field["source-id"], "?") for field in order["fields"]],
        properties=handle.properties(),
    )


def _declared(iceberg_type: Any) -> str:
    """Return an Iceberg type, as its JSON has it, in the words of a declaration."""
    match iceberg_type:
        case {"type": "list", "element": element}:
            return f"array<{_declared(element)}>"
        case {"type": "map", "key": key, "value": value}:
            return f"map<{_declared(key)},{_declared(value)}>"
        case str():
            return _DECLARED.get(iceberg_type, iceberg_type.replace(" ", ""))
    return json.dumps(iceberg_type)


def elements(java_list: Any) -> list[Any]:
    """Return the elements of a `java.util.List`; py4j's own way ends with an exception, which costs fifty calls."""
    return [java_list.get(place) for place in range(java_list.size())]


def commits_after(spark: SparkSession, handle: Any, snapshot_id: int | None) -> Iterator[Commit]:
    """Yield the commits of a table that came after a snapshot, newest first; with None all of them.

    Raise `LookupError` if the snapshot is no ancestor of the current one, for instance because it expired.
    """
    as_json = java_class(spark, "org.apache.iceberg.SnapshotParser").toJson  # one call, however long a summary is
    snapshot = handle.currentSnapshot()
    while snapshot is not None and snapshot.snapshotId() != snapshot_id:
        summary = json.loads(as_json(snapshot))["summary"]
        yield Commit(snapshot_id=int(snapshot.snapshotId()), operation=summary.pop("operation"), summary=summary)
        parent = snapshot.parentId()
        snapshot = None if parent is None else handle.snapshot(parent)
    if snapshot is None and snapshot_id is not None:
        name = str(handle.name()).rpartition(".")[2]
        raise LookupError(f"snapshot {snapshot_id} is not in the history of {name}")
