"""Rows of certain hours → exactly those hours of a table, replaced in one Iceberg commit.

A job owns hours, not rows: whatever the table held of them before is gone afterwards, whatever it holds of other hours
is untouched. That makes every run repeatable, whatever ran before, besides or halfway. The order of two runs that own
the same hour is kept by `read_from`: what was read before the other's commit is never written after it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.names import LakeLocation
from contracts.partitions import hours_of_day
from contracts.tables import Table
from spark_jobs.errors import BaseMovedError, InputChangedError, SparkJobError
from spark_jobs.tables.hour_filters import (
    at_hours,
    hour_ranges,
    in_day_partitions,
    in_days,
    in_hour_partitions,
    in_ranges,
)
from spark_jobs.tables.iceberg_table import commits_between, current_snapshot
from spark_jobs.tables.replaced_hours import TablePart, hours_note, replaced_note, touches
from spark_jobs.tables.retries import retrying
from spark_jobs.tables.run_notes import RUN_ID
from spark_jobs.tables.table_evolution import ensure_tables, require_tables
from spark_jobs.task_errors import raised_in_task

__all__ = [
    "current_snapshot",
    "ensure_tables",
    "read_hours",
    "replace_days",
    "replace_hours",
    "require_tables",
    "retrying",
]

#: Hours in more pieces than this are replaced by whole days at once.
MAX_RANGES: Final = 50


def read_hours(spark: SparkSession, *, lake: LakeLocation, table: Table, hours: Collection[datetime]) -> DataFrame:
    """Return the rows of certain hours of a table as it is now."""
    partition = table.partitions[0]
    rows = spark.table(lake.table(table.name))
    if partition.transform == "hours":
        return rows.where(in_hour_partitions(partition.column, hours))
    return rows.where(f"{in_day_partitions(partition.column, hours)} AND {at_hours(partition.column, hours)}")


def replace_hours(
    frame: DataFrame,
    *,
    lake: LakeLocation,
    table: Table,
    hours: Collection[datetime],
    read_from: int | None,
    properties: Mapping[str, str] | None = None,
    part: TablePart | None = None,
) -> None:
    """Replace the hours of a table by the rows of `frame`, in one commit; hours without a row become empty.

    An hour is one of the first partition column: `landing_hour`, `event_time` or `event_hour`. `read_from` is the
    table's `current_snapshot` from before the input was read. If another run replaced one of the hours since,
    `InputChangedError` is raised, and the caller computes again (`retrying`). `properties` go into the snapshot's
    summary. A frame for a table partitioned by day is evaluated again under contention: persist it. With a `part`, only
    its rows of the hours are replaced, and runs of other parts are no conflict.
    """
    if not hours:
        return
    write = _HoursWrite(frame=frame, lake=lake, table=table, hours=hours, properties=properties or {}, part=part)
    if table.partitions[0].transform == "hours":
        write.replace_partitions(read_from)
    else:
        retrying(lambda: write.replace_within_days(read_from), on=BaseMovedError)


def replace_days(
    frame: DataFrame,
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
    write = _HoursWrite(frame=frame, lake=lake, table=table, hours=hours, properties=properties or {})
    retrying(lambda: write.replace_whole_days(in_days(table.partitions[0], days), read_from), on=BaseMovedError)


class _PartialFileError(SparkJobError):
    """A file holds rows of the hours to be replaced and of others."""


@dataclass(frozen=True, kw_only=True)
class _HoursWrite:
    frame: DataFrame
    lake: LakeLocation
    table: Table
    hours: Collection[datetime]
    properties: Mapping[str, str]
    part: TablePart | None = None

    @property
    def column(self) -> str:
        return self.table.partitions[0].column

    def replace_partitions(self, read_from: int | None) -> None:
        """Replace whole hourly partitions: a conflict there can only be another run of the same hours."""
        try:
            condition = in_hour_partitions(self.column, self.hours)
            self._overwrite(self.frame, condition, self._unchanged_since(read_from))
        except BaseMovedError as error:
            raise InputChangedError(f"{self.table.name}: {error}") from error

    def replace_whole_days(self, condition: str, read_from: int | None) -> None:
        """Replace whole daily partitions; what a compaction did to them meanwhile is no conflict."""
        self._overwrite(self.frame, condition, self._unchanged_since(read_from))

    def replace_within_days(self, read_from: int | None) -> None:
        """Replace hours in daily partitions; where a file also holds other hours, their rows are carried over."""
        base = self._unchanged_since(read_from)
        ranges = hour_ranges(self.hours)
        if len(ranges) <= MAX_RANGES:
            try:
                self._overwrite(self.frame, in_ranges(self.column, ranges), base)
            except _PartialFileError:
                pass  # files are deleted whole: then the days are replaced whole
            else:
                return
        days = in_day_partitions(self.column, self.hours)
        self._overwrite(self.frame.unionByName(self._other_hours(days, base)), days, base)

    def _unchanged_since(self, read_from: int | None) -> int | None:
        spark = self.frame.sparkSession
        run_id = self.properties.get(RUN_ID)
        return unchanged_since(
            spark, self.lake, self.table, self.hours, read_from=read_from, run_id=run_id, part=self.part
        )

    def _other_hours(self, days: str, base: int | None) -> DataFrame:
        reader = self.frame.sparkSession.read
        if base is not None:
            reader = reader.option("snapshot-id", str(base))
        rows = reader.table(self.lake.table(self.table.name))
        # Few rows in many small files: as one task they become one file a day again.
        return rows.where(self._in_part(f"{days} AND NOT {at_hours(self.column, self.hours)}")).coalesce(1)

    def _in_part(self, condition: str) -> str:
        return condition if self.part is None else f"({condition}) AND {self.part.condition}"

    def _overwrite(self, rows: DataFrame, condition: str, base: int | None) -> None:
        writer = rows.writeTo(self.lake.table(self.table.name)).option("isolation-level", "serializable")
        if base is not None:
            writer = writer.option("validate-from-snapshot-id", str(base))
        for key, value in {**self.properties, **replaced_note(self.hours, self.part)}.items():
            writer = writer.option(f"snapshot-property.{key}", value)
        try:
            writer.overwrite(F.expr(self._in_part(condition)))
        except Py4JJavaError as error:
            raise commit_error(error) from error
        except PySparkException as error:
            raise raised_in_task(error) or error from error


def unchanged_since(
    spark: SparkSession,
    lake: LakeLocation,
    table: Table,
    hours: Collection[datetime],
    *,
    read_from: int | None,
    run_id: str | None,
    part: TablePart | None = None,
) -> int | None:
    """Return the current snapshot, if no other run replaced the hours since `read_from`; else `InputChangedError`.

    Iceberg would find another run by its files, and so not one that left the hours empty. The run `run_id` itself may
    write an hour twice knowingly.
    """
    newest = None
    try:
        for commit in commits_between(spark, lake, table, after=read_from):
            newest = newest or commit.snapshot_id
            own = run_id is not None and commit.summary.get(RUN_ID) == run_id
            if not own and touches(commit, hours, part):
                raise InputChangedError(f"{table.name}: another run replaced {hours_note(hours)} meanwhile")
    except LookupError as error:
        raise InputChangedError(f"{table.name}: {error}, so what happened since is unknown") from error
    return newest or read_from


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
