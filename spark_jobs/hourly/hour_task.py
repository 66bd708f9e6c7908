"""Event hours, and the data files with their received events → files of `clean_events` and of the hourly tables.

Copies of an event are in one event hour, and a session's start shows in the hour itself and the time before it. So an
hour needs nothing but its own files and those of the hours that it looks back at: no row is shuffled. A batch of
consecutive hours is computed by one Spark task, in DuckDB, which writes to a temporary directory what does not fit in
its memory; the files of the hours before a batch are read a second time, for a few columns.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import duckdb
import pyarrow as pa

from contracts.bots import BotReason
from contracts.event_settings import EventSettings
from contracts.mistaken_names import event_meant
from contracts.partitions import ordinal
from contracts.rules import HOURS_LOOKED_BACK_AT
from contracts.tables import CLEAN_EVENTS, RECEIVED_EVENTS, Table
from spark_jobs.hourly import hour_queries as queries
from spark_jobs.hourly.received_files import local_hours
from spark_jobs.lake.arrow_types import table_schema
from spark_jobs.lake.data_files import DataFile, FileTarget, written_files
from spark_jobs.lake.duckdb_tasks import Result, StoredFiles, TaskShare, dealt_out, duckdb_connection, parts
from spark_jobs.lake.user_keys import UserKeys
from spark_jobs.user_agents import reason_of_agent

#: Rows that DuckDB hands to the file writer at once.
_ROWS: Final = 100_000
#: Rows of whole hours that are sorted at once: sorting a whole batch takes longer than sorting many small parts.
_SORTED_ROWS: Final = 250_000

#: The tables that are computed from an hour's received events.
HOUR_TABLES: Final = (CLEAN_EVENTS, *queries.HOURLY)

#: The kinds of results: a row of `HourCounts` without its maps; and their items.
COUNTS: Final = "counts"
PURCHASES: Final = "purchases"
MISTAKEN_NAMES: Final = "mistaken_names"
#: Of one hour, and some of its names: which of them are among the most frequent of all is not known yet.
TOP_NAMES: Final = "top_names"


@dataclass(frozen=True, kw_only=True)
class HourBatch:
    """Hours to compute, and the files of them and of the hours that they look back at."""

    hours: tuple[int, ...]
    files: StoredFiles


def hour_batches(hours: Iterable[datetime], files: StoredFiles, *, cores: int) -> list[HourBatch]:
    """Return the batches that the hours are computed in, in order; an hour without files needs none."""
    return [_batch(part, files) for part in dealt_out(map(ordinal, hours), files, cores=cores)]


def _batch(hours: tuple[int, ...], files: StoredFiles) -> HourBatch:
    read = sorted({number for hour in hours for number in window(hour)})
    return HourBatch(hours=hours, files={number: files[number] for number in read if number in files})


def window(hour: int) -> range:
    """Return the hours that an hour is computed from: those that it looks back at, then itself."""
    return range(hour - HOURS_LOOKED_BACK_AT, hour + 1)


@dataclass(frozen=True, kw_only=True)
class HourTask:
    """What a Spark task needs, pickled into it.

    `targets` are those of `HOUR_TABLES`, `hourly` the queries of those of them that are totals of events. A user with
    more than `events_per_hour`, or more than `events_at_once` and none at another time of the hour, is a machine.
    """

    batches: tuple[HourBatch, ...]
    targets: Mapping[Table, FileTarget]
    hourly: Mapping[Table, str]
    events_per_hour: int
    events_at_once: int
    settings: EventSettings
    users: UserKeys
    share: TaskShare

    def results(self, number: int) -> Iterator[Result | DataFile]:
        """Yield the files of a batch, and the counts of its hours."""
        batch = self.batches[number]
        with local_hours(batch.files) as paths, duckdb_connection(self.share) as connection:
            local = [path for in_hour in paths.values() for path in in_hour]
            self.open_events(connection, batch.hours, local, ranked=queries.RANKED)
            sorted_together = parts(batch.hours, batch.files, _SORTED_ROWS)
            files = ([path for hour in hours for path in paths[hour]] for hours in sorted_together)
            yield from self.of_events(connection, files)
            yield MISTAKEN_NAMES, self.mistaken(connection.execute(queries.CUSTOM_NAMES).to_arrow_table())
            for table, query in self.hourly.items():
                yield from self.written_totals(connection, table, query)

    def open_events(
        self, connection: duckdb.DuckDBPyConnection, hours: Sequence[int], files: Sequence[str], *, ranked: str
    ) -> None:
        """Make the relations of hours and of received events' local files, and that of copies by a query for it."""
        connection.execute("SET preserve_insertion_order = false")
        connection.from_arrow(table_schema(RECEIVED_EVENTS).empty_table()).create(queries.NO_EVENTS)
        for statement in (queries.received(files), queries.target_hours(hours), ranked, queries.DUPLICATES):
            connection.execute(statement)

    def of_events(
        self, connection: duckdb.DuckDBPyConnection, sorted_together: Iterable[Sequence[str]]
    ) -> Iterator[Result | DataFile]:
        """Yield counts of the opened events, and the files of clean events, some files' rows in order at a time."""
        register_agents(connection, self.settings.not_bots)
        for statement in (
            queries.events(self.settings.currency, self.users),
            queries.machine_users(self.events_per_hour, self.events_at_once),
            queries.FLAGGED,
            queries.BY_USER,
        ):
            connection.execute(statement)
        yield COUNTS, connection.execute(queries.COUNTS).to_arrow_table()
        yield PURCHASES, connection.execute(queries.PURCHASES).to_arrow_table()
        clean = (rows for files in sorted_together for rows in self._clean_events(connection, files))
        yield from written_files(clean, self.targets[CLEAN_EVENTS])

    def _clean_events(self, connection: duckdb.DuckDBPyConnection, files: Sequence[str]) -> Iterator[pa.Table]:
        for rows in connection.execute(queries.clean(files, self.users)).to_arrow_reader(_ROWS):
            yield pa.Table.from_batches([rows])

    def written_totals(self, connection: duckdb.DuckDBPyConnection, table: Table, query: str) -> Iterator[DataFile]:
        """Yield the files of an hourly table's rows, which a query returns in any order."""
        rows = connection.execute(f"{query} ORDER BY {', '.join(table.sort)}").to_arrow_table()
        yield from written_files([rows], self.targets[table])

    def mistaken(self, names: pa.Table) -> pa.Table:
        """Return the rows whose `event_name` looks like a standard event's, and is not one that the settings name."""
        meant = {name for _, name in self.settings.event_names}
        mistaken = [name not in meant and event_meant(name) is not None for name in names["event_name"].to_pylist()]
        return names.filter(pa.array(mistaken, pa.bool_()))


def register_agents(connection: duckdb.DuckDBPyConnection, not_bots: tuple[str, ...]) -> None:
    """Make the relations of the headers that are a crawler's, and of those that are an HTTP client's.

    Those that begin like one of `not_bots` are among the latter.
    """
    found: dict[BotReason | None, list[str]] = defaultdict(list)
    for (agent,) in connection.execute(queries.AGENTS).fetchall():
        found[reason_of_agent(agent, not_bots)].append(agent)
    for relation, reason in (
        (queries.CRAWLERS, BotReason.CRAWLER_USER_AGENT),
        (queries.HTTP_CLIENTS, BotReason.HTTP_CLIENT),
    ):
        connection.register(relation, pa.table({"agent": pa.array(found[reason], pa.string())}))
