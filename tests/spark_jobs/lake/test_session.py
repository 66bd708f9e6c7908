"""What a session that starts its own JVM tells it."""

import os
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from contracts.names import LakeLocation
from local.class_archive import ARCHIVE
from spark_jobs.lake.session import jvm

pytestmark = pytest.mark.spark


def test_the_jvm_is_given_the_archive_of_classes_that_setup_made(spark: SparkSession) -> None:
    beans = jvm(spark).java.lang.management.ManagementFactory.getRuntimeMXBean()
    option = f"-XX:SharedArchiveFile={ARCHIVE}"
    by_the_tests = os.environ["SPARK_SUBMIT_OPTS"].count(option)
    assert list(beans.getInputArguments()).count(option) == by_the_tests + 1


def test_a_file_of_a_local_warehouse_has_no_second_file_beside_it(
    spark: SparkSession, empty_tables: LakeLocation
) -> None:
    files = [path for path in Path(empty_tables.warehouse_uri, empty_tables.database).rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if path.suffix == ".crc"] == []
