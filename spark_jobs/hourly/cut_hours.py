"""A large event hour, cut into parts by hash → what one task would make of it, made by several.

Each step's tasks send the next one's what these need (`spark_jobs.lake.exchange`); nothing is read by all.

1. Tasks read the hour's files, and those of the hours it looks back at, and deal the events out by `click_id`.
2. A part has all copies of its ids: it leaves out and counts the copies, and deals the events out by user.
3. A part has all events of its users: it flags bots, finds sessions, writes `clean_events`, and deals out its totals.
4. A part has all totals of its names and products: it adds them up, and writes the hourly tables.

The queries are those of a whole hour, each on the rows of a part.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from contracts.rules import EVENTS_OF_A_TASK
from contracts.tables import HOURLY_EVENT_COUNTS, RECEIVED_EVENTS
from spark_jobs.hourly import hour_queries as queries
from spark_jobs.hourly.hour_task import COUNTS, TOP_NAMES, HourTask, window
from spark_jobs.hourly.received_files import local_hours
from spark_jobs.lake.arrow_types import table_schema
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


@dataclass(frozen=True, kw_only=True)
class Read:
    """Files with events of one hour, by number, that one task reads: of the hour that is cut, or one looked back at."""

    hour: int
    files: tuple[StoredFile, ...]


@dataclass(frozen=True, kw_only=True)
class HourCut:
    """How an hour, by number, is cut: who reads what, and how many parts of its events and of its totals there are."""

    hour: int
    reads: tuple[Read, ...]
    parts: int
    totals: int


def is_large(hour: int, files: StoredFiles) -> bool:
    """Return whether an hour has more events, with the hours that it looks back at, than one task takes."""
    return sum(rows_in(files, number) for number in window(hour)) > EVENTS_OF_A_TASK


def hour_cut(hour: int, files: StoredFiles, *, cores: int) -> HourCut:
    """Return how an hour is cut for a cluster of so many cores."""
    rows = sum(rows_in(files, number) for number in window(hour))
    parts = parts_for(rows, EVENTS_OF_A_TASK, cores=cores)
    size = min(max(rows / cores, SMALLEST_BATCH), BATCH_ROWS)
    reads = tuple(
        Read(hour=number, files=of_task)
        for number in window(hour)
        for of_task in files_of_tasks(files.get(number, ()), size)
    )
    return HourCut(hour=hour, reads=reads, parts=parts, totals=totals_for(parts))


def run_cut_hour(lake: Lake, cut: HourCut, task: HourTask) -> TaskResults:
    """Compute an hour in parts, as `task` computes hours, and return what tasks of whole hours return."""
    spark = lake.spark
    in_parts = CutHour(
        cut=cut,
        task=task,
        read_share=TaskShare.of(spark, len(cut.reads)),
        part_share=TaskShare.of(spark, cut.parts),
        totals_share=TaskShare.of(spark, cut.totals),
    )
    return run_steps(spark, len(cut.reads), in_parts.dealt_by_id, in_parts.steps())


@dataclass(frozen=True, kw_only=True)
class CutHour:
    """What the tasks of a cut hour need, pickled into them; `task` says how hours are computed."""

    cut: HourCut
    task: HourTask
    read_share: TaskShare
    part_share: TaskShare
    totals_share: TaskShare

    def steps(self) -> tuple[Step, ...]:
        """Return what happens to the events that were read."""
        return (
            Step(tasks=self.cut.parts, results=self.without_copies),
            Step(tasks=self.cut.parts, results=self.of_users),
            Step(tasks=self.cut.totals, results=self.added_up),
        )

    def dealt_by_id(self, number: int) -> Iterator[Yielded]:
        """Yield the events of a read, for the parts that have their ids."""
        read = self.cut.reads[number]
        with local_hours({read.hour: read.files}) as paths, duckdb_connection(self.read_share) as connection:
            local = paths.get(read.hour)
            if not local:  # of a day's files, some may have no row of the hour
                return
            connection.execute("SET preserve_insertion_order = false")
            connection.from_arrow(table_schema(RECEIVED_EVENTS).empty_table()).create(queries.NO_EVENTS)
            query = queries.dealt_by_id(local, self.cut.parts, looked_back_at=read.hour != self.cut.hour)
            yield from sent_rows(connection, query, queries.EVENTS, self.cut.parts)

    def without_copies(self, sent: SentFiles) -> Iterator[Yielded]:
        """Yield the counts of a part's copies, and its events without them, for the parts that have their users."""
        with duckdb_connection(self.part_share) as connection:
            self.task.open_events(connection, (self.cut.hour,), sent[queries.EVENTS], ranked=queries.RANKED)
            yield COUNTS, connection.execute(queries.COPIES).to_arrow_table()
            query = queries.dealt_by_user(self.cut.parts, self.task.users)
            yield from sent_rows(connection, query, queries.EVENTS, self.cut.parts)

    def of_users(self, sent: SentFiles) -> Iterator[Yielded]:
        """Yield the clean events' files of a part of the users, their counts, and their totals."""
        files = sent[queries.EVENTS]
        with duckdb_connection(self.part_share) as connection:
            self.task.open_events(connection, (self.cut.hour,), files, ranked=queries.NO_COPIES)
            yield from self.task.of_events(connection, [files])
            for table, rows in self.task.hourly.items():
                query = queries.dealt_totals(table, rows, self.cut.totals)
                yield from sent_rows(connection, query, table.name, self.cut.totals)

    def added_up(self, sent: SentFiles) -> Iterator[Yielded]:
        """Yield the hourly tables' files of a part of the totals, and the most frequent names among them."""
        with duckdb_connection(self.totals_share) as connection:
            for table in self.task.hourly:
                if table.name in sent:
                    yield from self.task.written_totals(connection, table, queries.totals(table, sent[table.name]))
            if HOURLY_EVENT_COUNTS.name in sent:
                connection.execute(queries.names_by_user(sent[HOURLY_EVENT_COUNTS.name]))
                yield TOP_NAMES, connection.execute(queries.CUSTOM_NAMES).to_arrow_table()
