"""Tables and figures of the contenders → whether the tables are the same, and the figures as Markdown and JSON.

Tables are the same if they hold the same rows, in whatever order, files and types these are stored. They are compared
by hour as multisets: their number of rows, and the sum of a 64-bit hash of each row, so that tens of millions need no
sort. Rows that differ are then shown one by one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from benchmarks.pipeline.contender import OURS, Figures
from benchmarks.process_tree import PeakMemory
from contracts.tables import (
    CLEAN_EVENTS,
    EVENT_COLUMNS,
    HOURLY_EVENT_COUNTS,
    HOURLY_PRODUCT_STATS,
    HOURLY_TRAFFIC,
    RECEIVED_EVENTS,
    Column,
    Table,
)

_MIB: Final = 1024 * 1024
#: The columns of events that the peers have: those of the fields that the events here carry.
_PEERS_HAVE: Final = frozenset(
    {
        *("event_time", "received_at", "user_id", "click_id", "event_name", "pixel_id", "product_id", "price"),
        *("time_on_data", "percent_viewed", "insertion_timestamp", "user_ip", "source_ip", "user_agent", "request_id"),
    }
)
_LEFT_OUT: Final = tuple(column.name for column in EVENT_COLUMNS if column.name not in _PEERS_HAVE)
#: The events here name no currency, so that the peers look for none.
_OF_CURRENCIES: Final = tuple(column.name for column in HOURLY_TRAFFIC.columns if "other_currency" in column.name)
#: The compared tables, each without some columns.
COMPARED: Final = (
    (RECEIVED_EVENTS, (*_LEFT_OUT, "in_landing_hour")),
    (CLEAN_EVENTS, _LEFT_OUT),
    (HOURLY_EVENT_COUNTS, ()),
    (HOURLY_TRAFFIC, _OF_CURRENCIES),
    (HOURLY_PRODUCT_STATS, ()),
)
_SHOWN: Final = 3


@dataclass(frozen=True, kw_only=True)
class Written:
    """What a run left on disk, metadata included."""

    files: int
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Result:
    """A contender's figures; `same_rows` is how many rows were compared with ours, if it was run and is another."""

    contender: str
    figures: Figures
    memory: PeakMemory
    written: Written
    same_rows: int | None


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """One size, measured: `first_hour_events` is the size of the small hour that each process began with."""

    command: str
    machine: str
    events: int
    first_hour_events: int
    objects: int
    compressed_bytes: int
    results: Sequence[Result]


def written_below(directory: Path) -> Written:
    """Return what lies below a directory."""
    sizes = [path.stat().st_size for path in directory.rglob("*") if path.is_file()]
    return Written(files=len(sizes), bytes=sum(sizes))


def as_table(benchmark: Benchmark) -> str:
    """Return the figures as a Markdown table under a line that says of what."""
    head = (
        f"{benchmark.events:,} events, {benchmark.objects} raw objects ({benchmark.compressed_bytes / _MIB:,.0f} MiB), "
        f"first hour of {benchmark.first_hour_events:,}; {benchmark.machine}\n`{benchmark.command}`\n"
    )
    ours = next((result for result in benchmark.results if result.contender == OURS), None)
    rows = [_cells(benchmark.events, result, ours) for result in benchmark.results]
    lines = [" | ".join(cells) for cells in (rows[0], ["---"] * len(rows[0]), *(row.values() for row in rows))]
    return head + "\n" + "\n".join(f"| {line} |" for line in lines)


def _cells(events: int, result: Result, ours: Result | None) -> dict[str, str]:
    """Return a contender's cells by their columns."""
    figures = result.figures
    return {
        "contender": result.contender,
        "events/s": f"{events / figures.median_seconds:,.0f}",
        "ours is ×": "" if ours is None else f"{figures.median_seconds / ours.figures.median_seconds:.2f}",
        "s": f"{figures.median_seconds:.1f}",
        "CPU s": f"{figures.median_cpu_seconds:.1f}",
        "CPU µs/event": f"{figures.median_cpu_seconds / events * 1e6:.1f}",
        "start s": f"{figures.session_start:.1f}",
        "first hour s": f"{figures.first_hour:.1f}",
        "JVM MiB": f"{result.memory.jvm / _MIB:,.0f}",
        "all MiB": f"{result.memory.all / _MIB:,.0f}",
        "written MiB": f"{result.written.bytes / _MIB:,.0f}",
        "files": f"{result.written.files:,}",
        "same tables": "–" if result.same_rows is None else f"{result.same_rows:,} rows",
    }


class DifferentTablesError(Exception):
    """Two contenders built different tables; the message has rows that only one of them has."""


def check_same_tables(ours: Path, theirs: Path) -> int:
    """Return how many rows were compared; raise `DifferentTablesError` unless both have the same in every table."""
    with duckdb.connect(config={"memory_limit": "4GB"}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return sum(_check(connection, table, left_out, ours, theirs) for table, left_out in COMPARED)


def _check(
    connection: duckdb.DuckDBPyConnection, table: Table, left_out: tuple[str, ...], ours: Path, theirs: Path
) -> int:
    left, right = (_rows(table, left_out, run) for run in (ours, theirs))
    hour = table.partitions[-1].column
    counted = f"SELECT {hour} // 3600000000 AS hour, count(*) AS rows, sum(hash(row)::HUGEINT) AS hashes FROM"
    by_hour = [f"{counted} (SELECT {hour}, row FROM ({rows}) AS row) GROUP BY hour" for rows in (left, right)]
    differing = connection.sql(f"SELECT hour FROM ({_either(*by_hour)})").fetchall()
    if differing:
        hours = f"WHERE {hour} // 3600000000 IN ({', '.join(str(number) for (number,) in differing)})"
        raise DifferentTablesError("\n".join(_shown(connection, table, f"{left} {hours}", f"{right} {hours}")))
    (rows,) = connection.sql(f"SELECT count(*) FROM ({left})").fetchall()[0]
    return int(rows)


def _either(left: str, right: str) -> str:
    return f"({left} EXCEPT ALL {right}) UNION ALL ({right} EXCEPT ALL {left})"


def _shown(connection: duckdb.DuckDBPyConnection, table: Table, left: str, right: str) -> Iterator[str]:
    yield f"{table.name} differs; rows that only ours has, then rows that only theirs has:"
    for some, others in ((left, right), (right, left)):
        for row in connection.sql(f"({some}) EXCEPT ALL ({others}) LIMIT {_SHOWN}").fetchall():
            yield f"  {row}"
        yield "  --"


def _rows(table: Table, left_out: tuple[str, ...], run: Path) -> str:
    columns = ", ".join(_value(column) for column in table.columns if column.name not in left_out)
    files = f"{run}/{table.name}/**/*.parquet"
    # In a query of its own, so that a condition sees the values and not the file's columns of the same names.
    return f"SELECT * FROM (SELECT {columns} FROM read_parquet('{files}', hive_partitioning = false))"


def _value(column: Column) -> str:
    """Return a column's value in one type, whatever a tool wrote it as: a moment is microseconds."""
    if column.type == "timestamp":
        return f"epoch_us({column.name}) AS {column.name}"
    if column.type == "bigint" or column.type.startswith("decimal"):
        return f"{column.name}::{column.type} AS {column.name}"
    return column.name
