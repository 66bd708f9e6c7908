"""Two contenders' tables → whether they hold the same rows, however these are ordered, cut into files, and typed.

A table's rows are compared by hour as multisets: their number, and the sum of a 64-bit hash of each row, so that tens
of millions need no sort. What differs is then shown row by row.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import duckdb

from contracts.tables import (
    CLEAN_EVENTS,
    HOURLY_EVENT_COUNTS,
    HOURLY_PRODUCT_STATS,
    HOURLY_TRAFFIC,
    RECEIVED_EVENTS,
    Column,
    Table,
)

#: With the columns that the peers don't make: the unknown fields (none here).
COMPARED: Final = (
    (RECEIVED_EVENTS, ("extra",)),
    (CLEAN_EVENTS, ("extra",)),
    (HOURLY_EVENT_COUNTS, ()),
    (HOURLY_TRAFFIC, ()),
    (HOURLY_PRODUCT_STATS, ()),
)
_SHOWN: Final = 3


class DifferentTablesError(Exception):
    """Two contenders made different tables; the message has rows that only one of them has."""


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
