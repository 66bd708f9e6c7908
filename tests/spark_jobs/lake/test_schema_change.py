"""A column is added to the contract of a lake that has data: old rows read NULL in every reader, new ones the value."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
import pytest
from pyiceberg.table import StaticTable
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.partitions import HOUR
from contracts.stages import TABLES
from contracts.tables import HOURLY_TRAFFIC, Column, Partition, Table
from local.duckdb_iceberg import load_iceberg
from spark_jobs.errors import TableMismatchError
from spark_jobs.hourly import aggregate_hours as job
from spark_jobs.hourly import computed_hours, hour_queries
from spark_jobs.hourly.aggregate_hours import aggregate_hours
from spark_jobs.hourly.hour_task import HOUR_TABLES
from spark_jobs.lake.evolution import ensure_tables
from spark_jobs.lake.lake import Lake
from tests.spark_jobs.conftest import NewLake
from tests.spark_jobs.copied_lake import copy_lake
from tests.spark_jobs.received_rows import Landing, ReceivedEvent, land

pytestmark = pytest.mark.spark

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
ELEVEN = TEN + HOUR
VOUCHERS = Column(name="vouchers", type="bigint", description="Purchases with a voucher.")
EVOLVED = replace(HOURLY_TRAFFIC, columns=(*HOURLY_TRAFFIC.columns, VOUCHERS))
EXPECTED = [(TEN, 1, None), (ELEVEN, 1, 7)]


def as_declared(table: Table, tables: Iterable[Table] = TABLES) -> tuple[Table, ...]:
    return tuple(table if declared.name == table.name else declared for declared in tables)


@pytest.fixture(scope="module")
def old(empty_tables: Lake, new_lake: NewLake) -> Lake:
    """Return a lake whose hour ten was made before the change, and whose hour eleven was not made yet."""
    lake = copy_lake(empty_tables, new_lake())
    events = [ReceivedEvent(event_time=hour, click_id=str(hour)) for hour in (TEN, ELEVEN)]
    land(lake, [Landing(landing_hour=TEN, events=events)])
    aggregate_hours(lake, [TEN])
    return lake


@contextmanager
def next_release() -> Iterator[None]:
    """Run the job of the release that declares the column and fills it."""
    queries = dict(hour_queries.HOURLY)
    queries[EVOLVED] = f"SELECT *, 7::BIGINT AS vouchers FROM ({queries.pop(HOURLY_TRAFFIC)})"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hour_queries, "HOURLY", queries)
        patch.setattr(job, "HOURLY_TRAFFIC", EVOLVED)
        for module in (job, computed_hours):
            patch.setattr(module, "HOUR_TABLES", as_declared(EVOLVED, HOUR_TABLES))
        patch.setattr(job, "TARGETS", as_declared(EVOLVED, job.TARGETS))
        yield


@pytest.fixture(scope="module")
def evolved(old: Lake, new_lake: NewLake) -> Lake:
    """Return the lake after the next release, and one hour made by it."""
    lake = copy_lake(old, new_lake())
    ensure_tables(lake, as_declared(EVOLVED))
    with next_release():
        aggregate_hours(lake, [ELEVEN])
    return lake


def metadata_file(lake: Lake) -> Path:
    location = str(lake.handle(HOURLY_TRAFFIC).operations().current().metadataFileLocation())
    return Path(urlsplit(location).path)


def test_old_partitions_read_null_in_spark_and_new_ones_the_value(spark: SparkSession, evolved: Lake) -> None:
    rows = spark.table(evolved.table("hourly_traffic")).select(F.hour("event_hour").alias("hour"), "events", "vouchers")
    assert sorted(tuple(row) for row in rows.collect()) == [(10, 1, None), (11, 1, 7)]


def test_old_partitions_read_null_in_pyiceberg(spark: SparkSession, evolved: Lake) -> None:
    table = StaticTable.from_metadata(metadata_file(evolved).as_uri()).scan().to_arrow().sort_by("event_hour")
    rows = table.select(["event_hour", "events", "vouchers"]).to_pylist()
    assert [(row["event_hour"].astimezone(UTC), row["events"], row["vouchers"]) for row in rows] == EXPECTED


def test_old_partitions_read_null_in_duckdb(spark: SparkSession, evolved: Lake) -> None:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        load_iceberg(connection)
        scan = f"iceberg_scan('{metadata_file(evolved)}')"
        rows = connection.execute(f"SELECT event_hour, events, vouchers FROM {scan} ORDER BY event_hour").fetchall()
    assert [(hour.astimezone(UTC), events, vouchers) for hour, events, vouchers in rows] == EXPECTED


def test_an_hour_that_is_made_again_has_the_value_from_then_on(spark: SparkSession, evolved: Lake, lake: Lake) -> None:
    copy_lake(evolved, lake)
    with next_release():
        aggregate_hours(lake, [TEN], force=True)
    rows = spark.table(lake.table("hourly_traffic")).select(F.hour("event_hour").alias("hour"), "vouchers")
    assert sorted(tuple(row) for row in rows.collect()) == [(10, 7), (11, 7)]


def test_a_job_of_the_old_release_refuses_the_table_of_the_new_one(spark: SparkSession, evolved: Lake) -> None:
    with pytest.raises(TableMismatchError, match=r"hourly_traffic.vouchers: is there, but not declared"):
        ensure_tables(evolved)


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        pytest.param(
            replace(EVOLVED, columns=(*HOURLY_TRAFFIC.columns, replace(VOUCHERS, nullable=False))),
            "hourly_traffic.vouchers: a column can be added only if it may be null",
            id="required column",
        ),
        pytest.param(
            replace(
                HOURLY_TRAFFIC,
                columns=tuple(
                    replace(column, type="string") if column.name == "events" else column
                    for column in HOURLY_TRAFFIC.columns
                ),
            ),
            "hourly_traffic.events: is bigint, declared string",
            id="other type",
        ),
        pytest.param(
            replace(HOURLY_TRAFFIC, columns=tuple(c for c in HOURLY_TRAFFIC.columns if c.name != "users")),
            "hourly_traffic.users: is there, but not declared",
            id="column gone",
        ),
        pytest.param(
            replace(HOURLY_TRAFFIC, partitions=(Partition(column="event_hour", transform="hours"),)),
            "hourly_traffic: is partitioned by",
            id="other partitioning",
        ),
    ],
)
def test_what_can_not_be_evolved_is_refused_and_nothing_is_changed(
    spark: SparkSession, old: Lake, declared: Table, said: str
) -> None:
    columns = spark.table(old.table("hourly_traffic")).columns
    snapshot = old.snapshot(HOURLY_TRAFFIC)
    with pytest.raises(TableMismatchError) as refused:
        ensure_tables(old, as_declared(declared))
    assert said in str(refused.value)
    assert spark.table(old.table("hourly_traffic")).columns == columns
    assert old.snapshot(HOURLY_TRAFFIC) == snapshot
