"""Data files → certain hours or days of a table, replaced by them in one Iceberg commit: how every job writes.

A job owns hours, not rows: whatever the table held of them before is gone afterwards, whatever it holds of other hours
is untouched. That makes every run repeatable, whatever ran before, besides or halfway. The order of two runs that own
the same hour is kept by `read_from`: what was read before the other's commit is never written after it.

Iceberg itself reads each file's metrics from its footer, by the table's own settings; the footer comes from whoever
wrote the file and had it in memory.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import reduce
from typing import Any, Final

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.sql import DataFrame, SparkSession

from contracts.names import LakeLocation
from contracts.partitions import hours_of_day
from contracts.tables import Table
from spark_jobs.errors import BaseMovedError, ConflictError, InputChangedError, SparkJobError
from spark_jobs.session import java_class
from spark_jobs.tables.data_files import DataFile
from spark_jobs.tables.hour_filters import at_hours, day_ordinals, hour_ordinals, hour_ranges, in_day_partitions
from spark_jobs.tables.iceberg_table import commits_of, elements, loaded
from spark_jobs.tables.replaced_hours import TablePart, hours_note, replaced_note, touches
from spark_jobs.tables.retries import TRIES, retrying
from spark_jobs.tables.run_notes import RUN_ID
from spark_jobs.tables.table_rows import rows_as_of
from spark_jobs.tables.write_files import files_of_frame
from spark_jobs.task_errors import raised_in_task

#: Hours in more pieces than this are replaced by whole days at once.
MAX_RANGES: Final = 50

#: A commit that lost a race is cheap to try again, and a job is not: fifty runs may want hours of one day at once.
_COMMIT_TRIES: Final = 2 * TRIES

#: Where Iceberg's Spark runtime keeps the Parquet that it brings along.
_PARQUET: Final = "org.apache.iceberg.shaded.org.apache.parquet"


def replace_hours(
    spark: SparkSession,
    files: Collection[DataFile],
    *,
    lake: LakeLocation,
    table: Table,
    hours: Collection[datetime],
    read_from: int | None,
    properties: Mapping[str, str] | None = None,
    part: TablePart | None = None,
) -> None:
    """Replace hours of a table by files that hold rows of these hours only; hours without a row become empty.

    An hour is one of the first partition column: `landing_hour`, `event_time` or `event_hour`. `read_from` is the
    table's `current_snapshot` from before the input was read. If another run replaced one of the hours since,
    `InputChangedError` is raised, the files are gone, and the caller computes again (`retrying`). `properties` go into
    the snapshot's summary. With a `part`, only its rows of the hours are replaced, and runs of other parts are no
    conflict.
    """
    if not hours:
        return
    write = _Replacement(
        spark=spark, lake=lake, table=table, hours=hours, read_from=read_from, properties=properties or {}, part=part
    )
    with write.discarding(files):
        if table.partitions[0].transform == "hours":
            write.replace_hourly_partitions(files)
        else:
            retrying(lambda: write.replace_within_days(files), on=BaseMovedError, tries=_COMMIT_TRIES)


def replace_days(
    spark: SparkSession,
    files: Collection[DataFile],
    *,
    lake: LakeLocation,
    table: Table,
    days: Collection[date],
    read_from: int | None,
    properties: Mapping[str, str] | None = None,
) -> None:
    """Replace days of a table that is partitioned by day: as `replace_hours`, noted as the hours of these days."""
    if not days:
        return
    hours = [hour for day in days for hour in hours_of_day(day)]
    write = _Replacement(
        spark=spark, lake=lake, table=table, hours=hours, read_from=read_from, properties=properties or {}
    )
    with write.discarding(files):
        retrying(lambda: write.replace_daily_partitions(files), on=BaseMovedError, tries=_COMMIT_TRIES)


class _PartialFileError(SparkJobError):
    """A file holds rows of the hours to be replaced and of others."""


@dataclass(frozen=True, kw_only=True)
class _Current:
    """A table as it was loaded (py4j has no types), and its snapshot then, if it has one."""

    handle: Any
    snapshot: int | None


@dataclass(frozen=True, kw_only=True)
class _Replacement:
    spark: SparkSession
    lake: LakeLocation
    table: Table
    hours: Collection[datetime]
    read_from: int | None
    properties: Mapping[str, str]
    part: TablePart | None = None

    @property
    def column(self) -> str:
        return self.table.partitions[0].column

    def replace_hourly_partitions(self, files: Collection[DataFile]) -> None:
        """Replace whole hourly partitions: a conflict there can only be another run of the same hours."""
        try:
            self._commit(self._unchanged(), files, self._in_hourly_partitions())
        except BaseMovedError as error:
            raise InputChangedError(f"{self.table.name}: {error}") from error

    def replace_daily_partitions(self, files: Collection[DataFile]) -> None:
        """Replace whole daily partitions; what a compaction did to them meanwhile is no conflict."""
        self._commit(self._unchanged(), files, self._in_daily_partitions())

    def replace_within_days(self, files: Collection[DataFile]) -> None:
        """Replace hours in daily partitions; where a file also holds other hours, their rows are carried over."""
        current = self._unchanged()
        if len(hour_ranges(self.hours)) <= MAX_RANGES:
            try:
                self._commit(current, files, self._in_ranges())
            except _PartialFileError:
                pass  # files are deleted whole: then the days are replaced whole
            else:
                return
        carried_over = files_of_frame(self._other_hours(current.snapshot), self.lake, self.table)
        with self.discarding(carried_over):
            self._commit(current, [*files, *carried_over], self._in_daily_partitions())

    @contextmanager
    def discarding(self, files: Collection[DataFile]) -> Iterator[None]:
        """Delete the files when a race is lost: then it is known that no snapshot has them, nor ever will."""
        try:
            yield
        except ConflictError:
            store = loaded(self.spark, self.lake, self.table).io()
            for file in files:
                store.deleteFile(file.location)
            raise

    def _unchanged(self) -> _Current:
        """Return the table as it is, if no other run replaced the hours since it was read; else `InputChangedError`.

        Iceberg would find another run by its files, and so not one that left the hours empty. The run itself may write
        an hour twice knowingly.
        """
        handle = loaded(self.spark, self.lake, self.table)
        newest, own = None, self.properties.get(RUN_ID)
        try:
            for commit in commits_of(self.spark, handle, after=self.read_from):
                newest = newest or commit.snapshot_id
                another = own is None or commit.summary.get(RUN_ID) != own
                if another and touches(commit, self.hours, self.part):
                    raise InputChangedError(
                        f"{self.table.name}: another run replaced {hours_note(self.hours)} meanwhile"
                    )
        except LookupError as error:
            raise InputChangedError(f"{self.table.name}: {error}, so what happened since is unknown") from error
        return _Current(handle=handle, snapshot=newest or self.read_from)

    def _other_hours(self, base: int | None) -> DataFrame:
        """Return what else lies in the days: few rows in many small files, which become one file a day again."""
        condition = f"{in_day_partitions(self.column, self.hours)} AND NOT {at_hours(self.column, self.hours)}"
        if self.part is not None:
            condition = f"({condition}) AND {self.part.condition}"
        return rows_as_of(self.spark, self.lake, self.table, base).where(condition).coalesce(1)

    @property
    def _expressions(self) -> Any:
        return java_class(self.spark, "org.apache.iceberg.expressions.Expressions")

    def _in_hourly_partitions(self) -> Any:
        hour = self._expressions.hour(self.column)
        return getattr(self._expressions, "in")(hour, hour_ordinals(self.hours))

    def _in_daily_partitions(self) -> Any:
        transform = self.table.partitions[0].transform
        day = self.column if transform == "identity" else self._expressions.day(self.column)
        return getattr(self._expressions, "in")(day, day_ordinals(self.hours))

    def _in_ranges(self) -> Any:
        made = self._expressions
        ranges = [
            getattr(made, "and")(
                made.greaterThanOrEqual(self.column, start.isoformat()), made.lessThan(self.column, end.isoformat())
            )
            for start, end in hour_ranges(self.hours)
        ]
        return reduce(getattr(made, "or"), ranges)

    def _commit(self, current: _Current, files: Collection[DataFile], replaced: Any) -> None:
        """Replace the rows for which an Iceberg expression holds, unless one of them was changed since."""
        if self.part is not None:
            own = self._expressions.equal(self.part.column, self.part.value)
            replaced = getattr(self._expressions, "and")(replaced, own)
        overwrite = current.handle.newOverwrite().overwriteByRowFilter(replaced)
        overwrite = overwrite.validateNoConflictingDeletes().validateNoConflictingData()
        if current.snapshot is not None:
            overwrite = overwrite.validateFromSnapshot(current.snapshot)
        for key, value in {**self.properties, **replaced_note(self.hours, self.part)}.items():
            overwrite = overwrite.set(key, value)
        for data_file in _data_files(self.spark, current.handle, files):
            overwrite = overwrite.addFile(data_file)
        try:
            overwrite.commit()
        except Py4JJavaError as error:
            raise commit_error(error) from error


def _data_files(spark: SparkSession, handle: Any, files: Collection[DataFile]) -> Iterator[Any]:
    """Yield Iceberg's own records of the files.

    `ParquetUtil.fileMetrics` would do it in one call: it fetches the footer, and makes a Hadoop configuration for each
    file, out of XML, which takes ten times as long as all the rest.
    """
    spec, order = handle.spec(), handle.sortOrder()
    columns = [field.name() for field in elements(spec.fields())]
    metrics = java_class(spark, "org.apache.iceberg.MetricsConfig").forTable(handle)
    builders = java_class(spark, "org.apache.iceberg.DataFiles")
    footers = java_class(spark, "org.apache.iceberg.parquet.ParquetUtil")
    options = java_class(spark, f"{_PARQUET}.ParquetReadOptions").builder().build()
    converter = java_class(spark, f"{_PARQUET}.format.converter.ParquetMetadataConverter")(options)
    memory = java_class(spark, "java.io.ByteArrayInputStream")
    stream = java_class(spark, "java.util.stream.Stream")
    for file in files:
        footer = converter.readParquetMetadata(memory(file.footer))
        path = "/".join(f"{column}={value}" for column, value in zip(columns, file.partition, strict=True))
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


def commit_error(error: Any) -> BaseException:
    """Return the error that a failed commit means; another failure than a conflict is returned as it is."""
    cause = error.java_exception
    while cause is not None:
        if cause.getClass().getName() == "org.apache.iceberg.exceptions.ValidationException":
            message = str(cause.getMessage())
            return _PartialFileError(message) if "some, but not all, rows" in message else BaseMovedError(message)
        cause = cause.getCause()
    unrelated: BaseException = error
    return raised_in_task(unrelated) or unrelated
