"""For each test (or module) a lake of its own in the run's Spark session: a fresh database."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from spark_jobs.lake.evolution import ensure_tables
from spark_jobs.lake.lake import Lake
from tests.spark_jobs.copied_lake import copy_lake

NewLake = Callable[[], Lake]


@pytest.fixture(scope="session")
def new_lake(spark: SparkSession, warehouse: Path, tmp_path_factory: pytest.TempPathFactory) -> NewLake:
    """Return a function that makes an empty lake, without tables and raw objects."""
    numbers = itertools.count(1)

    def make() -> Lake:
        raw = tmp_path_factory.mktemp("lake") / "raw"  # as in a bucket: the ledger knows the objects by this name
        raw.mkdir()
        database = f"lake_{next(numbers)}"
        return Lake(raw_uri=str(raw), warehouse_uri=str(warehouse), database=database, spark=spark)

    return make


@pytest.fixture(scope="session")
def empty_tables(new_lake: NewLake) -> Lake:
    """Return a lake with every table and no row, to be copied: to declare them again takes seconds."""
    made = new_lake()
    ensure_tables(made)
    return made


@pytest.fixture
def lake_with_tables(empty_tables: Lake, new_lake: NewLake) -> Lake:
    """Return a lake for one test, with every table and no row."""
    return copy_lake(empty_tables, new_lake())


@pytest.fixture
def lake(new_lake: NewLake) -> Lake:
    """Return an empty lake for one test."""
    return new_lake()
