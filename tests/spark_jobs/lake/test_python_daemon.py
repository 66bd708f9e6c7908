"""Python workers look for modules in directories only: an archive on their path would be read again for each task."""

import sys
from pathlib import Path
from zipfile import ZipFile

import pyspark
import pytest
from pyspark.sql import SparkSession

from spark_jobs.lake.python_daemon import without_archives

SITE_PACKAGES = str(Path(pyspark.__file__).parents[1])


@pytest.fixture
def archive(tmp_path: Path) -> str:
    with ZipFile(tmp_path / "pyspark.zip", "w") as made:
        made.writestr("pyspark/__init__.py", "")
    return str(tmp_path / "pyspark.zip")


def test_an_archive_is_left_out_of_the_path(archive: str, tmp_path: Path) -> None:
    assert without_archives([archive, str(tmp_path), SITE_PACKAGES]) == [str(tmp_path), SITE_PACKAGES]


def test_an_archive_stays_where_it_is_all_there_is_of_pyspark(archive: str, tmp_path: Path) -> None:
    assert without_archives([archive, str(tmp_path)]) == [archive, str(tmp_path)]


@pytest.mark.spark
def test_workers_have_no_archive_on_their_path(spark: SparkSession) -> None:
    def archives(_: int) -> list[str]:
        return [place for place in sys.path if Path(place).is_file()]

    assert spark.sparkContext.parallelize([0], 1).flatMap(archives).collect() == []
