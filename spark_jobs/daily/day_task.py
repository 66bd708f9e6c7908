"""Days, and the data files with their clean events → files of the daily tables, and figures of each day.

A day needs the events of one day to each side, into which sessions reach. A batch of days is computed by one Spark
task, in DuckDB; of the days beside it only the events of users with sessions over a midnight are looked at.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import duckdb
import pyarrow as pa

from contracts.tables import (
    CLEAN_EVENTS,
    DAILY_PRODUCT_STATS,
    DAILY_SOURCES,
    DAILY_TRANSITIONS,
    IDENTITY_LINKS,
    SESSIONS,
    USER_DAYS,
    Table,
)
from spark_jobs.daily import day_queries as queries
from spark_jobs.daily import transition_queries
from spark_jobs.lake.arrow_types import arrow_schema
from spark_jobs.lake.data_files import DataFile, FileTarget, local_copies, written_files
from spark_jobs.lake.duckdb_tasks import Result, StoredFiles, TaskShare, dealt_out, duckdb_connection
from spark_jobs.lake.user_keys import UserKeys

#: The tables that are computed from a day's events by tasks; the driver makes the others from what these return.
DAY_TABLES: Final = (SESSIONS, USER_DAYS, IDENTITY_LINKS, DAILY_PRODUCT_STATS, DAILY_SOURCES, DAILY_TRANSITIONS)

#: Rows that DuckDB hands to the file writer at once.
_ROWS: Final = 100_000

FIGURES: Final = "figures"
DURATIONS: Final = "durations"
ID_HASHES: Final = "id_hashes"
TRANSITIONS: Final = "transitions"


@dataclass(frozen=True, kw_only=True)
class DayBatch:
    """Some days, by number, and the files that have the events of these days and those beside."""

    days: tuple[int, ...]
    locations: tuple[str, ...]


def day_batches(days: Iterable[int], files: StoredFiles, *, cores: int) -> list[DayBatch]:
    """Return the batches that the days are computed in, in order; a day without files needs none."""
    return [_batch(part, files) for part in dealt_out(days, files, cores=cores)]


def _batch(days: tuple[int, ...], files: StoredFiles) -> DayBatch:
    window = sorted({*days, *queries.beside(days)})
    return DayBatch(days=days, locations=tuple(file.location for day in window for file in files.get(day, ())))


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
        with local_copies(batch.locations) as paths, self.opened(paths, self.share) as connection:
            for statement in queries.statements(batch.days, users=self.users):
                connection.execute(statement)
            yield from self.computed(connection, queries.stored_rows(self.users))

    @contextmanager
    def opened(self, paths: Sequence[str], share: TaskShare) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection that has the events of local files of clean events."""
        with duckdb_connection(share) as connection:
            connection.from_arrow(no_events()).create(queries.NO_EVENTS)
            connection.execute(queries.clean(paths, self.currency))
            yield connection

    def computed(self, connection: duckdb.DuckDBPyConnection, tables: Collection[Table]) -> Iterator[Result | DataFile]:
        """Yield what comes of the relations of all of some users' events, and their rows of these tables."""
        yield FIGURES, connection.execute(queries.FIGURES).to_arrow_table()
        yield DURATIONS, connection.execute(queries.DURATIONS).to_arrow_table()
        yield ID_HASHES, connection.execute(queries.ID_HASHES).to_arrow_table()
        yield TRANSITIONS, connection.execute(transition_queries.TRANSITIONS).to_arrow_table()
        for table, rows in queries.stored_rows(self.users).items():
            if table in tables:
                yield from self.written(connection, rows, table)

    def written(self, connection: duckdb.DuckDBPyConnection, query: str, table: Table) -> Iterator[DataFile]:
        """Yield the files of a query's rows."""
        reader = connection.execute(query).to_arrow_reader(_ROWS)
        yield from written_files((pa.Table.from_batches([rows]) for rows in reader), self.targets[table])
