"""Data files that tasks have written → hours of a table, replaced by them in one Iceberg commit.

What `replace_hours` does with a frame: the same filter, isolation, note and errors. Iceberg itself reads each file's
footer for its metrics, by the table's own settings.
"""

from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
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
from spark_jobs.tables.table_io import commit_error

#: A footer is a request or two of some ten milliseconds each where data lies in S3.
_FOOTERS_AT_ONCE: Final = 8

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def file_target(spark: SparkSession, lake: LakeLocation, table: Table) -> FileTarget:
    """Return what a task must know to write files of a table."""
    handle = loaded(spark, lake, table)
    fields = [_with_id(handle.schema(), field, field.name) for field in table_schema(table)]
    partitions = tuple(partition.column for partition in table.partitions)
    return FileTarget(data=f"{handle.location()}/data", schema=pa.schema(fields), partitions=partitions)


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
    handle = loaded(spark, lake, table)
    expressions = java_class(spark, "org.apache.iceberg.expressions.Expressions")
    hour = expressions.hour(table.partitions[0].column)
    own = getattr(expressions, "in")(hour, [(one - _EPOCH) // HOUR for one in sorted(set(hours))])
    overwrite = handle.newOverwrite().overwriteByRowFilter(own)
    overwrite = overwrite.validateNoConflictingDeletes().validateNoConflictingData()
    if read_from is not None:
        overwrite = overwrite.validateFromSnapshot(read_from)
    for key, value in {**properties, REPLACED_HOURS: hours_note(hours)}.items():
        overwrite = overwrite.set(key, value)
    for data_file in _data_files(spark, handle, files):
        overwrite = overwrite.addFile(data_file)
    try:
        overwrite.commit()
    except Py4JJavaError as error:
        raise _input_changed(table, commit_error(error)) from error


def _data_files(spark: SparkSession, handle: Any, files: Iterable[DataFile]) -> Iterable[Any]:
    """Return Iceberg's own records of the files; their footers are fetched side by side."""
    io, spec, order = handle.io(), handle.spec(), handle.sortOrder()
    metrics = java_class(spark, "org.apache.iceberg.MetricsConfig").forTable(handle)
    builders = java_class(spark, "org.apache.iceberg.DataFiles")
    footers = java_class(spark, "org.apache.iceberg.parquet.ParquetUtil")

    def record(file: DataFile) -> Any:
        opened = io.newInputFile(file.location, file.size)
        return (
            builders.builder(spec)
            .withInputFile(opened)
            .withPartitionValues([str(hour) for hour in file.partition])
            .withSortOrder(order)
            .withMetrics(footers.fileMetrics(opened, metrics))
            .build()
        )

    with ThreadPoolExecutor(_FOOTERS_AT_ONCE) as pool:
        return list(pool.map(record, files))


def _input_changed(table: Table, error: BaseException) -> BaseException:
    return InputChangedError(f"{table.name}: {error}") if isinstance(error, BaseMovedError) else error
