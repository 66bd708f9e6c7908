"""A range of landing hours → everything in and behind it that is stale, made again, in one session.

The level-triggered safety net: it asks what is there and what it was made from, never what happened. So it finds late
objects, events that a paused consumer lost, and what a run left undone that died.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from pyspark.sql import SparkSession

from contracts.names import LakeLocation
from contracts.partitions import DAY, HOUR, day_key, day_of, hour_key, hours_between, start_of_day
from contracts.raw_survey import RawSurvey, survey_raw
from contracts.tables import NEW_USER_DAYS, RETENTION_DAYS
from contracts.versions import days_fed_by
from spark_jobs.daily.aggregate_days import DayAggregation, aggregate_days
from spark_jobs.daily.days_to_make import awaited_by_stale_days, days_needing
from spark_jobs.errors import (
    LedgerImbalanceError,
    MissingObjectsError,
    RawStoreError,
    SparkJobError,
    UnsettledInputError,
)
from spark_jobs.hourly.aggregate_hours import Aggregation, aggregate_possible_hours
from spark_jobs.hourly.hours_to_make import stale_event_hours_around
from spark_jobs.landing.landing_plan import LandingRules
from spark_jobs.landing.transform_events import TransformReport, transform_landing_hours
from spark_jobs.raw.raw_objects import landed_objects, raw_store
from spark_jobs.tables.ledger import read_landed_hours
from spark_jobs.tables.retries import retrying
from spark_jobs.tables.table_evolution import ensure_tables


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """What a run did; `errors` say which landing hours, event hours and days could not be made, and why.

    What is held back by a data check is no error of this run: whoever made the hour in which it failed says so.
    `open_days` are stale and left as they are, each until another is over and settled: itself, or the day after.
    """

    transformed: TransformReport
    aggregated: Aggregation
    days: DayAggregation
    open_hours: tuple[datetime, ...]
    open_days: Mapping[date, date]
    errors: tuple[str, ...]
    survey: RawSurvey | None


def reconcile_hours(
    spark: SparkSession, lake: LakeLocation, start: datetime, end: datetime, settled_before: datetime
) -> Reconciliation:
    """Transform the stale landing hours of `[start, end)` that are settled, then make every due event hour and day.

    An hour that can't be made does not keep others from it; nothing is raised that concerns some hours only.
    """
    ensure_tables(spark, lake)
    hours = list(hours_between(start, end))
    settled = [hour for hour in hours if hour + HOUR <= settled_before]
    errors: list[str] = []
    transformed = _transform(spark, lake, settled, LandingRules(settled_before=settled_before), errors)
    survey = _survey(lake, start, end)
    aggregated = _aggregate(spark, lake, retrying(lambda: stale_event_hours_around(spark, lake, start, end)), errors)
    waiting = {day_of(hour) for hour in aggregated.held_back}
    stale = retrying(lambda: awaited_by_stale_days(spark, lake, *_days_touched(start, end)))
    open_days = {day: other for day, other in stale.items() if other and start_of_day(other + DAY) > settled_before}
    left_behind = [day for day in stale if day not in open_days and day not in waiting]
    days = _aggregate_days(spark, lake, left_behind, errors)
    made = {row.day for row in days.made}
    return Reconciliation(
        transformed=transformed,
        aggregated=aggregated,
        days=days,
        open_hours=tuple(hours[len(settled) :]),
        open_days={day: other for day, other in open_days.items() if day not in made},
        errors=tuple(errors),
        survey=survey,
    )


def _survey(lake: LakeLocation, start: datetime, end: datetime) -> RawSurvey | None:
    """Look at the folders of raw objects; a place that can't be listed is an error of the transform already."""
    try:
        return survey_raw(raw_store(lake.raw_uri), start, end)
    except RawStoreError:
        return None


def _transform(
    spark: SparkSession, lake: LakeLocation, settled: Sequence[datetime], rules: LandingRules, errors: list[str]
) -> TransformReport:
    """Transform what can be; hours whose objects are gone (expired, say) are left as they are."""
    try:
        known = retrying(lambda: known_landing_hours(spark, lake, settled))
        return _transform_known(spark, lake, known, rules, errors)
    except SparkJobError as failure:
        errors.append(f"no landing hour was transformed: {failure}")
    return TransformReport()


def _transform_known(
    spark: SparkSession, lake: LakeLocation, hours: Sequence[datetime], rules: LandingRules, errors: list[str]
) -> TransformReport:
    """Transform hours in one go; if an object can't be read (forbidden, say), in halves, until it stands alone."""
    while hours:
        try:
            return transform_landing_hours(spark, lake, hours, rules)
        except MissingObjectsError as missing:
            errors.append(f"{_named('landing', missing.hours)} not transformed: {missing}")
            hours = [hour for hour in hours if hour not in missing.hours]
        except RawStoreError as unreadable:
            if len(hours) == 1:
                errors.append(f"{_named('landing', hours)} not transformed: {unreadable}")
                break
            half = len(hours) // 2
            halves = (_transform_known(spark, lake, part, rules, errors) for part in (hours[:half], hours[half:]))
            return next(halves) + next(halves)
    return TransformReport()


def _aggregate(spark: SparkSession, lake: LakeLocation, stale: Sequence[datetime], errors: list[str]) -> Aggregation:
    """Make what can be."""

    def left_out(refused: UnsettledInputError | LedgerImbalanceError) -> None:
        errors.append(f"{_named('event', refused.hours)} not made: {refused}")

    try:
        return aggregate_possible_hours(spark, lake, stale, left_out=left_out, hold_back=True)
    except SparkJobError as failure:
        errors.append(f"no event hour was made: {failure}")
    return Aggregation()


def _days_touched(start: datetime, end: datetime) -> tuple[date, date]:
    """Return `[first, end)` of the days of which the landing hours can change what is said of events or of users."""
    first, fed_end = days_fed_by(start, end)
    return first, fed_end + (NEW_USER_DAYS + RETENTION_DAYS) * DAY


def _aggregate_days(
    spark: SparkSession, lake: LakeLocation, stale: Sequence[date], errors: list[str]
) -> DayAggregation:
    """Make what can be; days that need an event hour whose tables are between two commits are left out."""
    days = list(stale)
    try:
        while days:
            try:
                return aggregate_days(spark, lake, days, hold_back=True)
            except UnsettledInputError as unsettled:
                waiting = days_needing(unsettled.hours) & set(days) or set(days)
                errors.append(f"days {' '.join(map(day_key, sorted(waiting)))} were not made: {unsettled}")
                days = [day for day in days if day not in waiting]
    except SparkJobError as failure:
        errors.append(f"no day was made: {failure}")
    return DayAggregation()


def _named(kind: str, hours: Collection[datetime]) -> str:
    return f"{kind} hours {' '.join(hour_key(hour) for hour in sorted(hours))} were"


def known_landing_hours(spark: SparkSession, lake: LakeLocation, hours: Sequence[datetime]) -> list[datetime]:
    """Return those of the (consecutive) hours that have a raw object or a row of the ledger; the others are no gaps."""
    if not hours:
        return []
    objects = landed_objects(raw_store(lake.raw_uri), hours)
    noted = {row.landing_hour for row in read_landed_hours(spark, lake, hours[0], hours[-1] + HOUR)}
    return [hour for hour in hours if objects.get(hour) or hour in noted]
