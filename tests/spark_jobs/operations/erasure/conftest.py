"""Lakes with a warehouse of their own: the erasure searches all of a warehouse, which others must not fill meanwhile.

Each is made once and laid back before each test, byte for byte in the same place: its tables name files by full paths.
"""

import gzip
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from contracts.partitions import landing_prefix
from spark_jobs.lake.lake import Lake
from tests.spark_jobs.operations.erasure.lakes import LINKED, TEN, DirectoryLake, fill, objects


@dataclass(frozen=True)
class Kept:
    """A lake, and a copy of its directory as it was made."""

    lake: DirectoryLake
    copy: Path

    @classmethod
    def of(cls, lake: DirectoryLake, name: str) -> "Kept":
        """Keep a lake as it is now, under a name beside it."""
        return cls(lake, shutil.copytree(lake.root, lake.root.with_name(name)))

    def laid_back(self) -> DirectoryLake:
        """Return the lake as it was when it was kept."""
        shutil.rmtree(self.lake.root)
        shutil.copytree(self.copy, self.lake.root)
        return self.lake


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
    return Kept.of(made, "copy")


@pytest.fixture(scope="session")
def kept_linked_lake(kept_lake: Kept) -> Kept:
    lake = kept_lake.laid_back()
    fill(lake.root, {f"{landing_prefix(TEN)}linked.gz": gzip.compress(b"".join(LINKED))})
    lake.make(days=True)
    return Kept.of(lake, "linked")


@pytest.fixture
def directory_lake(kept_lake: Kept) -> DirectoryLake:
    """Return a lake that holds user 35 in every way, with all tables made but those of days and weeks."""
    return kept_lake.laid_back()


@pytest.fixture
def linked_lake(kept_linked_lake: Kept) -> DirectoryLake:
    """Return that lake with browsers in it, and every table made."""
    return kept_linked_lake.laid_back()
