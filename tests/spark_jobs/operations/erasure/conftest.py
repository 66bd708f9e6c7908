"""A lake with a warehouse of its own: the erasure searches all of a warehouse, which others must not fill meanwhile.

It is made once and laid back before each test, byte for byte in the same place: its tables name files by full paths.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from spark_jobs.lake.lake import Lake
from tests.spark_jobs.operations.erasure.lakes import DirectoryLake, fill, objects


@dataclass(frozen=True)
class Kept:
    """A lake, and a copy of its directory as it was made."""

    lake: DirectoryLake
    copy: Path


@pytest.fixture(scope="session")
def kept_lake(spark: SparkSession, empty_tables: Lake, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    root = tmp_path_factory.mktemp("directory") / "lake"
    root.mkdir()
    session = spark.newSession()
    session.conf.set("spark.sql.catalog.glue.warehouse", f"file://{root.resolve()}/warehouse")
    made = DirectoryLake(spark=session, root=root, empty=empty_tables)
    fill(made.root, objects())
    made.make_empty_tables()
    made.make()
    return Kept(made, shutil.copytree(root, root.with_name("copy")))


@pytest.fixture
def directory_lake(kept_lake: Kept) -> DirectoryLake:
    """Return a lake that holds user 35 in every way, with all tables made."""
    shutil.rmtree(kept_lake.lake.root)
    shutil.copytree(kept_lake.copy, kept_lake.lake.root)
    return kept_lake.lake
