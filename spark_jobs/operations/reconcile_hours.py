"""A range of landing hours → everything in and behind it that is stale, made again, in one session.

The level-triggered safety net: it asks what is there and what it was made from, never what happened. So it finds late
objects, events that a paused consumer lost, and what a run left undone that died.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import SparkSession

from contracts.names import LakeLocation
from contracts.partitions import HOUR, hour_key, hours_between
from spark_jobs.errors import MissingObjectsError, SparkJobError, UnsettledInputError
from spark_jobs.hourly.aggregate_hours import Aggregation, aggregate_hours
from spark_jobs.hourly.hours_to_make import stale_event_hours_around
from spark_jobs.landing.landing_plan import LandingRules
from spark_jobs.landing.transform_events import TransformReport, transform_landing_hours
from spark_jobs.raw.raw_objects import landed_objects, raw_store
from spark_jobs.tables.ledger import read_landed_hours
from spark_jobs.tables.table_io import ensure_tables


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """What a run did; `errors` say which landing and event hours could not be made, and why."""

    transformed: TransformReport
    aggregated: Aggregation
    open_hours: tuple[datetime, ...]
    errors: tuple[str, ...]


def reconcile_hours(
    spark: SparkSession, lake: LakeLocation, start: datetime, end: datetime, settled_before: datetime
) -> Reconciliation:
    """Transform the stale landing hours of `[start, end)` that are settled, then make every stale event hour.

    An hour that can't be made does not keep others from it; nothing is raised that concerns some hours only.
    """
    ensure_tables(spark, lake)
    hours = list(hours_between(start, end))
    settled = [hour for hour in hours if hour + HOUR <= settled_before]
    errors: list[str] = []
    transformed = _transform(spark, lake, settled, LandingRules(settled_before=settled_before), errors)
    aggregated = _aggregate(spark, lake, stale_event_hours_around(spark, lake, start, end), errors)
    return Reconciliation(
        transformed=transformed, aggregated=aggregated, open_hours=tuple(hours[len(settled) :]), errors=tuple(errors)
    )


def _transform(
    spark: SparkSession, lake: LakeLocation, settled: Sequence[datetime], rules: LandingRules, errors: list[str]
) -> TransformReport:
    """Transform what can be; hours whose objects are gone (expired, say) are left as they are."""
    try:
        hours = known_landing_hours(spark, lake, settled)
        while hours:
            try:
                return transform_landing_hours(spark, lake, hours, rules)
            except MissingObjectsError as missing:
                errors.append(f"{_named('landing', missing.hours)} not transformed: {missing}")
                hours = [hour for hour in hours if hour not in missing.hours]
    except SparkJobError as failure:
        errors.append(f"no landing hour was transformed: {failure}")
    return TransformReport(written=(), unchanged=(), unreadable=())


def _aggregate(spark: SparkSession, lake: LakeLocation, stale: Sequence[datetime], errors: list[str]) -> Aggregation:
    """Make what can be; an hour whose input is between two commits, perhaps for good, is left out."""
    hours = list(stale)
    try:
        while hours:
            try:
                return aggregate_hours(spark, lake, hours)
            except UnsettledInputError as unsettled:
                errors.append(f"{_named('event', unsettled.hours)} not made: {unsettled}")
                hours = [hour for hour in hours if hour not in unsettled.hours]
    except SparkJobError as failure:
        errors.append(f"no event hour was made: {failure}")
    return Aggregation()


def _named(kind: str, hours: Collection[datetime]) -> str:
    return f"{kind} hours {' '.join(hour_key(hour) for hour in sorted(hours))} were"


def known_landing_hours(spark: SparkSession, lake: LakeLocation, hours: Sequence[datetime]) -> list[datetime]:
    """Return those of the (consecutive) hours that have a raw object or a row of the ledger; the others are no gaps."""
    if not hours:
        return []
    objects = landed_objects(raw_store(lake.raw_uri), hours)
    noted = {row.landing_hour for row in read_landed_hours(spark, lake, hours[0], hours[-1] + HOUR)}
    return [hour for hour in hours if objects.get(hour) or hour in noted]
