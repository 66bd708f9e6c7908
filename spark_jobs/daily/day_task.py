"""Days, and the data files with their clean events → files of the daily tables, and figures of each day.

A day needs the events of one day to each side, into which sessions reach. A batch of days is computed by one task, in
DuckDB; the files at its edges are read a second time. All that is counted by user adds up over parts of the users, and
what is counted by product over parts of the products: so a day too large for one task is cut into several, which each
read its files. What is counted by source needs all users' sessions: of a cut day, further tasks read those written.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import duckdb
import pyarrow as pa

from contracts.partitions import day_number, day_of_number
from contracts.stages import DAYS
from contracts.tables import (
    CLEAN_EVENTS,
    DAILY_PRODUCT_STATS,
    DAILY_SOURCES,
    IDENTITY_LINKS,
    SESSIONS,
    USER_DAYS,
    Table,
)
from spark_jobs.checks.id_samples import IdSample
from spark_jobs.daily import day_queries as queries
from spark_jobs.daily.daily_tables import DayFigures, UsersByCohort
from spark_jobs.lake.data_files import DataFile, FileTarget, local_copies, written_files
from spark_jobs.lake.duckdb_tasks import (
    Result,
    StoredFiles,
    TaskResults,
    TaskShare,
    dealt_out,
    duckdb_connection,
    rows_in,
    run_tasks,
)
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.types import arrow_schema
from spark_jobs.lake.user_keys import UserKeys

#: The tables that are computed from a day's events by tasks; the driver makes the others from what these return.
DAY_TABLES: Final = (SESSIONS, USER_DAYS, IDENTITY_LINKS, DAILY_PRODUCT_STATS, DAILY_SOURCES)

#: A day and the days beside it are cut into parts of at most this many events: about what a task sorts in its memory.
PART_ROWS: Final = 10_000_000
#: Rows that DuckDB hands to the file writer at once.
_ROWS: Final = 100_000

FIGURES: Final = "figures"
DURATIONS: Final = "durations"
ID_HASHES: Final = "id_hashes"
COHORTS: Final = "cohorts"


@dataclass(frozen=True, kw_only=True)
class ComputedDays:
    """What was computed from the events of some days: files that no reader sees until they are committed, and figures.

    A day without events has no figures.
    """

    figures: Mapping[date, DayFigures]
    files: Mapping[Table, Sequence[DataFile]]


@dataclass(frozen=True, kw_only=True)
class DayBatch:
    """A part of the users of some days, by number, and the files that have the events of these days and those beside.

    With `parts` of 1 it is all of the users.
    """

    days: tuple[int, ...]
    locations: tuple[str, ...]
    part: int = 0
    parts: int = 1


def run_day_tasks(lake: Lake, days: Iterable[date], files: StoredFiles) -> ComputedDays:
    """Compute the days, and write the files of each of `DAY_TABLES`; `files` are those of each day, by its number."""
    cores = lake.spark.sparkContext.defaultParallelism
    batches = day_batches(map(day_number, days), files, cores=cores)
    task = DayTask(
        batches=tuple(batches),
        targets={table: lake.file_target(table) for table in DAY_TABLES},
        users=UserKeys(per_site=lake.events.ids_per_site),
        currency=lake.events.currency,
        share=TaskShare.of(lake.spark, len(batches)),
    )
    results = run_tasks(lake.spark, len(batches), task.results)
    written = {table: results.files_of(table.name) for table in DAY_TABLES}
    written[DAILY_SOURCES] += _sources_of_cut_days(lake, batches, written[SESSIONS])
    return ComputedDays(figures=day_figures(results), files=written)


def day_batches(days: Iterable[int], files: StoredFiles, *, cores: int) -> list[DayBatch]:
    """Return the batches that the days are computed in, in order; a day without files needs none."""
    return [batch for part in dealt_out(days, files, cores=cores) for batch in _batches(part, files)]


def _batches(days: tuple[int, ...], files: StoredFiles) -> Iterator[DayBatch]:
    window = sorted({day + offset for day in days for offset in DAYS.reads})
    locations = tuple(file.location for day in window for file in files.get(day, ()))
    parts = -(-sum(rows_in(files, day) for day in window) // PART_ROWS)
    for part in range(parts):
        yield DayBatch(days=days, locations=locations, part=part, parts=parts)


def no_events() -> pa.Table:
    """Return no row, with the columns of clean events that days are computed from."""
    return arrow_schema([CLEAN_EVENTS.column(name) for name in queries.CLEAN_COLUMNS]).empty_table()


@dataclass(frozen=True, kw_only=True)
class DayTask:
    """What a Spark task needs, pickled into it."""

    batches: tuple[DayBatch, ...]
    targets: Mapping[Table, FileTarget]
    users: UserKeys
    currency: str | None
    share: TaskShare

    def results(self, number: int) -> Iterator[Result | DataFile]:
        """Yield the results of a batch."""
        batch = self.batches[number]
        with local_copies(batch.locations) as paths, duckdb_connection(self.share) as connection:
            connection.from_arrow(no_events()).create(queries.NO_EVENTS)
            connection.execute(queries.clean(paths, self.currency))
            for statement in queries.statements(batch.days, part=batch.part, parts=batch.parts, users=self.users):
                connection.execute(statement)
            yield FIGURES, connection.execute(queries.FIGURES).to_arrow_table()
            yield DURATIONS, connection.execute(queries.DURATIONS).to_arrow_table()
            yield ID_HASHES, connection.execute(queries.ID_HASHES).to_arrow_table()
            for table, rows in queries.stored_rows(batch.part, batch.parts, self.users).items():
                yield from _written(connection, rows, self.targets[table])
            if batch.parts == 1:
                yield from _written(connection, queries.sources(users=self.users), self.targets[DAILY_SOURCES])


def _written(connection: duckdb.DuckDBPyConnection, query: str, target: FileTarget) -> Iterator[DataFile]:
    """Yield the files of a query's rows."""
    reader = connection.execute(query).to_arrow_reader(_ROWS)
    yield from written_files((pa.Table.from_batches([rows]) for rows in reader), target)


def _sources_of_cut_days(lake: Lake, batches: Iterable[DayBatch], sessions: Iterable[DataFile]) -> list[DataFile]:
    """Write `daily_sources` of the days whose users are in several batches, from all of their sessions' files."""
    by_day: defaultdict[str, list[str]] = defaultdict(list)
    for file in sessions:
        by_day[file.partition[-1]].append(file.location)
    cut = [
        replace(batch, locations=tuple(file for day in batch.days for file in by_day[str(day_of_number(day))]))
        for batch in batches
        if batch.parts > 1
    ]
    with_sessions = tuple(batch for batch in cut if batch.locations)
    task = SourceTask(
        batches=with_sessions,
        target=lake.file_target(DAILY_SOURCES),
        users=UserKeys(per_site=lake.events.ids_per_site),
        share=TaskShare.of(lake.spark, len(with_sessions)),
    )
    return list(run_tasks(lake.spark, len(with_sessions), task.results).files)


@dataclass(frozen=True, kw_only=True)
class SourceTask:
    """What a Spark task needs, pickled into it; each computes one part of the sources of some days' sessions."""

    batches: tuple[DayBatch, ...]
    target: FileTarget
    users: UserKeys
    share: TaskShare

    def results(self, number: int) -> Iterator[DataFile]:
        """Yield the files of a part."""
        batch = self.batches[number]
        with local_copies(batch.locations) as paths, duckdb_connection(self.share) as connection:
            rows = queries.sources(paths, part=batch.part, parts=batch.parts, users=self.users)
            yield from _written(connection, rows, self.target)


def day_figures(results: TaskResults) -> dict[date, DayFigures]:
    """Return the figures of each day that has events, added up over its parts."""
    sums: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for row in results.rows(FIGURES):
        sums[row["day"]][row["figure"]] += int(row["value"])
    medians = _medians(results.tables.get(DURATIONS, ()))
    ids = _id_samples(results)
    return {day_of_number(day): DayFigures.of(found, medians.get(day, {}), ids[day]) for day, found in sums.items()}


def _id_samples(results: TaskResults) -> Mapping[int, IdSample]:
    """Return each day's sample, of those of its parts."""
    hashes: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for row in results.rows(ID_HASHES):
        hashes[row["day"], row["function"]] += row["hashes"]
    return {day: IdSample.of(function, of_parts) for (day, function), of_parts in hashes.items()}


def _medians(durations: Sequence[pa.Table]) -> Mapping[int, Mapping[int, float]]:
    """Return by day and step the median of all parts' durations, in seconds."""
    medians: defaultdict[int, dict[int, float]] = defaultdict(dict)
    if durations:
        with duckdb_connection() as connection:
            connection.register(queries.ALL_DURATIONS, pa.concat_tables(durations))
            for day, step, seconds in connection.execute(queries.MEDIANS).fetchall():
                medians[day][step] = seconds
    return medians


def run_cohort_tasks(lake: Lake, files: StoredFiles) -> UsersByCohort:
    """Return the users of each day by cohort; `files` are those of `user_days` of all that the days look back at."""
    locations = tuple(file.location for day in sorted(files) for file in files[day])
    rows = sum(rows_in(files, day) for day in files)
    parts = -(-rows // PART_ROWS)
    task = CohortTask(
        locations=locations,
        parts=parts,
        users=UserKeys(per_site=lake.events.ids_per_site),
        share=TaskShare.of(lake.spark, parts),
    )
    users: Counter[tuple[date, date]] = Counter()
    for row in run_tasks(lake.spark, parts, task.results).rows(COHORTS):
        users[row["day"], row["cohort_day"]] += row["users"]
    return users


@dataclass(frozen=True, kw_only=True)
class CohortTask:
    """What a Spark task needs, pickled into it; each counts one of `parts` of the users."""

    locations: tuple[str, ...]
    parts: int
    users: UserKeys
    share: TaskShare

    def results(self, number: int) -> Iterator[Result]:
        """Yield the users of a part by day and cohort."""
        with local_copies(self.locations) as paths, duckdb_connection(self.share) as connection:
            connection.execute(
                queries.users_in_order(queries.user_days(paths, self.users), part=number, parts=self.parts)
            )
            yield COHORTS, connection.execute(queries.USERS_BY_COHORT).to_arrow_table()
