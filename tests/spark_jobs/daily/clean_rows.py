"""Clean events as literals, and what a task computes from them: what the tests of single daily tables start from."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
from duckdb import DuckDBPyConnection

from contracts.partitions import day_number
from contracts.tables import CLEAN_EVENTS
from spark_jobs.daily.day_queries import CLEAN, CLEAN_COLUMNS, statements
from spark_jobs.lake.arrow_types import arrow_schema

Row = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class CleanEvent:
    """A row of `clean_events`; what a test does not name is of no matter to it."""

    event_time: datetime
    user_id: str = "ann"
    click_id: str = "c"
    anonymous_id: str | None = None
    event_name: str = "Search"
    pixel_id: str | None = None
    page_url: str | None = None
    referrer: str | None = None
    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    product_id: str | None = None
    price: Decimal | None = None
    currency: str | None = None
    is_bot: bool = False
    received_at: datetime | None = None


def at(day: date, clock: str) -> datetime:
    """Return a time of a day: `at(MONDAY, "23:59:59.999999")`."""
    return datetime.fromisoformat(f"{day}T{clock}+00:00")


def clean_table(events: Iterable[CleanEvent]) -> pa.Table:
    """Return events as `clean_events` has them, but for columns that no query of days reads."""
    schema = arrow_schema([CLEAN_EVENTS.column(name) for name in CLEAN_COLUMNS])
    rows = [
        {
            name: event.event_time if name == "received_at" and event.received_at is None else getattr(event, name)
            for name in CLEAN_COLUMNS
        }
        for event in events
    ]
    return pa.Table.from_pylist(rows, schema)


def day_tables(events: Iterable[CleanEvent], *days: date) -> DuckDBPyConnection:
    """Return a connection that has what a task computes from the events for days."""
    connection = duckdb.connect()
    connection.from_arrow(clean_table(events)).create(CLEAN)
    for statement in statements([day_number(day) for day in days]):
        connection.execute(statement)
    return connection


def rows_of(connection: DuckDBPyConnection, query: str, *columns: str) -> list[Row]:
    """Return these columns of each row of a query, sorted, with aware times."""
    rows = connection.execute(query).to_arrow_table().to_pylist()
    return sorted((tuple(_aware(row[name]) for name in columns) for row in rows), key=repr)


def _aware(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
