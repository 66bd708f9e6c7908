"""Data files that tasks have written → hours of a table, replaced by them in one Iceberg commit.

What `replace_hours` does with a frame: the same filter, isolation, note and errors. Iceberg itself reads each file's
metrics from its footer, by the table's own settings; the footer comes from the task, which had it in memory.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa
from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.sql import SparkSession

from contracts.names import LakeLocation
from contracts.partitions import HOUR
from contracts.tables import Table
from spark_jobs.errors import BaseMovedError, InputChangedError
from spark_jobs.session import java_class
from spark_jobs.tables.arrow_schemas import table_schema
from spark_jobs.tables.data_files import DataFile, FileTarget
from spark_jobs.tables.iceberg_table import loaded
from spark_jobs.tables.replaced_hours import REPLACED_HOURS, hours_note
from spark_jobs.tables.run_notes import RUN_ID
from spark_jobs.tables.table_io import commit_error, unchanged_since

#: Where Iceberg's Spark runtime keeps the Parquet that it brings along.
_PARQUET: Final = "org.apache.iceberg.shaded.org.apache.parquet"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def file_target(spark: SparkSession, lake: LakeLocation, table: Table) -> FileTarget:
    """Return what a task must know to write files of a table."""
    handle = loaded(spark, lake, table)
    fields = [_with_id(handle.schema(), field, field.name) for field in table_schema(table)]
    partitions = tuple(partition.column for partition in table.partitions)
    return FileTarget(
        table=table.name, data=f"{handle.location()}/data", schema=pa.schema(fields), partitions=partitions
    )


def _with_id(schema: Any, field: pa.Field, path: str) -> pa.Field:
    """Return a column with Iceberg's id, by which readers know it, and a list's elements with theirs."""
    if pa.types.is_list(field.type):
        element = field.type.value_field
        field = field.with_type(pa.list_(_with_id(schema, element, f"{path}.{element.name}")))
    return field.with_metadata({"PARQUET:field_id": str(schema.findField(path).fieldId())})


def replace_hours_by_files(
    spark: SparkSession,
    files: Iterable[DataFile],
    *,
    lake: LakeLocation,
    table: Table,
    hours: Collection[datetime],
    read_from: int | None,
    properties: Mapping[str, str],
) -> None:
    """Replace hourly partitions of a table by files that hold rows of these hours only; hours without a file are empty.

    Raise `InputChangedError` if another run replaced one of the hours since the snapshot `read_from`.
    """
    if not hours:
        return
    base = unchanged_since(spark, lake, table, hours, read_from=read_from, run_id=properties.get(RUN_ID))
    handle = loaded(spark, lake, table)
    expressions = java_class(spark, "org.apache.iceberg.expressions.Expressions")
    hour = expressions.hour(table.partitions[0].column)
    own = getattr(expressions, "in")(hour, [(one - _EPOCH) // HOUR for one in sorted(set(hours))])
    overwrite = handle.newOverwrite().overwriteByRowFilter(own)
    overwrite = overwrite.validateNoConflictingDeletes().validateNoConflictingData()
    if base is not None:
        overwrite = overwrite.validateFromSnapshot(base)
    for key, value in {**properties, REPLACED_HOURS: hours_note(hours)}.items():
        overwrite = overwrite.set(key, value)
    for data_file in _data_files(spark, handle, files):
        overwrite = overwrite.addFile(data_file)
    try:
        overwrite.commit()
    except Py4JJavaError as error:
        raise _input_changed(table, commit_error(error)) from error


def _data_files(spark: SparkSession, handle: Any, files: Iterable[DataFile]) -> Iterator[Any]:
    """Yield Iceberg's own records of the files.

    `ParquetUtil.fileMetrics` would do it in one call: it fetches the footer, and makes a Hadoop configuration for each
    file, out of XML, which takes ten times as long as all the rest.
    """
    spec, order = handle.spec(), handle.sortOrder()
    columns = [field.name() for field in spec.fields()]
    metrics = java_class(spark, "org.apache.iceberg.MetricsConfig").forTable(handle)
    builders = java_class(spark, "org.apache.iceberg.DataFiles")
    footers = java_class(spark, "org.apache.iceberg.parquet.ParquetUtil")
    options = java_class(spark, f"{_PARQUET}.ParquetReadOptions").builder().build()
    converter = java_class(spark, f"{_PARQUET}.format.converter.ParquetMetadataConverter")(options)
    memory = java_class(spark, "java.io.ByteArrayInputStream")
    stream = java_class(spark, "java.util.stream.Stream")
    for file in files:
        footer = converter.readParquetMetadata(memory(file.footer))
        path = "/".join(f"{column}={hour}" for column, hour in zip(columns, file.partition, strict=True))
        yield (
            builders.builder(spec)
            .withPath(file.location)
            .withFormat("parquet")
            .withFileSizeInBytes(file.size)
            .withPartitionPath(path)
            .withSortOrder(order)
            .withMetrics(footers.footerMetrics(footer, stream.empty(), metrics))
            .build()
        )


def _input_changed(table: Table, error: BaseException) -> BaseException:
    return InputChangedError(f"{table.name}: {error}") if isinstance(error, BaseMovedError) else error
