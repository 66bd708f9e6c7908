"""Data files → certain hours or days of tables, replaced by them in one Iceberg commit per table: how every job writes.

A job owns hours, not rows: what a table had in them before is gone afterwards, and what it has in other hours stays as
it is. That makes every run repeatable, after, beside or halfway through any other run. A `Revision` keeps the order of
two runs that own the same hour: it knows the snapshots that the tables had before the run read its input, and refuses
to replace an hour that another run has replaced since.

Iceberg finds conflicts by file, and a file of a table partitioned by day has rows of many hours. So each commit notes
in its snapshot which hours it replaced: two runs of different hours of one day do not disturb each other, and two runs
of the same hour always do. It also notes the run and its figures, so that a run recognizes its own commits.
"""

import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import reduce
from typing import Any, Final

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.sql import DataFrame

from contracts.partitions import hour_key, hours_of_day, parse_hour_key
from contracts.tables import Table
from spark_jobs.errors import (
    BaseMovedError,
    ConflictError,
    InputChangedError,
    LedgerImbalanceError,
    SparkJobError,
)
from spark_jobs.lake.data_files import DataFile
from spark_jobs.lake.filters import HourRange, at_hours, day_ordinals, hour_ordinals, hour_ranges, in_day_partitions
from spark_jobs.lake.iceberg import Commit, commits_after, elements
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.retries import TRIES, retrying
from spark_jobs.task_errors import raised_in_task

#: Hours in more pieces than this are replaced by whole days at once.
MAX_RANGES: Final = 50

#: Trying a commit again is cheap, and trying a job again is not: fifty runs may want hours of one day at once.
_COMMIT_TRIES: Final = 2 * TRIES

#: Names the run in the summaries of its commits.
RUN_ID: Final = "clickstream.run-id"
#: Names the hours that a commit replaced, in its summary.
REPLACED_HOURS: Final = "clickstream.replaced-hours"
#: Names the part of the table that a commit replaced, where several stages share a table.
_REPLACED_PART: Final = "clickstream.replaced-part"

#: The package in which Iceberg's Spark runtime has its own copy of Parquet.
_PARQUET: Final = "org.apache.iceberg.shaded.org.apache.parquet"


@dataclass(frozen=True, kw_only=True)
class TablePart:
    """A value of a column by which a table is partitioned: a run that owns the value owns whole files."""

    column: str
    value: str

    @property
    def condition(self) -> str:
        """Return the SQL condition that holds in the part."""
        return f"{self.column} = '{self.value}'"


@dataclass(frozen=True, kw_only=True)
class Revision:
    """One attempt of a run: `base` has the snapshots of the tables it will write, from before it read its input."""

    lake: Lake
    base: Mapping[Table, int | None]
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @classmethod
    def of(cls, lake: Lake, *tables: Table) -> "Revision":
        """Begin to revise tables; call it before reading what they will be computed from."""
        return cls(lake=lake, base={table: lake.snapshot(table) for table in tables})

    def replace(
        self,
        table: Table,
        files: Collection[DataFile],
        hours: Collection[datetime],
        *,
        figures: Mapping[str, int] | None = None,
        part: TablePart | None = None,
    ) -> None:
        """Replace hours of a table by files that have rows of these hours only; hours without a row become empty.

        An hour is one of the first partition column, e.g. `landing_hour`. If another run replaced one of the hours
        since the revision began, raise `InputChangedError` and delete the files; the caller computes again
        (`retrying`). `figures` are noted in the snapshot. With a `part`, only rows of that part are replaced, and
        commits to other parts are no conflict.
        """
        if not hours:
            return
        write = self._replacement(table, hours, figures, part)
        with write.discarding(files):
            if table.partitions[0].transform == "hours":
                write.replace_hourly_partitions(files)
            else:
                retrying(lambda: write.replace_within_days(files), on=BaseMovedError, tries=_COMMIT_TRIES)

    def replace_days(
        self,
        table: Table,
        files: Collection[DataFile],
        days: Collection[date],
        *,
        figures: Mapping[str, int] | None = None,
    ) -> None:
        """Replace days of a table that is partitioned by day; the commit notes all hours of these days."""
        if not days:
            return
        write = self._replacement(table, [hour for day in days for hour in hours_of_day(day)], figures, None)
        with write.discarding(files):
            retrying(lambda: write.replace_daily_partitions(files), on=BaseMovedError, tries=_COMMIT_TRIES)

    def _replacement(
        self, table: Table, hours: Collection[datetime], figures: Mapping[str, int] | None, part: TablePart | None
    ) -> "_Replacement":
        note = run_note(self.run_id, figures or {})
        return _Replacement(
            lake=self.lake, table=table, hours=hours, base=self.base[table], run_id=self.run_id, note=note, part=part
        )

    def refuse_lost_rows(self, table: Table, rows: int) -> None:
        """Raise `LedgerImbalanceError` unless this run's commit to a table added exactly the rows that it counted."""
        try:
            commits = self.lake.commits(table, after=self.base[table])
            own = next(commit for commit in commits if commit.summary.get(RUN_ID) == self.run_id)
        except (StopIteration, LookupError) as error:
            raise LedgerImbalanceError(
                f"the {rows} rows that were written to {table.name} can't be found again: its history since the run "
                "began has no commit of this run; run it again, once nobody else expires or rolls back snapshots"
            ) from error
        added = int(own.summary.get("added-records", 0))
        if added != rows:
            raise LedgerImbalanceError(
                f"{rows} rows were counted for {table.name}, but {added} were written to it, so the ledger was left as "
                "it is; run it again"
            )


def run_note(run_id: str, figures: Mapping[str, int]) -> Mapping[str, str]:
    """Return what a snapshot's summary notes of a run, with figures such as `clickstream.unreadable-objects`."""
    return {RUN_ID: run_id, **{f"clickstream.{name.replace('_', '-')}": str(n) for name, n in figures.items()}}


class _PartialFileError(SparkJobError):
    """A file has rows of the hours to be replaced and of others."""


@dataclass(frozen=True, kw_only=True)
class _Current:
    """A table as it was loaded (py4j has no types), and its snapshot then, if it has one."""

    handle: Any
    snapshot: int | None


@dataclass(frozen=True, kw_only=True)
class _Replacement:
    """Hours of one table, or of a part of it, to be replaced by one commit."""

    lake: Lake
    table: Table
    hours: Collection[datetime]
    base: int | None
    run_id: str
    note: Mapping[str, str]
    part: TablePart | None

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
        """Replace hours in daily partitions; where a file also has rows of other hours, these are carried over."""
        current = self._unchanged()
        if len(hour_ranges(self.hours)) <= MAX_RANGES:
            try:
                self._commit(current, files, self._in_ranges())
            except _PartialFileError:
                pass  # Iceberg deletes whole files only, so the days are replaced whole
            else:
                return
        carried_over = self.lake.write_frame(self.table, self._other_hours(current.snapshot))
        with self.discarding(carried_over):
            self._commit(current, [*files, *carried_over], self._in_daily_partitions())

    @contextmanager
    def discarding(self, files: Collection[DataFile]) -> Iterator[None]:
        """Delete the files when a race is lost: only then is it certain that no snapshot has them, nor ever will."""
        try:
            yield
        except ConflictError:
            store = self.lake.handle(self.table).io()
            for file in files:
                store.deleteFile(file.location)
            raise

    def _unchanged(self) -> _Current:
        """Return the table as it is, if no other run replaced the hours since the base; else `InputChangedError`.

        Iceberg would find another run by its files, and so would miss one that left the hours empty. The run itself
        may write an hour twice.
        """
        handle = self.lake.handle(self.table)
        newest = None
        try:
            for commit in commits_after(self.lake.spark, handle, self.base):
                newest = newest or commit.snapshot_id
                if commit.summary.get(RUN_ID) != self.run_id and touches(commit, self.hours, self.part):
                    raise InputChangedError(
                        f"{self.table.name}: another run replaced {hours_note(self.hours)} meanwhile"
                    )
        except LookupError as error:
            raise InputChangedError(f"{self.table.name}: {error}, so what happened since is unknown") from error
        return _Current(handle=handle, snapshot=newest or self.base)

    def _other_hours(self, base: int | None) -> DataFrame:
        """Return the days' rows of other hours: few rows in many small files, which become one file a day again."""
        condition = f"{in_day_partitions(self.column, self.hours)} AND NOT {at_hours(self.column, self.hours)}"
        if self.part is not None:
            condition = f"({condition}) AND {self.part.condition}"
        return self.lake.read_as_of(self.table, base).where(condition).coalesce(1)

    @property
    def _expressions(self) -> Any:
        return self.lake.java_class("org.apache.iceberg.expressions.Expressions")

    def _in_hourly_partitions(self) -> Any:
        hour = self._expressions.hour(self.column)
        return getattr(self._expressions, "in")(hour, hour_ordinals(self.hours))

    def _in_daily_partitions(self) -> Any:
        transform = self.table.partitions[0].transform
        day = self.column if transform == "identity" else self._expressions.day(self.column)
        return getattr(self._expressions, "in")(day, day_ordinals(self.hours))

    def _in_ranges(self) -> Any:
        expressions = self._expressions
        ranges = [
            getattr(expressions, "and")(
                expressions.greaterThanOrEqual(self.column, start.isoformat()),
                expressions.lessThan(self.column, end.isoformat()),
            )
            for start, end in hour_ranges(self.hours)
        ]
        return reduce(getattr(expressions, "or"), ranges)

    def _commit(self, current: _Current, files: Collection[DataFile], replaced: Any) -> None:
        """Replace the rows for which an Iceberg expression holds, unless one of them was changed since."""
        if self.part is not None:
            own = self._expressions.equal(self.part.column, self.part.value)
            replaced = getattr(self._expressions, "and")(replaced, own)
        overwrite = current.handle.newOverwrite().overwriteByRowFilter(replaced)
        overwrite = overwrite.validateNoConflictingDeletes().validateNoConflictingData()
        if current.snapshot is not None:
            overwrite = overwrite.validateFromSnapshot(current.snapshot)
        for key, value in {**self.note, **replaced_note(self.hours, self.part)}.items():
            overwrite = overwrite.set(key, value)
        for data_file in _iceberg_files(self.lake, current.handle, files):
            overwrite = overwrite.addFile(data_file)
        try:
            overwrite.commit()
        except Py4JJavaError as error:
            raise commit_error(error) from error


def replaced_note(hours: Collection[datetime], part: TablePart | None) -> Mapping[str, str]:
    """Return what the summary of a commit notes that replaces hours, of all the table or of a part of it."""
    return {REPLACED_HOURS: hours_note(hours), **({} if part is None else {_REPLACED_PART: part.condition})}


def hours_note(hours: Collection[datetime]) -> str:
    """Return hours as text: half-open ranges such as `2026-11-22T10/2026-11-22T12`, separated by spaces."""
    return " ".join(f"{hour_key(start)}/{hour_key(end)}" for start, end in hour_ranges(hours))


def noted_ranges(note: str) -> list[HourRange]:
    """Return the ranges that `hours_note` wrote."""
    return [(parse_hour_key(start), parse_hour_key(end)) for start, end in (item.split("/") for item in note.split())]


def touches(commit: Commit, hours: Collection[datetime], part: TablePart | None = None) -> bool:
    """Return whether a commit may have changed rows of the hours; a commit without a note may have changed any.

    Iceberg's `replace` is compaction: other files, the same rows.
    """
    if commit.operation == "replace":
        return False
    if part is not None and commit.summary.get(_REPLACED_PART, part.condition) != part.condition:
        return False
    note = commit.summary.get(REPLACED_HOURS)
    return note is None or _overlap(noted_ranges(note), hour_ranges(hours))


def _overlap(some: Iterable[HourRange], others: Collection[HourRange]) -> bool:
    return any(start < other_end and other_start < end for start, end in some for other_start, other_end in others)


def _iceberg_files(lake: Lake, handle: Any, files: Collection[DataFile]) -> Iterator[Any]:
    """Yield Iceberg's own objects of the files, with the metrics that the table's settings ask for.

    `ParquetUtil.fileMetrics` would do it in one call, but fetches the footer, and makes a Hadoop configuration for each
    file out of XML, which takes ten times as long as all the rest.
    """
    spec, order = handle.spec(), handle.sortOrder()
    columns = [field.name() for field in elements(spec.fields())]
    metrics = lake.java_class("org.apache.iceberg.MetricsConfig").forTable(handle)
    builders = lake.java_class("org.apache.iceberg.DataFiles")
    footers = lake.java_class("org.apache.iceberg.parquet.ParquetUtil")
    options = lake.java_class(f"{_PARQUET}.ParquetReadOptions").builder().build()
    converter = lake.java_class(f"{_PARQUET}.format.converter.ParquetMetadataConverter")(options)
    memory = lake.java_class("java.io.ByteArrayInputStream")
    no_fields = lake.java_class("java.util.stream.Stream")
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
            .withMetrics(footers.footerMetrics(footer, no_fields.empty(), metrics))
            .build()
        )


def commit_error(error: Any) -> BaseException:
    """Return the error that a failed commit means; one that is no conflict is returned as it is."""
    cause = error.java_exception
    while cause is not None:
        if cause.getClass().getName() == "org.apache.iceberg.exceptions.ValidationException":
            message = str(cause.getMessage())
            return _PartialFileError(message) if "some, but not all, rows" in message else BaseMovedError(message)
        cause = cause.getCause()
    unrelated: BaseException = error
    return raised_in_task(unrelated) or unrelated
