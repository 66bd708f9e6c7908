"""A data file that is gone is named in a sentence, whoever was to read it, and its hours can be made again."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from contracts.tables import CLEAN_EVENTS, RECEIVED_EVENTS, Table
from spark_jobs.daily.aggregate_days import aggregate_days
from spark_jobs.errors import DataFileError
from spark_jobs.hourly.aggregate_hours import aggregate_hours
from spark_jobs.lake.lake import Lake
from storage.directory import local_directory
from tests.spark_jobs.received_rows import Landing, ReceivedEvent, land

pytestmark = pytest.mark.spark

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
LANDING = Landing(landing_hour=TEN, events=[ReceivedEvent(event_time=TEN, click_id="1")])


def lose(lake: Lake, table: Table) -> Path:
    """Remove the one data file of a table; return its path."""
    (row,) = lake.read_metadata(table, "files").select("file_path").collect()
    path = local_directory(row.file_path)
    path.unlink()
    return path


def test_a_data_file_that_is_gone_is_named_and_its_hour_is_made_again(
    spark: SparkSession, lake_with_tables: Lake
) -> None:
    lake = lake_with_tables
    land(lake, [LANDING])
    aggregate_hours(lake, [TEN])
    clean = lose(lake, CLEAN_EVENTS)
    with pytest.raises(
        DataFileError, match=rf"data file file:/*{clean} is gone, though its table names it; restore it"
    ):
        aggregate_days(lake, [TEN.date()])
    received = lose(lake, RECEIVED_EVENTS)
    with pytest.raises(DataFileError, match=rf"data file file:/*{received} is gone"):
        aggregate_hours(lake, [TEN], force=True)

    land(lake, [LANDING])
    aggregate_hours(lake, [TEN], force=True)
    (day,) = aggregate_days(lake, [TEN.date()]).written
    assert day.events == 1
