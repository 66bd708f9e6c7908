"""`received_events` → rows per event hour, from the table's own metadata: no data file is opened."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.names import LakeLocation
from contracts.partitions import HOUR, hour_key
from contracts.staleness import EventHourInput
from contracts.tables import RECEIVED_EVENTS
from spark_jobs.errors import UnsettledInputError

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_NAMED: Final = 10


def received_rows(spark: SparkSession, lake: LakeLocation, snapshot: int | None) -> DataFrame:
    """Return `received_events` as of a snapshot; None is a table that nothing was written to yet."""
    return _as_of(spark, snapshot, lake.table(RECEIVED_EVENTS.name))


def received_by_hour(
    spark: SparkSession, lake: LakeLocation, snapshot: int | None, hours: Collection[datetime]
) -> Mapping[datetime, int]:
    """Return the rows of event hours in a snapshot, as its manifests count them; an hour without any is left out."""
    partitions = _as_of(spark, snapshot, f"{lake.table(RECEIVED_EVENTS.name)}.partitions")
    hour = F.col("partition.event_time_hour")
    wanted = partitions.where(hour.between(_ordinal(min(hours)), _ordinal(max(hours)))).select(hour, "record_count")
    counted: dict[datetime, int] = defaultdict(int)
    for row in wanted.collect():
        counted[_EPOCH + row.event_time_hour * HOUR] += row.record_count
    return counted


def check_received(expected: Iterable[EventHourInput], counted: Mapping[datetime, int]) -> None:
    """Raise `UnsettledInputError` unless each hour has the rows that the landing ledger says it was given."""
    differing = [hour for hour in expected if counted.get(hour.event_hour, 0) != hour.received]
    if differing:
        named = ", ".join(
            f"{hour_key(hour.event_hour)} has {counted.get(hour.event_hour, 0)}, noted {hour.received}"
            for hour in differing[:_MOST_NAMED]
        )
        raise UnsettledInputError(
            f"received_events and landing_ledger disagree in {len(differing)} event hours ({named}); a transform of "
            "their landing hours is still running, or died: run it again",
            hours=[hour.event_hour for hour in differing],
        )


def _ordinal(hour: datetime) -> int:
    return (hour - _EPOCH) // HOUR


def _as_of(spark: SparkSession, snapshot: int | None, name: str) -> DataFrame:
    return spark.table(name) if snapshot is None else spark.read.option("snapshot-id", str(snapshot)).table(name)
