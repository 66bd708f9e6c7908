"""Users' events → what each session came to on each day, and from that `sessions` and each user's day.

A session lies on at most two days, so there are hardly more rows than sessions: few enough to keep, and each of the
tables of users is a sum over them, without another shuffle.
"""

from collections.abc import Collection
from datetime import date
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.tables import SESSIONS, USER_DAYS
from spark_jobs.daily.steps import CART, PURCHASE, REVENUE, SEARCH, VIEW, is_step, revenue
from spark_jobs.daily.user_events import by_user, with_funnel_times, with_sessions
from spark_jobs.tables.schemas import column_names

#: Columns of a session that its first event says.
_SESSION: Final = ("session_start", "continued", "landing_event_name", "landing_product_id", "landing_pixel_id")
_COUNTS: Final = ("events", "searches", "views", "carts", "purchases")
#: The earliest times at which a user had done the steps so far, in order, on a day.
STEP_TIMES: Final = ("searched", "viewed", "carted", "purchased")


def session_days(events: DataFrame, days: Collection[date]) -> DataFrame:
    """Return one row per user, session and day, of the sessions that start on `days` and of the users' `days`.

    `events` are the clean events of the days and of one day to each side. Partitioned by user.
    """
    wanted = F.col("day").isin(*days) | start_day().isin(*days)
    return (
        events.transform(by_user)
        .transform(with_sessions)
        .transform(with_funnel_times)
        .select("*", "session.*")
        .where(wanted)
        .groupBy("user_id", "day", *_SESSION)
        .agg(
            F.min("event_time").alias("first_event"),
            F.max("event_time").alias("last_event"),
            F.count("*").alias("events"),
            F.count_if(is_step(SEARCH)).alias("searches"),
            F.count_if(is_step(VIEW)).alias("views"),
            F.count_if(is_step(CART)).alias("carts"),
            F.count_if(is_step(PURCHASE)).alias("purchases"),
            revenue().alias("revenue"),
            F.min("searched").alias("searched"),
            F.min("viewed").alias("viewed"),
            F.min("carted").alias("carted"),
            F.min(F.when(is_step(PURCHASE) & F.col("carted").isNotNull(), F.col("event_time"))).alias("purchased"),
        )
    )


def sessions(parts: DataFrame, days: Collection[date]) -> DataFrame:
    """Return the rows of `sessions` that start on `days`, from `session_days`."""
    return (
        parts.where(start_day().isin(*days))
        .groupBy("user_id", *_SESSION)
        .agg(
            F.max("last_event").alias("session_end"),
            *(F.sum(name).alias(name) for name in _COUNTS),
            F.sum("revenue").cast(REVENUE).alias("revenue"),
        )
        .select(*column_names(SESSIONS))
    )


def days_of_users(parts: DataFrame, days: Collection[date]) -> DataFrame:
    """Return one row per user and day of `days`, from `session_days`: events by step, and the times of the funnel."""
    return (
        parts.where(F.col("day").isin(*days))
        .groupBy("day", "user_id")
        .agg(
            F.min("first_event").alias("first_event"),
            F.max("last_event").alias("last_event"),
            *(F.sum(name).alias(name) for name in _COUNTS),
            *(F.min(name).alias(name) for name in STEP_TIMES),
        )
    )


def user_days(days_of_users: DataFrame) -> DataFrame:
    """Return the rows of `user_days`."""
    return days_of_users.select(*column_names(USER_DAYS))


def start_day() -> Column:
    """Return the day that owns a session (the session's time zone is UTC)."""
    return F.to_date("session_start")
