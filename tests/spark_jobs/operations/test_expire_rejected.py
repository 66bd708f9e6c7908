"""Rejected lines go when their raw objects have gone, hour by hour, and never before."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from contracts.partitions import HOUR, landing_prefix
from contracts.tables import REJECTED_EVENTS
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.revision import Revision
from spark_jobs.operations import maintain_tables as operation
from spark_jobs.operations.maintain_tables import expire_rejected
from storage.by_hour import landed_objects
from tests.spark_jobs.conftest import NewLake
from tests.spark_jobs.copied_lake import copy_lake
from tests.spark_jobs.table_rows import table_rows

pytestmark = pytest.mark.spark

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
ELEVEN, TWELVE = TEN + HOUR, TEN + 2 * HOUR


@pytest.fixture(scope="module")
def rejected_once(empty_tables: Lake, new_lake: NewLake) -> Lake:
    lake = copy_lake(empty_tables, new_lake())
    reject(lake, TEN, "a", "b")
    reject(lake, ELEVEN, "c")
    reject(lake, TWELVE, "d")
    return lake


@pytest.fixture
def lake(rejected_once: Lake, new_lake: NewLake) -> Lake:
    """A lake with rejected lines of three hours, two of ten o'clock and one of each other, and no raw object."""
    return copy_lake(rejected_once, new_lake())


def reject(lake: Lake, hour: datetime, *details: str) -> None:
    rows = [(hour, "key", "not_json", detail, b"line", None) for detail in details]
    files = lake.write_rows(REJECTED_EVENTS, rows)
    Revision.of(lake, REJECTED_EVENTS).replace(REJECTED_EVENTS, files, [hour])


def kept(lake: Lake) -> list[str]:
    return [row[3] for row in table_rows(lake, REJECTED_EVENTS)]


def test_lines_of_hours_that_ended_before_are_dropped_and_counted(lake: Lake) -> None:
    assert expire_rejected(lake, TWELVE) == 3
    assert kept(lake) == ["d"]
    assert expire_rejected(lake, TWELVE) == 0


def test_an_hour_that_has_not_ended_by_then_is_kept(lake: Lake) -> None:
    assert expire_rejected(lake, ELEVEN + timedelta(minutes=59)) == 2
    assert kept(lake) == ["c", "d"]


def test_an_hour_that_still_has_a_raw_object_is_kept_however_old(lake: Lake) -> None:
    raw = Path(lake.raw_uri).parent / landing_prefix(TEN) / "a.gz"
    raw.parent.mkdir(parents=True)
    raw.write_bytes(b"")
    assert expire_rejected(lake, TWELVE + HOUR) == 2
    assert kept(lake) == ["a", "b"]


def test_whole_files_are_dropped_and_the_commit_says_of_which_hours(lake: Lake) -> None:
    before = lake.snapshot(REJECTED_EVENTS)
    expire_rejected(lake, TWELVE)
    (commit,) = lake.commits(REJECTED_EVENTS, after=before)
    assert commit.summary["clickstream.replaced-hours"] == "2026-11-22T10/2026-11-22T12"
    assert commit.summary["deleted-data-files"] == "2"
    assert "added-data-files" not in commit.summary


def test_an_hour_that_is_transformed_meanwhile_is_looked_at_again(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    overtaken = iter([True])
    listing = landed_objects

    def late(*arguments: object) -> object:
        if next(overtaken, False):
            reject(lake, TEN, "anew", "and", "more")
        return listing(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(operation, "landed_objects", late)
    assert expire_rejected(lake, ELEVEN) == 3
    assert kept(lake) == ["c", "d"]


def test_a_table_without_rows_has_nothing_to_expire(spark: SparkSession, lake_with_tables: Lake) -> None:
    assert expire_rejected(lake_with_tables, TWELVE) == 0
    assert lake_with_tables.snapshot(REJECTED_EVENTS) is None
