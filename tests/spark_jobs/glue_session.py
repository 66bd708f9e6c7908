"""A local cloud → a session of the run's Spark whose catalog is the cloud's Glue: no further JVM, and a warm one."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pyspark.sql import SparkSession

from local.cloud.process import KEY, REGION, LocalCloud
from spark_jobs.lake.session import java_class
from storage.bucket import s3_client


@contextmanager
def glue_session(spark: SparkSession, cloud: LocalCloud, *, warehouse_uri: str) -> Iterator[SparkSession]:
    """Open one; until the block's end, this process and Spark's Python workers talk to the cloud, too."""
    session = spark.newSession()
    catalog = {
        "type": "glue",
        "warehouse": warehouse_uri,
        "io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        "glue.endpoint": cloud.endpoint_url,
        "s3.endpoint": cloud.endpoint_url,
        "s3.path-style-access": "true",
    }
    for name, value in catalog.items():
        session.conf.set(f"spark.sql.catalog.glue.{name}", value)
    # The JVM has started with the environment of before.
    for name, value in {"aws.accessKeyId": KEY, "aws.secretAccessKey": KEY, "aws.region": REGION}.items():
        java_class(spark, "java.lang.System").setProperty(name, value)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in cloud.environment().items():
            patch.setenv(name, value)
            patch.setitem(spark.sparkContext.environment, name, value)
        s3_client.cache_clear()
        try:
            yield session
        finally:
            s3_client.cache_clear()
