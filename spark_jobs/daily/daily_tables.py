"""Users' days, sessions, hourly traffic and clean events → the daily tables, and the figures of a day.

What counts events is a sum over hours; what counts users or sessions is not, and comes from their own tables. A cohort
is the users that were new on one day: two days on which a user is new are more than 90 days apart, so within 31 days a
user belongs to one cohort, and `users_by_cohort` has at most some hundred rows per day. The funnel's median is exact,
and yet no list of times is held in memory: the times are sorted, on disk if need be, and the one or two in the middle
are picked by their place.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.event import STANDARD_EVENTS
from contracts.rules import NEW_USER_DAYS, RETENTION_DAYS
from contracts.tables import (
    DAILY_FUNNEL,
    DAILY_PRODUCT_STATS,
    DAILY_RETENTION,
    DAILY_TRAFFIC,
)
from spark_jobs.daily.user_sessions import CART, PURCHASE, REVENUE, STEP_TIMES, VIEW, is_step, revenue, start_day
from spark_jobs.lake.types import column_names

#: A step's number, its event, and columns of a user's day: events of the step, its time, the time of the step before.
_STEPS: Final = tuple(
    zip(
        range(1, 5),
        STANDARD_EVENTS,
        ("searches", "views", "carts", "purchases"),
        STEP_TIMES,
        (None, *STEP_TIMES[:-1]),
        strict=True,
    )
)
_MICROSECONDS: Final = 1_000_000


def users_by_cohort(user_days: DataFrame) -> DataFrame:
    """Return (day, cohort_day, users): the users of each day, by the latest day on which they were new.

    It is right for days whose 120 days before are all in `user_days`: a cohort at most 30 days old is then known.
    """
    of_user = Window.partitionBy("user_id").orderBy("day")
    so_far = of_user.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    is_new = F.col("day_before").isNull() | (F.date_diff("day", "day_before") > NEW_USER_DAYS)
    return (
        user_days.select("user_id", "day")
        .withColumn("day_before", F.lag("day").over(of_user))
        .withColumn("cohort_day", F.last(F.when(is_new, F.col("day")), ignorenulls=True).over(so_far))
        .groupBy("day", "cohort_day")
        .agg(F.count("*").alias("users"))
    )


def new_and_returning(by_cohort: DataFrame) -> DataFrame:
    """Return (day, users, new_users, returning_users)."""
    is_new = F.col("cohort_day") == F.col("day")
    return by_cohort.groupBy("day").agg(
        F.sum("users").alias("users"),
        F.sum(F.when(is_new, F.col("users")).otherwise(0)).alias("new_users"),
        F.sum(F.when(is_new, 0).otherwise(F.col("users"))).alias("returning_users"),
    )


def daily_retention(by_cohort: DataFrame, days: Collection[date]) -> DataFrame:
    """Return the rows of `daily_retention` of `days`: each with users, and each cohort up to 30 days old by then."""
    cohorts = by_cohort.where("cohort_day = day").select("cohort_day", F.col("users").alias("cohort_users"))
    active = by_cohort.select("day", "cohort_day", F.col("users").alias("active_users"))
    with_users = by_cohort.select("day").where(F.col("day").isin(*days)).distinct()
    age = F.date_diff("day", "cohort_day").cast("bigint")
    return (
        with_users.join(F.broadcast(cohorts), age.between(0, RETENTION_DAYS))
        .join(active, ["day", "cohort_day"], "left")
        .withColumn("age", age)
        .fillna(0, ["active_users"])
        .select(*column_names(DAILY_RETENTION))
    )


def daily_traffic(by_cohort: DataFrame, sessions: DataFrame, hourly_traffic: DataFrame) -> DataFrame:
    """Return a row for each day with users in `by_cohort`, whose sessions and hours the other two must hold."""
    return (
        new_and_returning(by_cohort)
        .join(sessions.transform(_sessions_by_day), "day", "left")
        .join(hourly_traffic.transform(_traffic_by_day), "day", "left")
        .fillna(0, ["sessions", "bounces", "converted_sessions"])
        .withColumn("bounce_share", _share("bounces"))
        .withColumn("conversion", _share("converted_sessions"))
        .withColumn("average_order", average_order())
        .select(*column_names(DAILY_TRAFFIC))
    )


def _sessions_by_day(sessions: DataFrame) -> DataFrame:
    counted = sessions.where(~F.col("continued")).groupBy(start_day().alias("day"))
    return counted.agg(
        F.count("*").alias("sessions"),
        F.count_if(F.col("events") == 1).alias("bounces"),
        F.count_if(F.col("purchases") > 0).alias("converted_sessions"),
    )


def _traffic_by_day(hourly_traffic: DataFrame) -> DataFrame:
    return hourly_traffic.groupBy(F.to_date("event_hour").alias("day")).agg(
        F.sum("events").alias("events"),
        F.sum("purchases").alias("purchases"),
        F.sum("revenue").cast(REVENUE).alias("revenue"),
        F.sum("purchases_without_price").alias("purchases_without_price"),
    )


def _share(sessions: str) -> Column:
    return F.col(sessions) / F.nullif(F.col("sessions"), F.lit(0))


def average_order() -> Column:
    """Return revenue / purchases with a price, rounded half up; null without any.

    In whole cents, since a decimal quotient is rounded to six places before it could be rounded to two.
    """
    cents = "CAST(revenue * 200 AS DECIMAL(38,0))"
    priced = "nullif(purchases - purchases_without_price, 0)"
    return F.expr(f"CAST((({cents} + {priced}) DIV (2 * {priced})) * 0.01BD AS {REVENUE.simpleString()})")


def daily_funnel(days_of_users: DataFrame) -> DataFrame:
    """Return the rows of `daily_funnel`: four for each day that has users."""
    users = days_of_users.groupBy("day").agg(*(column for step in _STEPS for column in _users(*step)))
    steps = users.select("day", F.inline(F.array(*(_step(*step) for step in _STEPS))))
    medians = days_of_users.transform(_step_durations).transform(_medians)
    return steps.join(F.broadcast(medians), ["day", "step"], "left").select(*column_names(DAILY_FUNNEL))


def _users(number: int, _event: str, count: str, time: str, _before: str | None) -> Sequence[Column]:
    return F.count(time).alias(f"in_order_{number}"), F.count_if(F.col(count) > 0).alias(f"in_any_order_{number}")


def _step(number: int, event: str, _count: str, _time: str, _before: str | None) -> Column:
    return F.struct(
        F.lit(number).cast("bigint").alias("step"),
        F.lit(event).alias("event_name"),
        F.col(f"in_order_{number}").alias("users_in_order"),
        F.col(f"in_any_order_{number}").alias("users_in_any_order"),
    )


def _step_durations(days_of_users: DataFrame) -> DataFrame:
    """Return (day, step, microseconds) for each user and step after the first that was done in order."""
    durations = F.array(
        *(
            F.struct(
                F.lit(number).cast("bigint").alias("step"),
                (F.unix_micros(time) - F.unix_micros(before)).alias("microseconds"),
            )
            for number, _, _, time, before in _STEPS
            if before is not None
        )
    )
    return days_of_users.select("day", F.inline(durations)).where("microseconds IS NOT NULL")


def _medians(durations: DataFrame) -> DataFrame:
    """Return (day, step, median_seconds): the middle duration, or the mean of the two in the middle."""
    of_step = Window.partitionBy("day", "step")
    placed = durations.select(
        "day",
        "step",
        "microseconds",
        F.row_number().over(of_step.orderBy("microseconds")).alias("place"),
        F.count("*").over(of_step).alias("users"),
    )
    is_middle = F.expr("place IN ((users + 1) DIV 2, (users + 2) DIV 2)")
    mean = F.avg("microseconds") / _MICROSECONDS
    return placed.where(is_middle).groupBy("day", "step").agg(mean.alias("median_seconds"))


def daily_product_stats(events: DataFrame, days: Collection[date]) -> DataFrame:
    """Return the rows of `days`. Users are counted from one row per user and product, not from a set of users."""
    counted = events.where(F.col("product_id").isNotNull() & F.col("event_name").isin(VIEW, CART, PURCHASE))
    return (
        counted.select(F.to_date("event_time").alias("day"), "product_id", "user_id", "event_name", "price")
        .where(F.col("day").isin(*days))
        .groupBy("day", "product_id", "user_id")
        .agg(
            F.count_if(is_step(VIEW)).alias("views"),
            F.count_if(is_step(CART)).alias("carts"),
            F.count_if(is_step(PURCHASE)).alias("purchases"),
            revenue().alias("revenue"),
        )
        .groupBy("day", "product_id")
        .agg(
            F.count("*").alias("users"),
            *(F.sum(name).alias(name) for name in ("views", "carts", "purchases")),
            F.sum("revenue").cast(REVENUE).alias("revenue"),
        )
        .select(*column_names(DAILY_PRODUCT_STATS))
    )


@dataclass(frozen=True, kw_only=True)
class DayFigures:
    """What a day came to; `users_fingerprint` is the same for the same set of users, and for no other."""

    events: int = 0
    users: int = 0
    sessions: int = 0
    users_fingerprint: str = ""


def day_figures(days_of_users: DataFrame, sessions: DataFrame, days: Collection[date]) -> dict[date, DayFigures]:
    """Return the figures of each of the days; collects one row per day."""
    users = days_of_users.groupBy("day").agg(
        F.sum("events").alias("events"), F.count("*").alias("users"), _fingerprint().alias("users_fingerprint")
    )
    starts = sessions.groupBy(F.to_date("session_start").alias("day")).agg(F.count("*").alias("sessions"))
    rows = users.join(starts, "day", "full").fillna(0).fillna("").collect()
    figures = {
        row.day: DayFigures(
            events=row.events, users=row.users, sessions=row.sessions, users_fingerprint=row.users_fingerprint
        )
        for row in rows
    }
    return {day: figures.get(day, DayFigures()) for day in days}


def _fingerprint() -> Column:
    """Return a hash of a set of users that does not depend on their order: each is hashed, and sums are order-free.

    Two 64-bit hashes with different seeds, so that sets that happen to agree in one sum differ in the other.
    """
    sums = (F.sum(F.xxhash64(F.lit(seed), "user_id").cast("decimal(20,0)")) for seed in (1, 2))
    return F.substring(F.sha2(F.concat_ws(" ", F.count("*"), *sums), 256), 1, 32)
