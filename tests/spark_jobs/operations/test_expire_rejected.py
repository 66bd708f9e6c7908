"""Rejected lines go when their raw objects have gone, hour by hour, and never before."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from contracts.names import LakeLocation
from contracts.partitions import HOUR, landing_prefix
from contracts.tables import REJECTED_EVENTS
from spark_jobs.operations import expire_rejected as operation
from spark_jobs.operations.expire_rejected import expire_rejected
from spark_jobs.tables.commit_files import replace_hours
from spark_jobs.tables.iceberg_table import commits_between, current_snapshot
from spark_jobs.tables.write_files import files_of_rows
from storage.by_hour import landed_objects
from tests.spark_jobs.conftest import NewLake
from tests.spark_jobs.copied_lake import copy_lake
from tests.spark_jobs.table_rows import table_rows

pytestmark = pytest.mark.spark

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
ELEVEN, TWELVE = TEN + HOUR, TEN + 2 * HOUR


@pytest.fixture(scope="module")
def rejected_once(spark: SparkSession, empty_tables: LakeLocation, new_lake: NewLake) -> LakeLocation:
    lake = copy_lake(empty_tables, new_lake())
    reject(spark, lake, TEN, "a", "b")
    reject(spark, lake, ELEVEN, "c")
    reject(spark, lake, TWELVE, "d")
    return lake


@pytest.fixture
def lake(rejected_once: LakeLocation, new_lake: NewLake) -> LakeLocation:
    """A lake with rejected lines of three hours, two of ten o'clock and one of each other, and no raw object."""
    return copy_lake(rejected_once, new_lake())


def reject(spark: SparkSession, lake: LakeLocation, hour: datetime, *details: str) -> None:
    rows = [(hour, "key", "not_json", detail, b"line", None) for detail in details]
    files = files_of_rows(spark, lake, REJECTED_EVENTS, rows)
    read_from = current_snapshot(spark, lake, REJECTED_EVENTS)
    replace_hours(spark, files, lake=lake, table=REJECTED_EVENTS, hours=[hour], read_from=read_from)


def kept(spark: SparkSession, lake: LakeLocation) -> list[str]:
    return [row[3] for row in table_rows(spark, lake, REJECTED_EVENTS)]


def test_lines_of_hours_that_ended_before_are_dropped_and_counted(spark: SparkSession, lake: LakeLocation) -> None:
    assert expire_rejected(spark, lake, TWELVE) == 3
    assert kept(spark, lake) == ["d"]
    assert expire_rejected(spark, lake, TWELVE) == 0


def test_an_hour_that_has_not_ended_by_then_is_kept(spark: SparkSession, lake: LakeLocation) -> None:
    assert expire_rejected(spark, lake, ELEVEN + timedelta(minutes=59)) == 2
    assert kept(spark, lake) == ["c", "d"]


def test_an_hour_that_still_has_a_raw_object_is_kept_however_old(spark: SparkSession, lake: LakeLocation) -> None:
    raw = Path(lake.raw_uri).parent / landing_prefix(TEN) / "a.gz"
    raw.parent.mkdir(parents=True)
    raw.write_bytes(b"")
    assert expire_rejected(spark, lake, TWELVE + HOUR) == 2
    assert kept(spark, lake) == ["a", "b"]


def test_whole_files_are_dropped_and_the_commit_says_of_which_hours(spark: SparkSession, lake: LakeLocation) -> None:
    before = current_snapshot(spark, lake, REJECTED_EVENTS)
    expire_rejected(spark, lake, TWELVE)
    (commit,) = commits_between(spark, lake, REJECTED_EVENTS, after=before)
    assert commit.summary["clickstream.replaced-hours"] == "2026-11-22T10/2026-11-22T12"
    assert commit.summary["deleted-data-files"] == "2"
    assert "added-data-files" not in commit.summary


def test_an_hour_that_is_transformed_meanwhile_is_looked_at_again(
    spark: SparkSession, lake: LakeLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    overtaken = iter([True])
    listing = landed_objects

    def late(*arguments: object) -> object:
        if next(overtaken, False):
            reject(spark, lake, TEN, "anew", "and", "more")
        return listing(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(operation, "landed_objects", late)
    assert expire_rejected(spark, lake, ELEVEN) == 3
    assert kept(spark, lake) == ["c", "d"]


def test_a_table_without_rows_has_nothing_to_expire(spark: SparkSession, lake_with_tables: LakeLocation) -> None:
    assert expire_rejected(spark, lake_with_tables, TWELVE) == 0
    assert current_snapshot(spark, lake_with_tables, REJECTED_EVENTS) is None
