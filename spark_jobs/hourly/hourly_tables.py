"""Deduplicated events, flagged → the rows of the three hourly tables.

Everything about users comes out of one shuffle of six narrow columns by user: who is new in the hour, who did what, and
whose session starts. From there on there are only a few rows per hour and event name. Each measure is made twice, of
all events and without those of bots, in the same pass.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.tables import (
    HOURLY_EVENT_COUNTS,
    HOURLY_PRODUCT_STATS,
    HOURLY_TRAFFIC,
    SESSION_GAP,
    WITHOUT_BOTS,
    Table,
)
from spark_jobs.hourly.event_hours import event_hour
from spark_jobs.tables.hour_filters import in_hour_partitions
from spark_jobs.tables.schemas import SPARK_TYPES

_GAP_MICROSECONDS: Final = int(SESSION_GAP.total_seconds() * 1_000_000)
_REVENUE: Final = SPARK_TYPES["decimal(38,2)"]

#: What a measure's name ends with → the condition on the events that it counts.
_VARIANTS: Final = {"": "true", WITHOUT_BOTS: "NOT is_bot"}


def name_totals(events: DataFrame, hours: Collection[datetime]) -> DataFrame:
    """Return one row per event hour (of `hours`) and event name: what both traffic tables are sums of.

    `events` are deduplicated events of the hours and of the hour before each; of the latter, only the last 30 minutes
    matter, because an earlier event is no longer in the same session, and never whether it is a bot's.
    """
    lookback = f"event_time + INTERVAL {SESSION_GAP.total_seconds():.0f} SECONDS"
    near = events.where(f"{in_hour_partitions('event_time', hours)} OR {in_hour_partitions(lookback, hours)}")
    columns = near.select("user_id", "event_time", event_hour().alias("event_hour"), "event_name", "price", "is_bot")
    return (
        columns.transform(with_firsts)
        .where(in_hour_partitions("event_time", hours))
        .transform(_by_user_and_name)
        .groupBy("event_hour", "event_name")
        .agg(*(total for of in _VARIANTS for total in _totals(of)))
    )


def with_firsts(events: DataFrame) -> DataFrame:
    """Add `starts_session`, `first_in_hour` and `first_in_hour_without_bots`: of each user's events, in order of time.

    A gap of more than 30 minutes starts a session; exactly 30 minutes do not. One sort serves all three. Of events at
    one time, those that are not flagged come first, so that what starts a session does not depend on chance.
    """
    by_time = Window.partitionBy("user_id").orderBy("event_time", "is_bot")
    before = by_time.rowsBetween(Window.unboundedPreceding, -1)
    times = events.withColumn("previous", F.lag("event_time").over(by_time)).withColumn(
        "previous_without_bots", F.max(F.when(~F.col("is_bot"), F.col("event_time"))).over(before)
    )
    gap = F.unix_micros("event_time") - F.unix_micros("previous")
    return (
        times.withColumn("starts_session", F.col("previous").isNull() | (gap > _GAP_MICROSECONDS))
        .withColumn("first_in_hour", _before_the_hour("previous"))
        .withColumn("first_in_hour_without_bots", ~F.col("is_bot") & _before_the_hour("previous_without_bots"))
        .drop("previous", "previous_without_bots")
    )


def _before_the_hour(time: str) -> Column:
    return F.col(time).isNull() | (F.col(time) < F.col("event_hour"))


def _by_user_and_name(events: DataFrame) -> DataFrame:
    """Aggregate within each user, whose events lie together already: no further shuffle."""
    measures = (measure for of, counted in _VARIANTS.items() for measure in _of_user(of, F.expr(counted)))
    return events.groupBy("user_id", "event_hour", "event_name").agg(*measures)


def _of_user(of: str, counted: Column) -> list[Column]:
    """Return the measures of one user's events of one name, over those that are counted."""
    return [
        F.count_if(counted).alias(f"events{of}"),
        F.count_if(f"first_in_hour{of}").alias(f"first_in_hour{of}"),
        F.count_if(counted & F.col("starts_session")).alias(f"sessions_started{of}"),
        _revenue(counted).alias(f"revenue{of}"),
        F.count_if(counted & _is("Purchase") & F.col("price").isNull()).alias(f"purchases_without_price{of}"),
    ]


def _totals(of: str) -> list[Column]:
    """Return the sums, over users, of the measures of one event name."""
    return [
        F.sum(f"events{of}").alias(f"events{of}"),
        F.count_if(F.col(f"events{of}") > 0).alias(f"users{of}"),
        F.sum(f"first_in_hour{of}").alias(f"users_first_seen{of}"),
        F.sum(f"sessions_started{of}").alias(f"sessions_started{of}"),
        F.sum(f"revenue{of}").alias(f"revenue{of}"),
        F.sum(f"purchases_without_price{of}").alias(f"purchases_without_price{of}"),
    ]


def hourly_event_counts(totals: DataFrame) -> DataFrame:
    """Return the rows of `hourly_event_counts` from `name_totals`."""
    return totals.select(*_columns(HOURLY_EVENT_COUNTS))


def hourly_traffic(totals: DataFrame) -> DataFrame:
    """Return the rows of `hourly_traffic` from `name_totals`."""
    measures = (measure for of in _VARIANTS for measure in _traffic(of))
    return totals.groupBy("event_hour").agg(*measures).select(*_columns(HOURLY_TRAFFIC))


def _traffic(of: str) -> list[Column]:
    return [
        F.sum(f"events{of}").alias(f"events{of}"),
        F.sum(f"users_first_seen{of}").alias(f"users{of}"),
        F.sum(f"sessions_started{of}").alias(f"sessions_started{of}"),
        _events_named("Search", of).alias(f"searches{of}"),
        _events_named("ViewContent", of).alias(f"views{of}"),
        _events_named("AddToCart", of).alias(f"carts{of}"),
        _events_named("Purchase", of).alias(f"purchases{of}"),
        F.sum(f"revenue{of}").cast(_REVENUE).alias(f"revenue{of}"),
        F.sum(f"purchases_without_price{of}").alias(f"purchases_without_price{of}"),
    ]


def hourly_product_stats(events: DataFrame) -> DataFrame:
    """Return the rows of `hourly_product_stats` from flagged events: what was viewed, put in a cart, bought."""
    seen = events.where(
        F.col("product_id").isNotNull() & F.col("event_name").isin("ViewContent", "AddToCart", "Purchase")
    )
    measures = (measure for of, counted in _VARIANTS.items() for measure in _product(of, F.expr(counted)))
    return (
        seen.select(event_hour().alias("event_hour"), "product_id", "event_name", "price", "is_bot")
        .groupBy("event_hour", "product_id")
        .agg(*measures)
        .select(*_columns(HOURLY_PRODUCT_STATS))
    )


def _product(of: str, counted: Column) -> list[Column]:
    return [
        F.count_if(counted & _is("ViewContent")).alias(f"views{of}"),
        F.count_if(counted & _is("AddToCart")).alias(f"carts{of}"),
        F.count_if(counted & _is("Purchase")).alias(f"purchases{of}"),
        _revenue(counted).cast(_REVENUE).alias(f"revenue{of}"),
    ]


def _is(event_name: str) -> Column:
    return F.col("event_name") == event_name


def _revenue(counted: Column) -> Column:
    """Return the sum of the prices of purchases, `decimal(38,2)`."""
    return F.coalesce(F.sum(F.when(counted & _is("Purchase"), F.col("price"))), F.lit(0).cast(_REVENUE))


def _events_named(event_name: str, of: str) -> Column:
    return F.sum(F.when(_is(event_name), F.col(f"events{of}")).otherwise(0))


def _columns(table: Table) -> list[str]:
    return [column.name for column in table.columns]
