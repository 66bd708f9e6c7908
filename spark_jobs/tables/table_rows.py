"""A table → a frame of its rows: as of a snapshot, or of certain hours."""

from collections.abc import Collection
from datetime import datetime

from pyspark.sql import DataFrame, SparkSession

from contracts.names import LakeLocation
from contracts.tables import Table
from spark_jobs.tables.hour_filters import at_hours, in_day_partitions, in_hour_partitions


def rows_as_of(
    spark: SparkSession, lake: LakeLocation, table: Table, snapshot: int | None, *, metadata: str = ""
) -> DataFrame:
    """Return a table's rows as of a snapshot, or those of a table of its metadata such as `partitions`.

    None is the snapshot of a table that nothing was written to yet.
    """
    name = f"{lake.table(table.name)}{metadata and f'.{metadata}'}"
    return spark.table(name) if snapshot is None else spark.read.option("snapshot-id", str(snapshot)).table(name)


def read_hours(spark: SparkSession, *, lake: LakeLocation, table: Table, hours: Collection[datetime]) -> DataFrame:
    """Return the rows of certain hours of a table as it is now."""
    partition = table.partitions[0]
    rows = spark.table(lake.table(table.name))
    if partition.transform == "hours":
        return rows.where(in_hour_partitions(partition.column, hours))
    return rows.where(f"{in_day_partitions(partition.column, hours)} AND {at_hours(partition.column, hours)}")
