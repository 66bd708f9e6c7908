"""The SQL by which a task makes event hours, over generated streams: every row is as specified. Spark is not asked."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.rules import BOT_EVENTS_AT_ONCE, BOT_EVENTS_PER_HOUR
from contracts.tables import RECEIVED_EVENTS
from spark_jobs.hourly import hour_queries as queries
from spark_jobs.hourly.hour_task import register_agents
from spark_jobs.lake.arrow_types import table_schema
from spark_jobs.lake.user_keys import UserKeys
from tests.spark_jobs.specification.packed_run import drawn_streams, is_crawler
from tests.spark_jobs.specification.streams import CRAWLER, packed
from tests.spark_jobs.specification.test_definitions_agree import plain_value, spelling
from tests.specification.clean_events import ReceivedEvent, hour_of
from tests.specification.lake import lake
from tests.specification.raw_lines import RawLine

STREAMS = 120
#: A task is given a batch of hours; here every third one, so that most have a neighbour that is not made.
BATCHES = 3

BEFORE_1970 = RawLine(
    landing_hour=datetime(1970, 1, 1, tzinfo=UTC),
    object_key="k",
    line=b'{"received_at":0,"event":{"timestamp":"1969-12-31 23:30:00.000001","user_id":"u","click_id":"c",'
    b'"event_name":"Search"}}',
)


def made_by_queries(
    received: Path, hours: Sequence[int], currency: str | None, users: UserKeys, own_programs: tuple[str, ...]
) -> dict[str, list[dict[str, Any]]]:
    """Return the rows that a task makes of some hours, by table; `event_ledger` has the counts."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.from_arrow(table_schema(RECEIVED_EVENTS).empty_table()).create(queries.NO_EVENTS)
        for statement in (
            queries.received([str(received)]),
            queries.target_hours(hours),
            queries.RANKED,
            queries.DUPLICATES,
        ):
            connection.execute(statement)
        register_agents(connection, own_programs)
        for statement in (
            queries.events(currency, users),
            queries.machine_users(BOT_EVENTS_PER_HOUR, BOT_EVENTS_AT_ONCE),
            queries.FLAGGED,
            queries.BY_USER,
        ):
            connection.execute(statement)
        wanted = {
            "clean_events": queries.clean([str(received)], users),
            **{table.name: query for table, query in queries.HOURLY.items()},
        }
        return {name: rows_of(connection.execute(query).to_arrow_table()) for name, query in wanted.items()}


def rows_of(table: pa.Table) -> list[dict[str, Any]]:
    return [{name: plain_value(value) for name, value in row.items()} for row in table.to_pylist()]


def write(received: Iterable[ReceivedEvent], file: Path) -> None:
    rows = [asdict(event) for event in received]
    pq.write_table(pa.Table.from_pylist(rows, table_schema(RECEIVED_EVENTS)), file)


@pytest.mark.parametrize(
    ("currency", "per_site", "own_programs"),
    [
        pytest.param(None, False, (), marks=pytest.mark.slow),
        ("EUR", False, (CRAWLER[:30],)),
        pytest.param("EUR", True, (), marks=pytest.mark.slow),
    ],
)
def test_the_queries_make_every_hour_as_specified(
    tmp_path: Path, currency: str | None, per_site: bool, own_programs: tuple[str, ...]
) -> None:
    users, file = UserKeys(per_site=per_site), tmp_path / "received.parquet"
    lines = [*packed(drawn_streams(STREAMS, number=120)), BEFORE_1970]
    specified = lake(lines, spelling, is_crawler, currency=currency, per_site=per_site, own_programs=own_programs)
    write(specified.received_events, file)
    hours = sorted({int(hour_of(event).timestamp()) // 3600 for event in specified.received_events})
    batches = (hours[batch::BATCHES] for batch in range(BATCHES))
    made = [made_by_queries(file, batch, currency, users, own_programs) for batch in batches]
    for table in ("clean_events", "hourly_event_counts", "hourly_traffic", "hourly_product_stats"):
        rows = getattr(specified, table)
        names = [field.name for field in fields(rows[0])]
        wanted = Counter(tuple(plain_value(getattr(row, name)) for name in names) for row in rows)
        assert Counter(tuple(row[name] for name in names) for part in made for row in part[table]) == wanted, table
