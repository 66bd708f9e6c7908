"""One Spark session for the whole run, and for each test (or module) a lake of its own in it: a fresh database."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from contracts.names import LakeLocation
from spark_jobs.session import LocalSize, spark_session

NewLake = Callable[[], LakeLocation]


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
def new_lake(warehouse: Path, tmp_path_factory: pytest.TempPathFactory) -> NewLake:
    """Return a function that makes an empty lake, without tables and raw objects."""
    numbers = itertools.count(1)

    def make() -> LakeLocation:
        raw = tmp_path_factory.mktemp("raw")
        return LakeLocation(raw_uri=str(raw), warehouse_uri=str(warehouse), database=f"lake_{next(numbers)}")

    return make


@pytest.fixture
def lake(new_lake: NewLake) -> LakeLocation:
    """Return an empty lake for one test."""
    return new_lake()
