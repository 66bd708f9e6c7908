"""One Spark session for the whole run, and for each test (or module) a lake of its own in it: a fresh database."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from contracts.names import LakeLocation
from spark_jobs.lake.evolution import ensure_tables
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.session import LocalSize, spark_session
from tests.spark_jobs.copied_lake import copy_lake

NewLake = Callable[[], Lake]


def pytest_configure(config: pytest.Config) -> None:
    """Let py4j leave its connections to the garbage collector, in whatever test that runs."""
    config.addinivalue_line("filterwarnings", "ignore:unclosed <socket.socket:ResourceWarning")


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of the catalog that the session is bound to."""
    return tmp_path_factory.mktemp("warehouse")


@pytest.fixture(scope="session")
def spark(warehouse: Path) -> Iterator[SparkSession]:
    """Start Spark once: two cores, a small heap, a quick compiler."""
    anywhere = LakeLocation(raw_uri=str(warehouse), warehouse_uri=str(warehouse), database="unused")
    session = spark_session("tests", anywhere, size=LocalSize(cores=2, heap="1g", short_lived=True))
    yield session
    session.stop()


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
