"""The tables are Iceberg's, not Spark's: DuckDB and pyiceberg read the same rows."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
import pytest
from pyiceberg.table import StaticTable
from pyspark.sql import SparkSession

from contracts.partitions import HOUR
from contracts.tables import HOURLY_TRAFFIC
from local.duckdb_iceberg import load_iceberg
from spark_jobs.hourly.aggregate_hours import aggregate_hours
from spark_jobs.lake.lake import Lake
from tests.spark_jobs.conftest import NewLake
from tests.spark_jobs.copied_lake import copy_lake
from tests.spark_jobs.received_rows import Landing, ReceivedEvent, land

pytestmark = pytest.mark.spark

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
EXPECTED = [(TEN, 2, Decimal("12.50")), (TEN + HOUR, 1, Decimal("0.00"))]


@pytest.fixture(scope="module")
def metadata_file(spark: SparkSession, empty_tables: Lake, new_lake: NewLake) -> Path:
    """Return the current metadata file of an `hourly_traffic`, some of whose rows were replaced since."""
    lake = copy_lake(empty_tables, new_lake())
    events = [
        ReceivedEvent(event_time=TEN, click_id="1", event_name="Purchase", price=Decimal("12.50")),
        ReceivedEvent(event_time=TEN + timedelta(minutes=1), click_id="2"),
        ReceivedEvent(event_time=TEN + HOUR, click_id="3"),
    ]
    land(lake, [Landing(landing_hour=TEN, events=events)])
    aggregate_hours(lake, [TEN, TEN + HOUR])
    aggregate_hours(lake, [TEN], force=True)
    location = str(lake.handle(HOURLY_TRAFFIC).operations().current().metadataFileLocation())
    return Path(urlsplit(location).path)


def test_duckdb_reads_the_rows(metadata_file: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        load_iceberg(connection)
        rows = connection.execute(
            f"SELECT event_hour, events, revenue FROM iceberg_scan('{metadata_file}') ORDER BY event_hour"
        ).fetchall()
    assert [(hour.astimezone(UTC), events, revenue) for hour, events, revenue in rows] == EXPECTED


def test_pyiceberg_reads_the_rows(metadata_file: Path) -> None:
    rows = StaticTable.from_metadata(metadata_file.as_uri()).scan().to_arrow().sort_by("event_hour").to_pylist()
    assert [(row["event_hour"].astimezone(UTC), row["events"], row["revenue"]) for row in rows] == EXPECTED
