"""Rows → data files of a table that no snapshot has yet: of a frame in its tasks, of the driver's few rows here.

A frame becomes Arrow and files, and not Spark's own writer's rows, so that all rows of all jobs are written, and then
committed, in one way (`commit_files`), and a commit that must be tried again computes nothing again.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from contracts.names import LakeLocation
from contracts.tables import Table
from spark_jobs.errors import TableMismatchError
from spark_jobs.map_in_arrow import map_in_arrow
from spark_jobs.tables.arrow_schemas import table_schema
from spark_jobs.tables.data_files import DATA_FILE_SCHEMA, DataFile, FileTarget, as_batch, as_file, written_files
from spark_jobs.tables.iceberg_table import loaded
from spark_jobs.tables.schemas import column_names
from spark_jobs.task_errors import named_task_errors


def file_target(spark: SparkSession, lake: LakeLocation, table: Table) -> FileTarget:
    """Return what a task must know to write files of a table."""
    handle = loaded(spark, lake, table)
    fields = [_with_id(handle.schema(), field, field.name) for field in table_schema(table)]
    data = f"{handle.location()}/data"
    return FileTarget(table=table.name, data=data, schema=pa.schema(fields), partitions=table.partitions)


def files_of_frame(frame: DataFrame, lake: LakeLocation, table: Table) -> list[DataFile]:
    """Compute a frame with a table's columns, and write its rows: each task its own files, in the table's order."""
    target = file_target(frame.sparkSession, lake, table)

    def files(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return map(as_batch, written_files((pa.Table.from_batches([batch]) for batch in batches), target))

    rows = frame.select(*column_names(table))
    if table.sort:
        rows = rows.sortWithinPartitions(*table.sort)
    with named_task_errors():
        return [as_file(row.asDict()) for row in map_in_arrow(rows, files, DATA_FILE_SCHEMA).collect()]


def files_of_rows(
    spark: SparkSession, lake: LakeLocation, table: Table, rows: Sequence[tuple[Any, ...]]
) -> list[DataFile]:
    """Write rows that the driver has, each a value for each of the table's columns; a map as pairs."""
    if not rows:
        return []
    schema = table_schema(table)
    columns = dict(zip(schema.names, zip(*rows, strict=True), strict=True))
    held = pa.Table.from_pydict(columns, schema=schema)
    in_order = held.sort_by([(name, "ascending") for name in table.sort]) if table.sort else held
    return list(written_files([in_order], file_target(spark, lake, table)))


def _with_id(schema: Any, field: pa.Field, path: str) -> pa.Field:
    """Return a column with Iceberg's id, by which readers know it, and what is in a list or a map with theirs."""
    if pa.types.is_list(field.type):
        field = field.with_type(pa.list_(_with_id(schema, field.type.value_field, f"{path}.element")))
    elif pa.types.is_map(field.type):
        key, value = field.type.key_field, field.type.item_field
        field = field.with_type(pa.map_(_with_id(schema, key, f"{path}.key"), _with_id(schema, value, f"{path}.value")))
    found = schema.findField(path)
    if found is None:
        raise TableMismatchError(f"the table in the catalog has no column {path!r}, which it is declared to have")
    return field.with_metadata({"PARQUET:field_id": str(found.fieldId())})
