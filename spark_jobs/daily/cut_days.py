"""A large day, cut into parts by user → what one task would make of it, made by several.

Each step's tasks send the next one's what these need (`spark_jobs.lake.exchange`); nothing is read by all.

1. Tasks look at the day's files: how often each event name is there, and who was there around the midnights. Parts of
   the names add up their counts.
2. Tasks read the files, and deal the events out by user; of the days beside, only those of users with a session over a
   midnight.
3. A part has all events of its users: it writes its rows of what is counted by user, and deals out the others.
4. A part of the products and sources adds these up.

The queries are those of a whole day, each on the rows of a part.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from contracts.partitions import DAY, HOUR
from contracts.rules import EVENTS_OF_A_TASK, SESSION_GAP
from contracts.tables import IDENTITY_LINKS, SESSIONS, USER_DAYS
from spark_jobs.daily import cut_day_queries as cut_queries
from spark_jobs.daily import day_queries as queries
from spark_jobs.daily.day_task import DayTask
from spark_jobs.daily.transition_queries import PATH_NAMES
from spark_jobs.lake.data_files import local_copies
from spark_jobs.lake.duckdb_tasks import (
    BATCH_ROWS,
    SMALLEST_BATCH,
    StoredFiles,
    TaskResults,
    TaskShare,
    duckdb_connection,
    files_of_tasks,
    parts_for,
    rows_in,
    totals_for,
)
from spark_jobs.lake.exchange import SentFiles, Step, Yielded, run_steps, sent_rows
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.table_files import StoredFile

#: The tables of which each part writes its own rows.
_BY_USER: Final = (SESSIONS, USER_DAYS, IDENTITY_LINKS)

#: So many hours on each side of a midnight have events that are at most a gap away from it.
_HOURS_NEAR: Final = -(-SESSION_GAP // HOUR)
_HOURS_OF_DAY: Final = DAY // HOUR

_NO_NAMES: Final = pa.schema([("day", pa.int64()), ("event_name", pa.string()), ("events", pa.int64())]).empty_table()


@dataclass(frozen=True, kw_only=True)
class DayCut:
    """How a day, by number, is cut: who reads which files, how many parts of its users and of what is added up.

    `reads` are files of the day, `reads_beside` those of the days beside, and `near` those of these that lie next to
    the day.
    """

    day: int
    reads: tuple[tuple[StoredFile, ...], ...]
    reads_beside: tuple[tuple[StoredFile, ...], ...]
    near: tuple[tuple[StoredFile, ...], ...]
    parts: int
    totals: int


def is_large(day: int, files: StoredFiles) -> bool:
    """Return whether a day has more events than one task takes."""
    return rows_in(files, day) > EVENTS_OF_A_TASK


def day_cut(day: int, files: StoredFiles, *, cores: int) -> DayCut:
    """Return how a day is cut for a cluster of so many cores."""
    rows = rows_in(files, day)
    parts = parts_for(rows, EVENTS_OF_A_TASK, cores=cores)
    size = min(max(rows / cores, SMALLEST_BATCH), BATCH_ROWS)
    others = [file for other in queries.beside([day]) for file in files.get(other, ())]
    begin, end = day * _HOURS_OF_DAY, (day + 1) * _HOURS_OF_DAY
    near = [file for file in others if begin - _HOURS_NEAR <= int(file.partition[-1]) < end + _HOURS_NEAR]
    return DayCut(
        day=day,
        reads=tuple(files_of_tasks(files.get(day, ()), size)),
        reads_beside=tuple(files_of_tasks(others, size)),
        near=tuple(files_of_tasks(near, size)),
        parts=parts,
        totals=totals_for(parts),
    )


def run_cut_day(lake: Lake, cut: DayCut, task: DayTask) -> TaskResults:
    """Compute a day in parts, as `task` computes days, and return what tasks of whole days return."""
    spark = lake.spark
    survey = DaySurvey(cut=cut, task=task, share=TaskShare.of(spark, len(cut.reads)))
    found = run_steps(spark, survey.looks, survey.look, survey.steps())
    in_parts = CutDay(
        cut=cut,
        task=task,
        names=told_apart(found),
        buckets=buckets_over(found),
        read_share=TaskShare.of(spark, len(cut.reads)),
        part_share=TaskShare.of(spark, cut.parts),
        totals_share=TaskShare.of(spark, cut.totals),
    )
    return run_steps(spark, in_parts.reads, in_parts.dealt, in_parts.steps())


def _local(files: Iterable[StoredFile]) -> AbstractContextManager[list[str]]:
    return local_copies(file.location for file in files)


@dataclass(frozen=True, kw_only=True)
class DaySurvey:
    """What the tasks need that look at the files of a cut day first, pickled into them."""

    cut: DayCut
    task: DayTask
    share: TaskShare

    @property
    def looks(self) -> int:
        """How many tasks look."""
        return len(self.cut.reads) + len(self.cut.near)

    def look(self, number: int) -> Iterator[Yielded]:
        """Yield the buckets of users near a midnight in some files, and how often each name is in those of the day."""
        files = (*self.cut.reads, *self.cut.near)[number]
        with _local(files) as paths, self.task.opened(paths, self.share) as connection:
            near = cut_queries.buckets_near_midnight(self.cut.day, self.task.users)
            yield cut_queries.NEAR, connection.execute(near).to_arrow_table()
            if number < len(self.cut.reads):
                names = cut_queries.names(self.cut.day, self.cut.totals)
                yield from sent_rows(connection, names, cut_queries.NAMES, self.cut.totals)

    def steps(self) -> tuple[Step, ...]:
        """Return what happens to the counts of names."""
        return (Step(tasks=self.cut.totals, results=self.top_names),)

    def top_names(self, sent: SentFiles) -> Iterator[Yielded]:
        """Yield the most frequent names of a part."""
        with duckdb_connection(self.share) as connection:
            names = cut_queries.top_names(sent[cut_queries.NAMES])
            yield cut_queries.TOP_NAMES, connection.execute(names).to_arrow_table()


def told_apart(found: TaskResults) -> pa.Table:
    """Return the event names that a day's transitions tell apart; a day may have no other names than they reserve."""
    tables = found.tables.get(cut_queries.TOP_NAMES, ())
    return _asked(cut_queries.TOP_NAMES, [_NO_NAMES, *tables], cut_queries.NAMES_TOLD_APART)


def buckets_over(found: TaskResults) -> pa.Table:
    """Return the buckets that hold the users with sessions over a midnight."""
    return _asked(cut_queries.NEAR, found.tables[cut_queries.NEAR], cut_queries.BUCKETS_OVER)


def _asked(relation: str, tables: Sequence[pa.Table], query: str) -> pa.Table:
    with duckdb_connection() as connection:
        connection.register(relation, pa.concat_tables(tables))
        return connection.execute(query).to_arrow_table()


@dataclass(frozen=True, kw_only=True)
class CutDay:
    """What the tasks of a cut day need, pickled into them; `task` says how days are computed.

    `names` are told apart in transitions, and users with sessions over a midnight are in one of the `buckets`.
    """

    cut: DayCut
    task: DayTask
    names: pa.Table
    buckets: pa.Table
    read_share: TaskShare
    part_share: TaskShare
    totals_share: TaskShare

    @property
    def reads(self) -> int:
        """How many tasks read files."""
        return len(self.cut.reads) + len(self.cut.reads_beside)

    def steps(self) -> tuple[Step, ...]:
        """Return what happens to the events that were read."""
        return (
            Step(tasks=self.cut.parts, results=self.of_users),
            Step(tasks=self.cut.totals, results=self.added_up),
        )

    def dealt(self, number: int) -> Iterator[Yielded]:
        """Yield the events of a read, for the parts that have their users."""
        files = (*self.cut.reads, *self.cut.reads_beside)[number]
        with _local(files) as paths, self.task.opened(paths, self.read_share) as connection:
            if number < len(self.cut.reads):
                query = cut_queries.dealt(self.cut.parts, self.task.users)
            else:
                connection.from_arrow(self.buckets).create(cut_queries.OVER)
                query = cut_queries.dealt_beside(self.cut.day, self.cut.parts, self.task.users)
            yield from sent_rows(connection, query, cut_queries.EVENTS, self.cut.parts)

    def of_users(self, sent: SentFiles) -> Iterator[Yielded]:
        """Yield what comes of a part of the users, and their rows of tables that are added up."""
        with self.task.opened(sent[cut_queries.EVENTS], self.part_share) as connection:
            connection.from_arrow(self.names).create(PATH_NAMES)
            for statement in queries.statements_of_part([self.cut.day], users=self.task.users):
                connection.execute(statement)
            yield from self.task.computed(connection, _BY_USER)
            for table in cut_queries.ADDED_UP:
                query = cut_queries.dealt_rows(table, self.cut.totals)
                yield from sent_rows(connection, query, table.name, self.cut.totals)

    def added_up(self, sent: SentFiles) -> Iterator[Yielded]:
        """Yield the files of a part of the products and sources."""
        with duckdb_connection(self.totals_share) as connection:
            for table in cut_queries.ADDED_UP:
                if table.name in sent:
                    query = cut_queries.added_up(table, sent[table.name])
                    yield from self.task.written(connection, query, table)
