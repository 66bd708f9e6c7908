"""Event hours, and the data files with their received events → files of `clean_events` and of the hourly tables.

Copies of an event are in one event hour, and a session's start shows in the hour itself and the time before it. So an
hour needs nothing but its own files and those of the hours that it looks back at: no row is shuffled. A batch of
consecutive hours is computed by one Spark task, in DuckDB, which writes to a temporary directory what does not fit in
its memory; the files of the hours before a batch are read a second time, for a few columns.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb
import pyarrow as pa
from crawleruseragents import is_crawler
from pyspark.sql import Row
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)
from pyspark.sql import types as T  # noqa: N812 (PySpark's own abbreviation)

from contracts.bots import BOT_EVENTS_PER_HOUR
from contracts.partitions import hour_of_ordinal, ordinal
from contracts.rules import HOURS_LOOKED_BACK_AT
from contracts.tables import CLEAN_EVENTS, RECEIVED_EVENTS, Table
from spark_jobs.hourly import hour_queries as queries
from spark_jobs.lake.data_files import (
    DataFile,
    FileTarget,
    as_batch,
    as_file,
    local_copies,
    map_in_arrow,
    written_files,
)
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.types import table_schema
from spark_jobs.task_errors import named_task_errors

#: The largest batch: reading the hour before it a second time then costs little.
BATCH_ROWS: Final = 2_000_000
#: Below this many rows, planning the dozen queries of a batch costs more than running them.
SMALLEST_BATCH: Final = 50_000
#: The memory of one task's DuckDB.
MEMORY_LIMIT: Final = "1GB"
#: Rows that DuckDB hands to the file writer at once.
_ROWS: Final = 100_000
#: Rows of whole hours that are sorted at once: sorting a whole batch takes longer than sorting many small parts.
_SORTED_ROWS: Final = 250_000

#: The tables that are computed from an hour's received events.
HOUR_TABLES: Final = (CLEAN_EVENTS, *queries.HOURLY)

#: Kinds of a task's results.
FILES: Final = "files"
COUNTS: Final = "counts"
_RESULTS: Final = T.StructType([T.StructField("kind", T.StringType()), T.StructField("rows", T.BinaryType())])


@dataclass(frozen=True, kw_only=True)
class HourCounts:
    """Events of an hour, its duplicates, and the events whose `click_id` the hour before has as well."""

    clean: int
    duplicates: int
    of_hour_before: int


@dataclass(frozen=True, kw_only=True)
class ComputedHours:
    """What was computed from some hours: files that no reader sees until they are committed, and counts.

    An hour without events has no counts.
    """

    counts: Mapping[datetime, HourCounts]
    files: Mapping[Table, Sequence[DataFile]]


@dataclass(frozen=True, kw_only=True)
class HourFile:
    """A data file of `received_events`: rows of one event hour."""

    location: str
    rows: int


#: By an hour's number, counted from the epoch, as Iceberg counts its partitions.
FilesByHour = Mapping[int, Sequence[HourFile]]


@dataclass(frozen=True, kw_only=True)
class HourBatch:
    """Hours to compute, and the files of them and of the hours that they look back at."""

    hours: tuple[int, ...]
    files: FilesByHour


def run_hour_tasks(lake: Lake, hours: Sequence[datetime], files: FilesByHour) -> ComputedHours:
    """Compute the hours, and write the files of each of `HOUR_TABLES`."""
    cores = lake.spark.sparkContext.defaultParallelism
    batches = tuple(hour_batches(hours, files, cores=cores))
    task = HourTask(
        batches=batches,
        targets={table: lake.file_target(table) for table in HOUR_TABLES},
        hourly=queries.HOURLY,
        events_per_hour=BOT_EVENTS_PER_HOUR,
        threads=max(1, cores // max(len(batches), 1)),
    )
    numbers = lake.spark.range(0, len(batches), 1, max(len(batches), 1))
    with named_task_errors():
        results = map_in_arrow(numbers, task.results, _RESULTS).collect()
    written = [as_file(row) for row in _rows_of(results, FILES)]
    return ComputedHours(
        counts={
            hour_of_ordinal(row["hour"]): HourCounts(
                clean=row["clean"], duplicates=row["duplicates"], of_hour_before=row["of_hour_before"]
            )
            for row in _rows_of(results, COUNTS)
        },
        files={table: [file for file in written if file.table == table.name] for table in HOUR_TABLES},
    )


def _rows_of(results: Iterable[Row], kind: str) -> Iterator[dict[str, Any]]:
    for result in results:
        if result.kind == kind:
            yield from pa.ipc.open_stream(result.rows).read_all().to_pylist()


def received_files(lake: Lake, snapshot: int | None, hours: Sequence[datetime]) -> FilesByHour:
    """Return the files of event hours, and of hours between them, in a snapshot; None is an empty table."""
    if snapshot is None:
        return {}
    files = lake.read_as_of(RECEIVED_EVENTS, snapshot, metadata="files")
    hour = F.col("partition.event_time_hour")
    wanted = files.where(hour.between(ordinal(min(hours)), ordinal(max(hours))))
    by_hour: defaultdict[int, list[HourFile]] = defaultdict(list)
    for row in wanted.select("file_path", "record_count", hour.alias("hour")).collect():
        by_hour[row.hour].append(HourFile(location=row.file_path, rows=row.record_count))
    return by_hour


def hour_batches(hours: Sequence[datetime], files: FilesByHour, *, cores: int) -> list[HourBatch]:
    """Return the batches that the hours are computed in, in order; an hour without files needs none."""
    numbers = sorted(number for number in map(ordinal, hours) if files.get(number))
    total = sum(_rows(files, number) for number in numbers)
    size = min(max(total / cores, SMALLEST_BATCH), BATCH_ROWS)
    return [_batch(part, files) for part in parts(numbers, files, size)]


def parts(numbers: Sequence[int], files: FilesByHour, size: float) -> Iterator[tuple[int, ...]]:
    """Cut hours where a part has come nearest to `size` rows."""
    part: list[int] = []
    rows = 0
    for number in numbers:
        in_hour = _rows(files, number)
        if part and rows + in_hour / 2 > size:
            yield tuple(part)
            part, rows = [], 0
        part.append(number)
        rows += in_hour
    if part:
        yield tuple(part)


def _batch(hours: tuple[int, ...], files: FilesByHour) -> HourBatch:
    window = sorted({number - back for number in hours for back in range(HOURS_LOOKED_BACK_AT + 1)})
    return HourBatch(hours=hours, files={number: files[number] for number in window if number in files})


def _rows(files: FilesByHour, number: int) -> int:
    return sum(file.rows for file in files[number])


@dataclass(frozen=True, kw_only=True)
class HourTask:
    """What a Spark task needs, pickled into it; each input row is the number of a batch of `batches`.

    `targets` are those of `HOUR_TABLES`, `hourly` the queries of those of them that are totals of events. Results are
    rows (kind, Arrow stream): of files, and of counts.
    """

    batches: tuple[HourBatch, ...]
    targets: Mapping[Table, FileTarget]
    hourly: Mapping[Table, str]
    events_per_hour: int
    threads: int

    def results(self, numbers: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the results of the batches."""
        for batch in numbers:
            for number in batch.column(0).to_pylist():
                files = self.batches[number].files
                locations = (file.location for in_hour in files.values() for file in in_hour)
                with local_copies(locations) as copies, self._duckdb() as connection:
                    rest = iter(copies)
                    paths = {hour: list(islice(rest, len(in_hour))) for hour, in_hour in files.items()}
                    yield from self._computed(connection, self.batches[number], paths)

    def _computed(
        self, connection: duckdb.DuckDBPyConnection, batch: HourBatch, paths: Mapping[int, list[str]]
    ) -> Iterator[pa.RecordBatch]:
        connection.from_arrow(table_schema(RECEIVED_EVENTS).empty_table()).create(queries.NO_EVENTS)
        received = queries.received([path for in_hour in paths.values() for path in in_hour])
        for statement in (received, queries.target_hours(batch.hours), queries.RANKED, queries.DUPLICATES):
            connection.execute(statement)
        agents = (agent for (agent,) in connection.execute(queries.AGENTS).fetchall())
        connection.register(queries.CRAWLERS, pa.table({"agent": pa.array(crawlers_among(agents), pa.string())}))
        for statement in (
            queries.EVENTS,
            queries.over_rate_users(self.events_per_hour),
            queries.FLAGGED,
            queries.BY_USER,
        ):
            connection.execute(statement)
        yield _result(COUNTS, connection.execute(queries.COUNTS).to_arrow_table())
        files = [*written_files(_clean_events(connection, batch, paths), self.targets[CLEAN_EVENTS])]
        for table, query in self.hourly.items():
            order = ", ".join(table.sort)
            rows = connection.execute(f"{query} ORDER BY {order}").to_arrow_table()
            files += written_files([rows], self.targets[table])
        if files:
            yield _result(FILES, pa.Table.from_batches(map(as_batch, files)))

    @contextmanager
    def _duckdb(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with TemporaryDirectory() as spill:
            config: dict[str, str | bool | int | float | list[str]] = {
                "threads": self.threads,
                "memory_limit": MEMORY_LIMIT,
                "temp_directory": str(Path(spill) / "spill"),
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            }
            with duckdb.connect(config=config) as connection:
                connection.execute("SET preserve_insertion_order = false")
                # Late events are in many small files, and each query would read all of their footers again.
                connection.execute("SET parquet_metadata_cache = true")
                yield connection


def _clean_events(
    connection: duckdb.DuckDBPyConnection, batch: HourBatch, paths: Mapping[int, list[str]]
) -> Iterator[pa.Table]:
    """Yield the clean events of a batch's hours, in order, a few hours at a time."""
    for hours in parts(batch.hours, batch.files, _SORTED_ROWS):
        files = [path for hour in hours for path in paths[hour]]
        for rows in connection.execute(queries.clean(files)).to_arrow_reader(_ROWS):
            yield pa.Table.from_batches([rows])


def _result(kind: str, rows: pa.Table) -> pa.RecordBatch:
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, rows.schema) as writer:
        writer.write_table(rows)
    return pa.RecordBatch.from_pydict({"kind": [kind], "rows": pa.array([stream.getvalue().to_pybytes()], pa.binary())})


def crawlers_among(agents: Iterable[str]) -> list[str]:
    """Return the headers that are a known crawler's."""
    return [agent for agent in agents if _is_crawler(agent)]


@lru_cache(maxsize=100_000)
def _is_crawler(agent: str) -> bool:
    """Return whether one of the package's thousand patterns matches, which takes 0.3 ms: ask about a header once."""
    return bool(is_crawler(agent))
