"""Inside a Spark task: a batch of event hours → files of `clean_events` and of the hourly tables, counts of each hour.

One task makes all of an hour, in DuckDB, which spills to a temporary directory what does not fit in its memory.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import duckdb
import pyarrow as pa

from contracts.tables import CLEAN_EVENTS, RECEIVED_EVENTS, Table
from spark_jobs.hourly import hour_queries as queries
from spark_jobs.hourly.crawler_agents import crawlers_among
from spark_jobs.hourly.hour_batches import HourBatch, parts
from spark_jobs.tables.arrow_schemas import table_schema
from spark_jobs.tables.data_files import FileTarget, as_batch, local_copies, written_files

#: Of one task's DuckDB.
MEMORY_LIMIT: Final = "1GB"
#: Rows that are handed from DuckDB to a file at once.
_ROWS: Final = 100_000
#: Rows of whole hours that are sorted at once: a sort of a whole batch takes longer than many small ones.
_SORTED_ROWS: Final = 250_000

#: The tables that are made of an hour.
MADE_TABLES: Final = (CLEAN_EVENTS, *queries.HOURLY)

#: Kinds of results.
FILES: Final = "files"
COUNTS: Final = "counts"


@dataclass(frozen=True, kw_only=True)
class HourMaker:
    """What a task needs, pickled into it; each input row is the number of a batch of `batches`.

    `targets` are those of `MADE_TABLES`, `hourly` the queries of those of them that are totals of events. Results are
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
                locations = (file.location for of_hour in files.values() for file in of_hour)
                with local_copies(locations) as copies, self._duckdb() as connection:
                    rest = iter(copies)
                    paths = {hour: list(islice(rest, len(of_hour))) for hour, of_hour in files.items()}
                    yield from self._made(connection, self.batches[number], paths)

    def _made(
        self, connection: duckdb.DuckDBPyConnection, batch: HourBatch, paths: Mapping[int, list[str]]
    ) -> Iterator[pa.RecordBatch]:
        connection.from_arrow(table_schema(RECEIVED_EVENTS).empty_table()).create(queries.NO_EVENTS)
        received = queries.received([path for of_hour in paths.values() for path in of_hour])
        for statement in (received, queries.own(batch.hours), queries.RANKED, queries.LEFT_OUT):
            connection.execute(statement)
        agents = (agent for (agent,) in connection.execute(queries.AGENTS).fetchall())
        connection.register(queries.CRAWLERS, pa.table({"agent": pa.array(crawlers_among(agents), pa.string())}))
        for statement in (queries.EVENTS, queries.rated(self.events_per_hour), queries.FLAGGED, queries.BY_USER):
            connection.execute(statement)
        yield _result(COUNTS, connection.execute(queries.COUNTS).to_arrow_table())
        made = [*written_files(_clean_events(connection, batch, paths), self.targets[CLEAN_EVENTS])]
        for table, query in self.hourly.items():
            order = ", ".join(table.sort)
            rows = connection.execute(f"{query} ORDER BY {order}").to_arrow_table()
            made += written_files([rows], self.targets[table])
        if made:
            yield _result(FILES, pa.Table.from_batches(map(as_batch, made)))

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
                # Late events lie in many small files, and each query would read all of their footers again.
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
