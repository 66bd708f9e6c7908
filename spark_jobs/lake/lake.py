"""A lake that is open: where it lies, and the Spark session by which its tables are read and written.

A job is given one `Lake` and hands it on. What replaces hours or days of tables is `revision.Revision`.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from contracts.names import LakeLocation
from contracts.tables import Table
from spark_jobs.errors import TableMismatchError
from spark_jobs.lake.arrow_types import column_names, table_schema
from spark_jobs.lake.data_files import (
    DATA_FILE_SCHEMA,
    DataFile,
    FileTarget,
    as_batch,
    as_file,
    dataset,
    map_in_arrow,
    written_files,
)
from spark_jobs.lake.filters import EVERYTHING, Condition, at_hours, in_day_partitions, in_hour_partitions
from spark_jobs.lake.iceberg import Commit, commits_after, table_handle
from spark_jobs.lake.session import LocalSize, java_class, spark_session
from spark_jobs.lake.table_files import StoredFile, list_files
from spark_jobs.task_errors import named_task_errors


@dataclass(frozen=True, kw_only=True)
class Lake(LakeLocation):
    """A location and a session; nothing in it remembers a table, so each call sees what is committed by then."""

    spark: SparkSession

    @classmethod
    def open(cls, app_name: str, location: LakeLocation, *, size: LocalSize | None = None) -> "Lake":
        """Return the lake at a location, in the session of this process, started if need be."""
        return cls.at(location, spark_session(app_name, location, size=size))

    @classmethod
    def at(cls, location: LakeLocation, spark: SparkSession) -> "Lake":
        """Return the lake at a location that a session knows already."""
        return cls(
            raw_uri=location.raw_uri,
            warehouse_uri=location.warehouse_uri,
            database=location.database,
            events=location.events,
            spark=spark,
        )

    def name(self, table: Table) -> str:
        """Return the full name of a table in Spark's SQL."""
        return self.table(table.name)

    def has(self, table: Table) -> bool:
        """Return whether the catalog has a table."""
        return bool(self.spark.catalog.tableExists(self.name(table)))

    def read(self, table: Table) -> DataFrame:
        """Return the rows of a table as it is now."""
        return self.spark.table(self.name(table))

    def read_metadata(self, table: Table, metadata: str) -> DataFrame:
        """Return a table of a table's metadata, such as `files`, as it is now."""
        return self.spark.table(f"{self.name(table)}.{metadata}")

    def read_hours(self, table: Table, hours: Collection[datetime]) -> DataFrame:
        """Return the rows of certain hours of a table that is partitioned by hour, or by the day of a whole hour."""
        partition = table.partitions[0]
        if partition.transform == "hours":
            return self.read(table).where(in_hour_partitions(partition.column, hours))
        in_partitions = in_day_partitions(partition.column, hours)
        return self.read(table).where(f"{in_partitions} AND {at_hours(partition.column, hours)}")

    def handle(self, table: Table) -> Any:
        """Return Iceberg's own object of a table, read from the catalog now (py4j has no types)."""
        return table_handle(self.spark, self.name(table))

    def java_class(self, name: str) -> Any:
        """Return a Java class by its full name."""
        return java_class(self.spark, name)

    def snapshot(self, table: Table) -> int | None:
        """Return the id of a table's current snapshot, or None if nothing was ever written to it."""
        current = self.handle(table).currentSnapshot()
        return None if current is None else int(current.snapshotId())

    def commits(self, table: Table, *, after: int | None) -> Iterator[Commit]:
        """Yield a table's commits as `commits_after` does."""
        return commits_after(self.spark, self.handle(table), after)

    def condition(self, handle: Any, condition: Condition) -> Any:
        """Return Iceberg's expression of a condition on the columns of a table's handle."""
        parser = self.java_class("org.apache.iceberg.expressions.ExpressionParser")
        return parser.fromJson(json.dumps(condition), handle.schema())

    def files(
        self, table: Table, condition: Condition = EVERYTHING, *, measured: Sequence[str] = ()
    ) -> list[StoredFile]:
        """Return the files of a table that may have rows for which a condition holds, as it is now.

        With columns to be measured, each file says what its writer noted of them.
        """
        handle = self.handle(table)
        current = handle.currentSnapshot()
        return [] if current is None else self._files(handle, current.snapshotId(), condition, measured)

    def files_as_of(self, table: Table, snapshot: int | None, condition: Condition = EVERYTHING) -> list[StoredFile]:
        """Return these files as of a snapshot; None is that of a table that nothing was written to yet."""
        return [] if snapshot is None else self._files(self.handle(table), snapshot, condition, ())

    def _files(self, handle: Any, snapshot: int, condition: Condition, measured: Sequence[str]) -> list[StoredFile]:
        return list_files(self.spark, handle, snapshot, self.condition(handle, condition), measured)

    def rows(self, table: Table, condition: Condition, *columns: str) -> list[dict[str, Any]]:
        """Return columns of all rows of the files that may have rows for which a condition holds; times are aware.

        It is for tables that have few rows in many files: the driver reads them sooner than Spark would plan to.
        """
        with dataset(table_schema(table), (file.location for file in self.files(table, condition))) as rows:
            found: list[dict[str, Any]] = rows.to_table(columns=list(columns)).to_pylist()
            return found

    def file_target(self, table: Table) -> FileTarget:
        """Return what a task must know to write files of a table."""
        handle = self.handle(table)
        fields = [_with_id(handle.schema(), field, field.name) for field in table_schema(table)]
        data = f"{handle.location()}/data"
        return FileTarget(table=table.name, data=data, schema=pa.schema(fields), partitions=table.partitions)

    def write_frame(self, table: Table, frame: DataFrame) -> list[DataFile]:
        """Compute a frame that has a table's columns, and write its rows as files that no snapshot has yet.

        Each task writes its own files, in the table's order. All rows of all jobs are written in this one way, and not
        by Spark's own writer, so that a commit that must be tried again computes nothing again.
        """
        target = self.file_target(table)

        def files(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            return map(as_batch, written_files((pa.Table.from_batches([batch]) for batch in batches), target))

        rows = frame.select(*column_names(table))
        if table.sort:
            rows = rows.sortWithinPartitions(*table.sort)
        with named_task_errors():
            return [as_file(row.asDict()) for row in map_in_arrow(rows, files, DATA_FILE_SCHEMA).collect()]

    def write_rows(self, table: Table, rows: Sequence[tuple[Any, ...]]) -> list[DataFile]:
        """Write rows that the driver has, each a value for each of the table's columns; a map is a list of pairs."""
        if not rows:
            return []
        schema = table_schema(table)
        columns = dict(zip(schema.names, zip(*rows, strict=True), strict=True))
        unsorted = pa.Table.from_pydict(columns, schema=schema)
        in_order = unsorted.sort_by([(name, "ascending") for name in table.sort]) if table.sort else unsorted
        return list(written_files([in_order], self.file_target(table)))


def _with_id(schema: Any, field: pa.Field, path: str) -> pa.Field:
    """Return a column with Iceberg's id, by which readers know it; and with the ids of a list's or a map's parts."""
    if pa.types.is_list(field.type):
        field = field.with_type(pa.list_(_with_id(schema, field.type.value_field, f"{path}.element")))
    elif pa.types.is_map(field.type):
        key, value = field.type.key_field, field.type.item_field
        field = field.with_type(pa.map_(_with_id(schema, key, f"{path}.key"), _with_id(schema, value, f"{path}.value")))
    found = schema.findField(path)
    if found is None:
        raise TableMismatchError(f"the table in the catalog has no column {path!r}, which it is declared to have")
    return field.with_metadata({"PARQUET:field_id": str(found.fieldId())})
