"""A lake of its own for each test: the erasure searches a whole warehouse, which others must not fill meanwhile."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.spark_jobs.operations.erasure.lakes import DirectoryLake, fill, objects


@pytest.fixture
def directory_lake(spark: SparkSession, tmp_path: Path) -> DirectoryLake:
    """Return a lake that holds user 35 in every way, with all tables made."""
    session = spark.newSession()
    session.conf.set("spark.sql.catalog.glue.warehouse", f"file://{tmp_path.resolve()}/warehouse")
    made = DirectoryLake(spark=session, root=tmp_path)
    fill(made.root, objects())
    made.make()
    return made
