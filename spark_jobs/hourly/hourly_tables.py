"""Deduplicated events → the rows of the three hourly tables.

Everything about users comes out of one shuffle of five narrow columns by user: who is new in the hour, who did what,
and whose session starts. From there on there are only a few rows per hour and event name.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.tables import HOURLY_EVENT_COUNTS, HOURLY_PRODUCT_STATS, HOURLY_TRAFFIC, SESSION_GAP, Table
from spark_jobs.hourly.event_hours import event_hour
from spark_jobs.tables.hour_filters import in_hour_partitions
from spark_jobs.tables.schemas import SPARK_TYPES

_GAP_MICROSECONDS: Final = int(SESSION_GAP.total_seconds() * 1_000_000)
_REVENUE: Final = SPARK_TYPES["decimal(38,2)"]


def name_totals(events: DataFrame, hours: Collection[datetime]) -> DataFrame:
    """Return one row per event hour (of `hours`) and event name: what both traffic tables are sums of.

    `events` are deduplicated events of the hours and of the hour before each; of the latter, only the last 30 minutes
    matter, because an earlier event is no longer in the same session.
    """
    lookback = f"event_time + INTERVAL {SESSION_GAP.total_seconds():.0f} SECONDS"
    near = events.where(f"{in_hour_partitions('event_time', hours)} OR {in_hour_partitions(lookback, hours)}")
    columns = near.select("user_id", "event_time", event_hour().alias("event_hour"), "event_name", "price")
    return (
        columns.transform(with_session_starts)
        .where(in_hour_partitions("event_time", hours))
        .transform(_by_user_and_name)
        .groupBy("event_hour", "event_name")
        .agg(
            F.sum("events").alias("events"),
            F.count("*").alias("users"),
            F.sum("first_in_hour").alias("users_first_seen"),
            F.sum("sessions_started").alias("sessions_started"),
            F.sum("revenue").alias("revenue"),
            F.sum("purchases_without_price").alias("purchases_without_price"),
        )
    )


def with_session_starts(events: DataFrame) -> DataFrame:
    """Add `starts_session` and `first_in_hour` (0 or 1): of each user's events, in order of time.

    A gap of more than 30 minutes starts a session; exactly 30 minutes do not.
    """
    previous = F.lag("event_time").over(Window.partitionBy("user_id").orderBy("event_time"))
    gap = F.unix_micros("event_time") - F.unix_micros("previous_time")
    is_first = F.col("previous_time").isNull()
    return (
        events.withColumn("previous_time", previous)
        .withColumn("starts_session", (is_first | (gap > _GAP_MICROSECONDS)).cast("bigint"))
        .withColumn("first_in_hour", (is_first | (F.col("previous_time") < F.col("event_hour"))).cast("bigint"))
        .drop("previous_time")
    )


def _by_user_and_name(events: DataFrame) -> DataFrame:
    """Aggregate within each user, whose events lie together already: no further shuffle."""
    return events.groupBy("user_id", "event_hour", "event_name").agg(
        F.count("*").alias("events"),
        F.sum("first_in_hour").alias("first_in_hour"),
        F.sum("starts_session").alias("sessions_started"),
        _revenue().alias("revenue"),
        F.count_if(_is("Purchase") & F.col("price").isNull()).alias("purchases_without_price"),
    )


def hourly_event_counts(totals: DataFrame) -> DataFrame:
    """Return the rows of `hourly_event_counts` from `name_totals`."""
    return totals.select(*_columns(HOURLY_EVENT_COUNTS))


def hourly_traffic(totals: DataFrame) -> DataFrame:
    """Return the rows of `hourly_traffic` from `name_totals`."""
    return (
        totals.groupBy("event_hour")
        .agg(
            F.sum("events").alias("events"),
            F.sum("users_first_seen").alias("users"),
            F.sum("sessions_started").alias("sessions_started"),
            _events_named("Search").alias("searches"),
            _events_named("ViewContent").alias("views"),
            _events_named("AddToCart").alias("carts"),
            _events_named("Purchase").alias("purchases"),
            F.sum("revenue").cast(_REVENUE).alias("revenue"),
            F.sum("purchases_without_price").alias("purchases_without_price"),
        )
        .select(*_columns(HOURLY_TRAFFIC))
    )


def hourly_product_stats(events: DataFrame) -> DataFrame:
    """Return the rows of `hourly_product_stats` from deduplicated events: what was viewed, put in a cart, bought."""
    counted = events.where(
        F.col("product_id").isNotNull() & F.col("event_name").isin("ViewContent", "AddToCart", "Purchase")
    )
    return (
        counted.select(event_hour().alias("event_hour"), "product_id", "event_name", "price")
        .groupBy("event_hour", "product_id")
        .agg(
            F.count_if(_is("ViewContent")).alias("views"),
            F.count_if(_is("AddToCart")).alias("carts"),
            F.count_if(_is("Purchase")).alias("purchases"),
            _revenue().cast(_REVENUE).alias("revenue"),
        )
        .select(*_columns(HOURLY_PRODUCT_STATS))
    )


def _is(event_name: str) -> Column:
    return F.col("event_name") == event_name


def _revenue() -> Column:
    """Return the sum of the prices of purchases, `decimal(38,2)`."""
    return F.coalesce(F.sum(F.when(_is("Purchase"), F.col("price"))), F.lit(0).cast(_REVENUE))


def _events_named(event_name: str) -> Column:
    return F.sum(F.when(_is(event_name), F.col("events")).otherwise(0))


def _columns(table: Table) -> list[str]:
    return [column.name for column in table.columns]
