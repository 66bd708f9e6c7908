"""A table of events → rows per event hour, from the table's own metadata: no data file is opened."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Final

from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.names import LakeLocation
from contracts.partitions import HOUR
from contracts.tables import Table
from spark_jobs.tables.table_rows import rows_as_of

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def rows_by_event_hour(
    spark: SparkSession, lake: LakeLocation, table: Table, snapshot: int | None, hours: Collection[datetime]
) -> Mapping[datetime, int]:
    """Return the rows of event hours in a snapshot, as its manifests count them; an hour without any is left out.

    The table must be partitioned by `hours(event_time)`; hours between those that are asked for may be among them.
    """
    partitions = rows_as_of(spark, lake, table, snapshot, metadata="partitions")
    hour = F.col("partition.event_time_hour")
    wanted = partitions.where(hour.between(_ordinal(min(hours)), _ordinal(max(hours)))).select(hour, "record_count")
    counted: dict[datetime, int] = defaultdict(int)
    for row in wanted.collect():
        counted[_EPOCH + row.event_time_hour * HOUR] += row.record_count
    return counted


def _ordinal(hour: datetime) -> int:
    return (hour - _EPOCH) // HOUR
