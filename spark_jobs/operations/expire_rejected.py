"""Rejected lines whose raw objects have expired → gone, too: a line is kept in one place as long as in the other.

Whole landing hours are dropped, which costs Iceberg no look at a row. An hour that still has a raw object is left,
however old it is: its rows could be made again, and its lines are kept all the same.
"""

from datetime import UTC, datetime
from typing import Final

from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.names import LakeLocation
from contracts.partitions import HOUR
from contracts.tables import REJECTED_EVENTS
from spark_jobs.raw.lake_stores import raw_store
from spark_jobs.tables.commit_files import replace_hours
from spark_jobs.tables.iceberg_table import current_snapshot
from spark_jobs.tables.retries import retrying
from storage.by_hour import landed_objects

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def expire_rejected(spark: SparkSession, lake: LakeLocation, before: datetime) -> int:
    """Drop the rejected lines of landing hours that ended by `before` and have no raw object left; return how many.

    Raise `ConflictError` if other runs replaced these hours each time it was tried.
    """
    return retrying(lambda: _expire(spark, lake, before))


def _expire(spark: SparkSession, lake: LakeLocation, before: datetime) -> int:
    read_from = current_snapshot(spark, lake, REJECTED_EVENTS)
    old = {hour: rows for hour, rows in _rows_by_landing_hour(spark, lake).items() if hour + HOUR <= before}
    objects = landed_objects(raw_store(lake.raw_uri), old)
    expired = {hour: rows for hour, rows in old.items() if not objects[hour]}
    replace_hours(spark, [], lake=lake, table=REJECTED_EVENTS, hours=expired, read_from=read_from)
    return sum(expired.values())


def _rows_by_landing_hour(spark: SparkSession, lake: LakeLocation) -> dict[datetime, int]:
    """Return the rows of each landing hour that has any, by the table's manifests."""
    partitions = spark.table(f"{lake.table(REJECTED_EVENTS.name)}.partitions")
    counted = partitions.groupBy(F.col("partition.landing_hour_hour").alias("hour")).agg(
        F.sum("record_count").alias("rows")
    )
    return {_EPOCH + row.hour * HOUR: row.rows for row in counted.collect()}
