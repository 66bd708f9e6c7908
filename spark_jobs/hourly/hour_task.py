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
from functools import lru_cache
from typing import Final

import duckdb
import pyarrow as pa
from crawleruseragents import is_crawler

from contracts.bots import BotReason, is_http_client
from contracts.event_settings import EventSettings
from contracts.mistaken_names import event_meant
from contracts.partitions import hour_of_ordinal, ordinal
from contracts.rules import BOT_EVENTS_AT_ONCE, BOT_EVENTS_PER_HOUR, HOURS_LOOKED_BACK_AT
from contracts.tables import CLEAN_EVENTS, RECEIVED_EVENTS, Table
from spark_jobs.checks.figures import HourCounts
from spark_jobs.hourly import hour_queries as queries
from spark_jobs.hourly.received_files import local_hours
from spark_jobs.lake.data_files import DataFile, FileTarget, written_files
from spark_jobs.lake.duckdb_tasks import Result, StoredFiles, TaskShare, dealt_out, duckdb_connection, parts, run_tasks
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.types import table_schema
from spark_jobs.lake.user_keys import UserKeys

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


@dataclass(frozen=True, kw_only=True)
class ComputedHours:
    """What was computed from some hours: files that no reader sees until they are committed, and counts.

    An hour without events has no counts.
    """

    counts: Mapping[datetime, HourCounts]
    files: Mapping[Table, Sequence[DataFile]]


@dataclass(frozen=True, kw_only=True)
class HourBatch:
    """Hours to compute, and the files of them and of the hours that they look back at."""

    hours: tuple[int, ...]
    files: StoredFiles


def run_hour_tasks(lake: Lake, hours: Sequence[datetime], files: StoredFiles) -> ComputedHours:
    """Compute the hours, and write the files of each of `HOUR_TABLES`; `files` are those of each hour, by number."""
    cores = lake.spark.sparkContext.defaultParallelism
    batches = tuple(hour_batches(hours, files, cores=cores))
    task = HourTask(
        batches=batches,
        targets={table: lake.file_target(table) for table in HOUR_TABLES},
        hourly=queries.HOURLY,
        events_per_hour=BOT_EVENTS_PER_HOUR,
        events_at_once=BOT_EVENTS_AT_ONCE,
        settings=lake.events,
        users=UserKeys(per_site=lake.events.ids_per_site),
        share=TaskShare.of(lake.spark, len(batches)),
    )
    results = run_tasks(lake.spark, len(batches), task.results)
    purchases: defaultdict[int, dict[str | None, int]] = defaultdict(dict)
    for row in results.rows(PURCHASES):
        purchases[row["hour"]][row["currency"]] = row["purchases"]
    names: defaultdict[int, dict[str, int]] = defaultdict(dict)
    for row in results.rows(MISTAKEN_NAMES):
        names[row["hour"]][row["event_name"]] = row["events"]
    counts = {row.pop("hour"): row for row in results.rows(COUNTS)}
    return ComputedHours(
        counts={
            hour_of_ordinal(hour): HourCounts(**row, purchases=purchases[hour], mistaken_names=names[hour])
            for hour, row in counts.items()
        },
        files={table: results.files_of(table.name) for table in HOUR_TABLES},
    )


def hour_batches(hours: Iterable[datetime], files: StoredFiles, *, cores: int) -> list[HourBatch]:
    """Return the batches that the hours are computed in, in order; an hour without files needs none."""
    return [_batch(part, files) for part in dealt_out(map(ordinal, hours), files, cores=cores)]


def _batch(hours: tuple[int, ...], files: StoredFiles) -> HourBatch:
    window = sorted({number - back for number in hours for back in range(HOURS_LOOKED_BACK_AT + 1)})
    return HourBatch(hours=hours, files={number: files[number] for number in window if number in files})


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
            connection.execute("SET preserve_insertion_order = false")
            yield from self._computed(connection, batch, paths)

    def _computed(
        self, connection: duckdb.DuckDBPyConnection, batch: HourBatch, paths: Mapping[int, list[str]]
    ) -> Iterator[Result | DataFile]:
        connection.from_arrow(table_schema(RECEIVED_EVENTS).empty_table()).create(queries.NO_EVENTS)
        received = queries.received([path for in_hour in paths.values() for path in in_hour])
        for statement in (received, queries.target_hours(batch.hours), queries.RANKED, queries.DUPLICATES):
            connection.execute(statement)
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
        yield MISTAKEN_NAMES, self._mistaken(connection.execute(queries.CUSTOM_NAMES).to_arrow_table())
        yield from written_files(self._clean_events(connection, batch, paths), self.targets[CLEAN_EVENTS])
        for table, query in self.hourly.items():
            rows = connection.execute(f"{query} ORDER BY {', '.join(table.sort)}").to_arrow_table()
            yield from written_files([rows], self.targets[table])

    def _clean_events(
        self, connection: duckdb.DuckDBPyConnection, batch: HourBatch, paths: Mapping[int, list[str]]
    ) -> Iterator[pa.Table]:
        """Yield the clean events of a batch's hours, in order, a few hours at a time."""
        for hours in parts(batch.hours, batch.files, _SORTED_ROWS):
            files = [path for hour in hours for path in paths[hour]]
            for rows in connection.execute(queries.clean(files, self.users)).to_arrow_reader(_ROWS):
                yield pa.Table.from_batches([rows])

    def _mistaken(self, names: pa.Table) -> pa.Table:
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


@lru_cache(maxsize=100_000)
def reason_of_agent(agent: str, not_bots: tuple[str, ...] = ()) -> BotReason | None:
    """Return what a header says of its sender; lists of crawlers have HTTP clients, too, which are not.

    One of the package's thousand patterns is looked for, which takes 0.3 ms: so a process asks about a header once.
    """
    if agent.startswith(not_bots) or is_http_client(agent):
        return BotReason.HTTP_CLIENT
    return BotReason.CRAWLER_USER_AGENT if is_crawler(agent) else None
