"""A range of landing hours → everything in and behind it that is stale, made again, in one session.

The level-triggered safety net: it asks what is there and what it was made from, never what happened. So it finds late
objects, events that a paused consumer lost, and what a run left undone that died.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import SparkSession

from contracts.names import LakeLocation
from contracts.partitions import HOUR, hours_between
from spark_jobs.aggregate_hours import Aggregation, aggregate_hours
from spark_jobs.errors import SparkJobError
from spark_jobs.hours_to_make import stale_event_hours_around
from spark_jobs.landing_plan import LandingRules
from spark_jobs.ledger import read_landed_hours
from spark_jobs.raw_objects import landed_objects, raw_store
from spark_jobs.table_io import ensure_tables
from spark_jobs.transform_events import TransformReport, transform_landing_hours


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """What a run did; `transform_error` is why landing hours could not be transformed, if they could not."""

    transformed: TransformReport
    transform_error: str | None
    aggregated: Aggregation
    open_hours: tuple[datetime, ...]


def reconcile_hours(
    spark: SparkSession, lake: LakeLocation, start: datetime, end: datetime, settled_before: datetime
) -> Reconciliation:
    """Transform the stale landing hours of `[start, end)` that are settled, then make every stale event hour.

    An hour that can't be transformed (its raw objects expired, say) does not keep event hours from being made.
    """
    ensure_tables(spark, lake)
    rules = LandingRules(settled_before=settled_before)
    hours = list(hours_between(start, end))
    settled = [hour for hour in hours if hour + HOUR <= settled_before]
    error, report = None, TransformReport(written=(), unchanged=(), unreadable=())
    try:
        report = transform_landing_hours(spark, lake, known_landing_hours(spark, lake, settled), rules)
    except SparkJobError as failure:
        error = str(failure)
    stale = stale_event_hours_around(spark, lake, start, end)
    try:
        aggregated = aggregate_hours(spark, lake, stale)
    except SparkJobError as failure:
        if error is None:
            raise
        raise SparkJobError(f"{failure}\nBefore that: {error}") from failure
    return Reconciliation(
        transformed=report, transform_error=error, aggregated=aggregated, open_hours=tuple(hours[len(settled) :])
    )


def known_landing_hours(spark: SparkSession, lake: LakeLocation, hours: Sequence[datetime]) -> list[datetime]:
    """Return those of the (consecutive) hours that have a raw object or a row of the ledger; the others are no gaps."""
    if not hours:
        return []
    objects = landed_objects(raw_store(lake.raw_uri), hours)
    noted = {row.landing_hour for row in read_landed_hours(spark, lake, hours[0], hours[-1] + HOUR)}
    return [hour for hour in hours if objects.get(hour) or hour in noted]
