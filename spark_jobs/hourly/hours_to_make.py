"""Ledgers of a lake → the event hours that there are, and those that are stale, around a range of hours."""

from collections.abc import Collection
from datetime import datetime

from pyspark.sql import SparkSession

from contracts.names import LakeLocation
from contracts.partitions import HOUR
from contracts.staleness import EventHourInput, event_hour_inputs, stale_event_hours
from contracts.versions import event_hours_fed_by, landing_hours_feeding
from spark_jobs.tables.ledger import read_event_rows, read_landed_hours


def read_inputs(spark: SparkSession, lake: LakeLocation, hours: Collection[datetime]) -> dict[datetime, EventHourInput]:
    """Return what each of the event hours would be made from, by the landing ledger as it is now."""
    if not hours:
        return {}
    landed = read_landed_hours(spark, lake, *landing_hours_feeding(min(hours), max(hours)))
    return event_hour_inputs(hours, landed)


def known_event_hours(spark: SparkSession, lake: LakeLocation, start: datetime, end: datetime) -> list[datetime]:
    """Return, in order, the event hours in `[start, end)` that have received events or were made before."""
    landed = read_landed_hours(spark, lake, *landing_hours_feeding(start, end - HOUR))
    fed = {hour for row in landed for hour, rows in row.received_by_event_hour.items() if rows}
    made = {row.event_hour for row in read_event_rows(spark, lake, start, end)}
    return sorted(hour for hour in fed | made if start <= hour < end)


def stale_event_hours_around(spark: SparkSession, lake: LakeLocation, start: datetime, end: datetime) -> list[datetime]:
    """Return, in order, the stale event hours that the landing hours in `[start, end)` can have touched."""
    event_start, event_end = event_hours_fed_by(start, end)
    inputs = read_inputs(spark, lake, known_event_hours(spark, lake, event_start, event_end))
    return stale_event_hours(inputs, read_event_rows(spark, lake, event_start, event_end))
