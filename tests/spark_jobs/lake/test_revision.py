"""Rules of replacing hours: exactly these hours, in one commit, and never what was made from later input."""

import threading
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.errors import PythonException
from pyspark.sql import SparkSession

from contracts.ledger import EventRow
from contracts.partitions import HOUR
from contracts.tables import EVENT_LEDGER, HOURLY_EVENT_COUNTS, REJECTED_EVENTS, Table
from spark_jobs.errors import InputChangedError
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.ledgers import read_ledger, write_ledger
from spark_jobs.lake.retries import retrying
from spark_jobs.lake.revision import Revision
from tests.spark_jobs.table_rows import table_rows

pytestmark = pytest.mark.spark

DAY = datetime(2026, 11, 22, tzinfo=UTC)

#: One table partitioned by hour and one by day: the rules are the same.
BOTH_KINDS = pytest.mark.parametrize("table", [REJECTED_EVENTS, HOURLY_EVENT_COUNTS], ids=["by-hour", "by-day"])


@pytest.fixture
def tables(lake_with_tables: Lake) -> Lake:
    return lake_with_tables


def hours(*numbers: int) -> list[datetime]:
    return [DAY + number * HOUR for number in numbers]


def replace(lake: Lake, table: Table, *, read_from: int | None, **hours_of: Collection[datetime]) -> None:
    """Give hours one row each, whose text is the argument's name; `nothing` names hours to be emptied."""
    every = [hour for of_hours in hours_of.values() for hour in of_hours]
    rows = [_row(table, hour, text) for text, of_hours in hours_of.items() if text != "nothing" for hour in of_hours]
    files = lake.write_rows(table, rows)
    Revision(lake=lake, base={table: read_from}).replace(table, files, every, figures={"received": 7})


def _row(table: Table, hour: datetime, text: str) -> tuple[object, ...]:
    if table is REJECTED_EVENTS:
        return (hour, "key", "not_json", text, None, None)
    return (hour, text, 1, 1, 1, 1)


def put(lake: Lake, table: Table, **hours_of: Collection[datetime]) -> None:
    replace(lake, table, read_from=lake.snapshot(table), **hours_of)


def texts(lake: Lake, table: Table) -> dict[int, str]:
    """Return the text of each hour, by its number; an hour that has two rows is an error."""
    position = 3 if table is REJECTED_EVENTS else 1
    rows = table_rows(lake, table)
    found = {(row[0] - DAY) // HOUR: row[position] for row in rows}
    assert len(found) == len(rows)
    return found


@BOTH_KINDS
def test_only_the_hours_of_the_set_are_replaced_and_one_without_rows_is_emptied(
    spark: SparkSession, tables: Lake, table: Table
) -> None:
    put(tables, table, old=hours(1, 2, 3, 4, 30))
    read_from = tables.snapshot(table)
    replace(tables, table, new=hours(2), nothing=hours(4), read_from=read_from)
    assert texts(tables, table) == {1: "old", 2: "new", 3: "old", 30: "old"}
    read = tables.read_hours(table, hours(2, 3, 4))
    assert read.count() == 2
    (commit,) = tables.commits(table, after=read_from)
    assert commit.summary["clickstream.received"] == "7"


@BOTH_KINDS
def test_another_run_of_the_same_hour_is_a_conflict_and_of_another_hour_is_none(
    spark: SparkSession, tables: Lake, table: Table
) -> None:
    put(tables, table, old=hours(1, 2, 3))
    read_from = tables.snapshot(table)
    put(tables, table, later=hours(2))
    with pytest.raises(InputChangedError):
        replace(tables, table, earlier=hours(2), read_from=read_from)
    replace(tables, table, other=hours(3), read_from=read_from)
    assert texts(tables, table) == {1: "old", 2: "later", 3: "other"}


@BOTH_KINDS
def test_files_of_a_run_that_lost_a_race_are_gone(spark: SparkSession, tables: Lake, table: Table) -> None:
    put(tables, table, later=hours(2))
    folder = Path(tables.warehouse_uri) / tables.database / table.name / "data"
    before = sorted(folder.rglob("*.parquet"))
    with pytest.raises(InputChangedError):
        replace(tables, table, earlier=hours(2), read_from=None)
    assert sorted(folder.rglob("*.parquet")) == before != []


@BOTH_KINDS
def test_a_first_commit_since_an_empty_table_was_read_is_a_conflict(
    spark: SparkSession, tables: Lake, table: Table
) -> None:
    put(tables, table, later=hours(1))
    with pytest.raises(InputChangedError):
        replace(tables, table, earlier=hours(1), read_from=None)


@BOTH_KINDS
def test_a_conflict_is_an_hour_that_was_emptied_too(spark: SparkSession, tables: Lake, table: Table) -> None:
    put(tables, table, old=hours(1, 2))
    read_from = tables.snapshot(table)
    replace(tables, table, nothing=hours(1), read_from=read_from)
    with pytest.raises(InputChangedError):
        replace(tables, table, earlier=hours(1), read_from=read_from)


@BOTH_KINDS
def test_a_conflict_is_an_hour_that_another_run_left_without_rows(
    spark: SparkSession, tables: Lake, table: Table
) -> None:
    """No file tells of it: the hour had none before."""
    put(tables, table, old=hours(2))
    read_from = tables.snapshot(table)
    replace(tables, table, nothing=hours(1), read_from=read_from)
    with pytest.raises(InputChangedError):
        replace(tables, table, earlier=hours(1), read_from=read_from)
    assert texts(tables, table) == {2: "old"}


def test_compaction_in_between_neither_conflicts_nor_keeps_an_hour_from_being_replaced(
    spark: SparkSession, tables: Lake
) -> None:
    table = HOURLY_EVENT_COUNTS
    for hour in (1, 2, 3):
        put(tables, table, old=hours(hour))
    read_from = tables.snapshot(table)
    compacted = spark.sql(
        f"CALL glue.system.rewrite_data_files(table => '{tables.table(table.name)}', "
        "options => map('rewrite-all', 'true'))"
    ).collect()
    assert (compacted[0].rewritten_data_files_count, compacted[0].added_data_files_count) == (3, 1)
    replace(tables, table, new=hours(2), read_from=read_from)
    assert texts(tables, table) == {1: "old", 2: "new", 3: "old"}


def test_a_commit_of_unknown_origin_is_a_conflict(spark: SparkSession, tables: Lake) -> None:
    table = HOURLY_EVENT_COUNTS
    put(tables, table, old=hours(1, 2))
    read_from = tables.snapshot(table)
    spark.sql(f"DELETE FROM {tables.table(table.name)} WHERE event_hour = TIMESTAMP'2026-11-22 01:00:00Z'")
    with pytest.raises(InputChangedError):
        replace(tables, table, new=hours(2), read_from=read_from)


def test_history_that_expired_since_reading_is_a_conflict(spark: SparkSession, tables: Lake) -> None:
    table = HOURLY_EVENT_COUNTS
    put(tables, table, old=hours(1))
    with pytest.raises(InputChangedError, match="snapshot 4711 is not in the history"):
        replace(tables, table, new=hours(2), read_from=4711)


@BOTH_KINDS
def test_hundreds_of_scattered_hours_are_one_commit(spark: SparkSession, tables: Lake, table: Table) -> None:
    every = [DAY + number * HOUR for number in range(120)]
    put(tables, table, old=every)
    read_from = tables.snapshot(table)
    scattered = every[::2]
    replace(tables, table, new=scattered, read_from=read_from)
    assert texts(tables, table) == {number: ("new", "old")[number % 2] for number in range(120)}
    assert len(list(tables.commits(table, after=read_from))) == 1


def test_a_null_in_a_required_column_is_refused(spark: SparkSession, tables: Lake) -> None:
    rows = spark.sql(
        "SELECT TIMESTAMP'2026-11-22 01:00:00Z' event_hour, IF(rand() > 2, 'x', NULL) event_name"
    ).selectExpr("*", *(f"1L AS {column.name}" for column in HOURLY_EVENT_COUNTS.columns[2:]))
    with pytest.raises(PythonException, match="Casting field 'event_name' with null values to non-nullable"):
        tables.write_frame(HOURLY_EVENT_COUNTS, rows)
    with pytest.raises(ValueError, match="event_name"):
        tables.write_rows(HOURLY_EVENT_COUNTS, [(DAY, None, 1, 1, 1, 1)])


def test_runs_side_by_side_lose_no_update_of_one_hour_and_none_of_its_neighbours(
    spark: SparkSession, tables: Lake
) -> None:
    """Each run reads a figure, adds one and replaces the hour: only what was read from the last state may stand."""

    def add_one(hour: datetime) -> None:
        base = Revision.of(tables, EVENT_LEDGER)
        before = sum(row.received for row in read_ledger(tables, EventRow, hour, hour + HOUR))
        row = EventRow(event_hour=hour, input_version="v", received=before + 1, clean=before + 1, duplicates=0)
        write_ledger(base, EventRow, [row], [hour])

    failures: list[BaseException] = []

    def run(hour: datetime) -> None:
        try:
            for _ in range(2):
                retrying(lambda: add_one(hour), tries=30)
        except BaseException as error:  # noqa: BLE001 (shown by the assertion below)
            failures.append(error)

    threads = [threading.Thread(target=run, args=[hour]) for hour in (*hours(1, 1), *hours(2))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=240)
    assert failures == []
    rows = read_ledger(tables, EventRow, DAY, DAY + timedelta(days=1))
    assert {row.event_hour: row.received for row in rows} == dict(zip(hours(1, 2), (4, 2), strict=True))
