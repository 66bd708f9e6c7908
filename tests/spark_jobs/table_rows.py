"""Tables of a lake → plain rows, with times in UTC whatever this process's time zone is, to compare and to hash."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.tables import (
    CLEAN_EVENTS,
    EVENT_LEDGER,
    HOURLY_EVENT_COUNTS,
    HOURLY_PRODUCT_STATS,
    HOURLY_TRAFFIC,
    Table,
)
from spark_jobs.lake.lake import Lake

#: The tables that job 2 makes.
HOUR_TABLES: Final = (CLEAN_EVENTS, HOURLY_EVENT_COUNTS, HOURLY_TRAFFIC, HOURLY_PRODUCT_STATS, EVENT_LEDGER)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Row = tuple[Any, ...]


def table_rows(lake: Lake, table: Table) -> list[Row]:
    """Return every row of a table, sorted, as tuples in the order of its columns."""
    times = {column.name for column in table.columns if column.type == "timestamp"}
    columns = [F.unix_micros(c.name).alias(c.name) if c.name in times else F.col(c.name) for c in table.columns]
    rows = lake.read(table).select(columns).collect()
    return sorted((_with_times(row.asDict(), times) for row in rows), key=repr)


def table_hashes(lake: Lake, tables: Iterable[Table] = HOUR_TABLES) -> dict[str, str]:
    """Return a hash over the rows of each table."""
    return {table.name: hashlib.sha256(repr(table_rows(lake, table)).encode()).hexdigest() for table in tables}


def _with_times(row: dict[str, Any], times: set[str]) -> Row:
    return tuple(
        _EPOCH + timedelta(microseconds=value) if name in times and value is not None else value
        for name, value in row.items()
    )
