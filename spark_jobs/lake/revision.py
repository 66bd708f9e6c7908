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
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]

from contracts.partitions import day_of, hour_key, hours_of_day, parse_hour_key
from contracts.tables import Table
from spark_jobs.errors import (
    BaseMovedError,
    ConflictError,
    InputChangedError,
    LedgerImbalanceError,
    SparkJobError,
)
from spark_jobs.lake.arrow_types import ARROW_TYPES, table_schema
from spark_jobs.lake.data_files import DataFile, dataset, written_files
from spark_jobs.lake.filters import (
    Condition,
    HourRange,
    both,
    equals,
    hour_ranges,
    in_ranges,
    partitions_of_days,
    partitions_of_hours,
)
from spark_jobs.lake.iceberg import Commit, commits_after
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.retries import TRIES, retrying
from spark_jobs.lake.table_files import StoredFile, add_files
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
            self._commit(self._unchanged(), files, partitions_of_hours(self.column, self.hours))
        except BaseMovedError as error:
            raise InputChangedError(f"{self.table.name}: {error}") from error

    def replace_daily_partitions(self, files: Collection[DataFile]) -> None:
        """Replace whole daily partitions; what a compaction did to them meanwhile is no conflict."""
        self._commit(self._unchanged(), files, partitions_of_days(self.table.partitions[0], map(day_of, self.hours)))

    def replace_within_days(self, files: Collection[DataFile]) -> None:
        """Replace hours in daily partitions; where a file also has rows of other hours, these are carried over."""
        current = self._unchanged()
        if len(hour_ranges(self.hours)) <= MAX_RANGES:
            try:
                self._commit(current, files, in_ranges(self.column, self.hours))
            except _PartialFileError:
                pass  # Iceberg deletes whole files only, so the days are replaced whole
            else:
                return
        days = partitions_of_days(self.table.partitions[0], map(day_of, self.hours))
        stored = self.lake.files_as_of(self.table, current.snapshot, self._in_part(days))
        carried_over = list(written_files(self._other_hours(stored), self.lake.file_target(self.table)))
        with self.discarding(carried_over):
            self._commit(current, [*files, *carried_over], days)

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

    def _other_hours(self, stored: Collection[StoredFile]) -> Iterator[pa.Table]:
        """Yield the rows of other hours in files: few rows in many small files, which become one file a day again."""
        if not stored:
            return
        with dataset(table_schema(self.table), (file.location for file in stored)) as rows:
            replaced = pc.is_in(pc.field(self.column), pa.array(sorted(set(self.hours)), ARROW_TYPES["timestamp"]))
            for batch in rows.to_batches(filter=~replaced):
                if batch.num_rows:
                    yield pa.Table.from_batches([batch])

    def _in_part(self, condition: Condition) -> Condition:
        return condition if self.part is None else both(condition, equals(self.part.column, self.part.value))

    def _commit(self, current: _Current, files: Collection[DataFile], replaced: Condition) -> None:
        """Replace the rows for which a condition holds, unless one of them was changed since."""
        expression = self.lake.condition(current.handle, self._in_part(replaced))
        overwrite = current.handle.newOverwrite().overwriteByRowFilter(expression)
        overwrite = overwrite.validateNoConflictingDeletes().validateNoConflictingData()
        if current.snapshot is not None:
            overwrite = overwrite.validateFromSnapshot(current.snapshot)
        for key, value in {**self.note, **replaced_note(self.hours, self.part)}.items():
            overwrite = overwrite.set(key, value)
        add_files(self.lake.spark, current.handle, overwrite, files)
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
