"""What a session that starts its own JVM tells it."""

import pytest
from pyspark.sql import SparkSession

from infra.local.class_archive import ARCHIVE
from spark_jobs.session import jvm

pytestmark = pytest.mark.spark


def test_the_jvm_is_given_the_archive_of_classes_that_setup_made(spark: SparkSession) -> None:
    beans = jvm(spark).java.lang.management.ManagementFactory.getRuntimeMXBean()
    assert f"-XX:SharedArchiveFile={ARCHIVE}" in list(beans.getInputArguments())
