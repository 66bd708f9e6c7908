"""The two definitions of the tables, in Python and in SQL, agree on generated streams; no job is asked."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from tests.spark_jobs.specification.packed_run import drawn_streams, is_crawler
from tests.spark_jobs.specification.streams import CRAWLER, packed
from tests.spark_jobs.specification.witness import SQL, WITNESSED, tell_agents, tell_shop
from tests.specification.clean_events import ReceivedEvent
from tests.specification.judgement import Event
from tests.specification.lake import lake

STREAMS = 60
_TYPES: Mapping[str, pa.DataType] = {
    "price": pa.decimal128(18, 2),
    "time_on_data": pa.float64(),
    "percent_viewed": pa.float64(),
    **dict.fromkeys(
        ("event_time", "received_at", "insertion_timestamp", "sent_at", "landing_hour"), pa.timestamp("us")
    ),
    "clock_corrected": pa.bool_(),
    "in_landing_hour": pa.bool_(),
    "unread_fields": pa.list_(pa.string()),
}


def spelling(event: Event) -> str:
    return event.extra or ""


def sql_tables(
    received: Iterable[ReceivedEvent], currency: str | None, *, per_site: bool, own_programs: tuple[str, ...]
) -> duckdb.DuckDBPyConnection:
    """Return DuckDB with the SQL's tables of received events."""
    rows = [asdict(event) for event in received]
    schema = pa.schema([pa.field(name, _TYPES.get(name, pa.string())) for name in rows[0]])
    connection = duckdb.connect()
    plain = [{name: plain_value(value) for name, value in row.items()} for row in rows]
    connection.register("rows", pa.Table.from_pylist(plain, schema))
    connection.execute("CREATE TABLE received AS FROM rows")
    tell_agents(connection, is_crawler, own_programs)
    tell_shop(connection, currency=currency, ids_per_site=per_site)
    connection.execute(SQL.read_text(encoding="utf-8"))
    return connection


def plain_value(value: Any) -> Any:
    """Return a value as DuckDB gives it: a list as a tuple, a time without its zone, which is UTC."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    return tuple(value) if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("currency", "per_site", "own_programs"),
    [(None, False, ()), ("EUR", False, (CRAWLER[:30],)), ("EUR", True, ())],
)
def test_python_and_sql_define_the_same_tables(
    currency: str | None, per_site: bool, own_programs: tuple[str, ...]
) -> None:
    lines = list(packed(drawn_streams(STREAMS, number=60)))
    specified = lake(lines, spelling, is_crawler, currency=currency, per_site=per_site, own_programs=own_programs)
    received = specified.received_events
    with sql_tables(received, currency, per_site=per_site, own_programs=own_programs) as connection:
        for table in WITNESSED:
            rows = getattr(specified, table)
            names = [field.name for field in fields(rows[0])]
            made = connection.execute(f"SELECT {', '.join(names)} FROM {table}").fetchall()
            wanted = Counter(tuple(plain_value(getattr(row, name)) for name in names) for row in rows)
            assert Counter(tuple(map(plain_value, row)) for row in made) == wanted, table
