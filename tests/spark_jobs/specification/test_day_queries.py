"""The SQL by which a task makes days, over generated streams: every row is as specified. Spark is not asked."""

from collections import Counter
from dataclasses import fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.partitions import day_number
from contracts.tables import (
    CLEAN_EVENTS,
    DAILY_PRODUCT_STATS,
    DAILY_SOURCES,
    DAILY_TRANSITIONS,
    IDENTITY_LINKS,
    SESSIONS,
    USER_DAYS,
    Table,
)
from spark_jobs.daily import day_queries as queries
from spark_jobs.daily import transition_queries
from spark_jobs.daily.daily_tables import transition_rows
from spark_jobs.daily.day_task import no_events
from spark_jobs.lake.arrow_types import completed_to, table_schema
from spark_jobs.lake.user_keys import UserKeys
from tests.spark_jobs.specification.packed_run import drawn_streams, is_crawler
from tests.spark_jobs.specification.streams import packed
from tests.spark_jobs.specification.test_definitions_agree import plain_value, spelling
from tests.specification.lake import Lake, lake

STREAMS = 60
TABLES = (SESSIONS, USER_DAYS, IDENTITY_LINKS, DAILY_PRODUCT_STATS, DAILY_SOURCES, DAILY_TRANSITIONS)
Rows = list[dict[str, Any]]


def made_by_queries(clean: Path, days: set[date], users: UserKeys) -> tuple[dict[Table, Rows], dict[int, int]]:
    """Return the rows that a task makes of the days, by table; and how many users the days have, by their cohorts."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.from_arrow(no_events()).create(queries.NO_EVENTS)
        connection.execute(queries.clean([str(clean)]))
        for statement in queries.statements([day_number(day) for day in days], users=users):
            connection.execute(statement)
        wanted = queries.stored_rows(users=users).items()
        made = {table: connection.execute(query).to_arrow_table() for table, query in wanted}
        transitions = connection.execute(transition_queries.TRANSITIONS).to_arrow_table().to_pylist()
        rows = zip(*transition_rows(transitions), strict=True)
        names = [column.name for column in DAILY_TRANSITIONS.columns]
        made[DAILY_TRANSITIONS] = pa.table(list(map(pa.array, rows)), names=names)
        file = clean.with_name("user_days.parquet")
        pq.write_table(completed_to(made[USER_DAYS], table_schema(USER_DAYS)), file)
        connection.execute(queries.users_in_order(queries.user_days([str(file)], users)))
        cohorts = connection.execute(f"SELECT day, sum(users) FROM ({queries.USERS_BY_COHORT}) GROUP BY day").fetchall()
    return {table: _plain(rows) for table, rows in made.items()}, {day: int(of_day) for day, of_day in cohorts}


def _plain(rows: pa.Table) -> Rows:
    return [{name: plain_value(value) for name, value in row.items()} for row in rows.to_pylist()]


def write_clean(rows: Rows, file: Path) -> None:
    pq.write_table(pa.Table.from_pylist(rows, table_schema(CLEAN_EVENTS)), file)


def clean_rows(specified: Lake) -> Rows:
    names = [column.name for column in CLEAN_EVENTS.columns]
    return [{name: getattr(event, name) for name in names} for event in specified.clean_events]


@pytest.mark.parametrize("per_site", [False, True], ids=["one id everywhere", "ids per site"])
def test_the_queries_make_every_day_as_specified(tmp_path: Path, per_site: bool) -> None:
    lines = list(packed(drawn_streams(STREAMS, number=61)))
    specified = lake(lines, spelling, is_crawler, per_site=per_site)
    write_clean(clean_rows(specified), tmp_path / "clean.parquet")
    days = {event.day for event in specified.clean_events}
    made, users = made_by_queries(tmp_path / "clean.parquet", days, UserKeys(per_site=per_site))
    for table in TABLES:
        rows = getattr(specified, table.name)
        names = [field.name for field in fields(rows[0])]
        wanted = Counter(tuple(plain_value(getattr(row, name)) for name in names) for row in rows)
        assert Counter(tuple(row[name] for name in names) for row in made[table]) == wanted, table.name
    assert users == {row.day: row.users for row in specified.daily_traffic}


def test_the_same_id_on_two_sites_is_two_people_only_where_ids_are_per_site(tmp_path: Path) -> None:
    """Sites and ids that look like parts of keys of others are told apart, too."""
    at = datetime(2026, 11, 23, 10, tzinfo=UTC)
    ids = [
        ("shop", "1"),
        ("3:sho", "p1"),
        (None, "1"),
        (None, "4:shop1"),
        ("4", ":shop1"),
        ("shop", "1"),
        ("ключ", "я"),
    ]
    given = {"event_time": at, "received_at": at, "event_name": "Search", "is_bot": False, "bot_reasons": []}
    rows = [
        {**given, "pixel_id": site, "user_id": user_id, "click_id": str(number), "clock_corrected": False}
        for number, (site, user_id) in enumerate(ids)
    ]
    write_clean(rows, tmp_path / "clean.parquet")
    for per_site, expected in ((True, set(ids)), (False, {(None, user_id) for _, user_id in ids})):
        made, users = made_by_queries(tmp_path / "clean.parquet", {at.date()}, UserKeys(per_site=per_site))
        for table in (USER_DAYS, SESSIONS):
            assert Counter((row["site"], row["user_id"]) for row in made[table]) == Counter(expected)
        assert users == {at.date(): len(expected)}
        assert sum(row["users"] for row in made[DAILY_SOURCES]) == len(expected)
