"""The volume of an hour (or day), and what it was in the weeks before → how it compares with what is usual."""

from collections.abc import Collection, Mapping
from datetime import datetime
from statistics import median

from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.data_checks import VOLUME_WEEKS, VOLUME_WEEKS_NEEDED, WEEK, Figure
from contracts.ledger import UNFINISHED
from contracts.names import LakeLocation
from contracts.partitions import parse_hour_key
from contracts.tables import Table
from spark_jobs.hourly.event_hours import HOUR_KEY_PATTERN
from spark_jobs.tables.table_rows import read_hours

Volumes = Mapping[datetime, int]


def weeks_before(hour: datetime) -> list[datetime]:
    """Return the hours that an hour is compared with, the latest first."""
    return [hour - week * WEEK for week in range(1, VOLUME_WEEKS + 1)]


def read_volumes(
    spark: SparkSession, lake: LakeLocation, ledger: Table, column: str, hours: Collection[datetime]
) -> Volumes:
    """Return a figure of the ledger's rows that the hours are compared with."""
    compared = {before for hour in hours for before in weeks_before(hour)}
    rows = read_hours(spark, lake=lake, table=ledger, hours=compared).where(F.col("input_version") != UNFINISHED)
    key = F.date_format(ledger.partitions[0].column, HOUR_KEY_PATTERN).alias("key")
    return {parse_hour_key(row.key): row.volume for row in rows.select(key, F.col(column).alias("volume")).collect()}


def volume_figure(hour: datetime, volume: int, volumes: Volumes) -> Figure:
    """Return the volume over the median of the weeks before, as far as these are known.

    >>> from datetime import UTC, timedelta
    >>> ten = datetime(2026, 11, 22, 10, tzinfo=UTC)
    >>> volume_figure(ten, 30, {ten - timedelta(weeks=1): 10, ten - timedelta(weeks=2): 30})
    Figure(value=1.5, detail='30, usually 20 (median of 2 weeks)')
    """
    known = [volumes[before] for before in weeks_before(hour) if before in volumes]
    if len(known) < VOLUME_WEEKS_NEEDED:
        return Figure(value=None, detail=f"{volume}; only {len(known)} of {VOLUME_WEEKS} weeks before are known")
    usual = median(known)
    if not usual:
        return Figure(value=None, detail=f"{volume}; usually there is nothing, so there is no ratio")
    return Figure(value=volume / usual, detail=f"{volume}, usually {usual:g} (median of {len(known)} weeks)")
