"""Clean events → each user's sessions and days, all from one shuffle by user and one sort.

Every window here is over a user's events, or those of a user's day, in the same order of time, and spills to disk if a
user has too many. A session lies on at most two days, so `session_days` has hardly more rows than there are sessions:
few enough to keep, and each of the tables of users is a sum over them, without another shuffle.
"""

from collections.abc import Collection
from datetime import date
from typing import Final

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.event import STANDARD_EVENTS
from contracts.rules import SESSION_GAP
from contracts.tables import SESSIONS, USER_DAYS
from spark_jobs.lake.types import SPARK_TYPES, column_names

#: The four events with a meaning, in the order of the funnel.
SEARCH, VIEW, CART, PURCHASE = STANDARD_EVENTS
REVENUE: Final = SPARK_TYPES["decimal(38,2)"]

_GAP: Final = int(SESSION_GAP.total_seconds() * 1_000_000)

#: Events at one time are in the order of their arrival; `click_id`, unique within an hour, decides the rest.
_IN_ORDER: Final = ("day", "event_time", "received_at", "click_id")

#: The columns of a session that come from its first event.
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
        events.transform(_by_user)
        .transform(_with_sessions)
        .transform(_with_funnel_times)
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


def _by_user(events: DataFrame) -> DataFrame:
    """Return the columns of clean events that users are known by, with the `day`, shuffled by user."""
    return events.select(
        "user_id",
        F.to_date("event_time").alias("day"),
        "event_time",
        "received_at",
        "click_id",
        "event_name",
        "product_id",
        "pixel_id",
        "price",
    ).repartition("user_id")


def _with_sessions(events: DataFrame) -> DataFrame:
    """Add `session` (start, continued, landing event) to events by user, which must hold whole days.

    A gap of more than 30 minutes starts a session. A day without such a gap from its midnight to the next ends its
    session there, and the next day's first event starts another; `continued` says that no gap lies between the two.
    """
    previous = F.lag("event_time").over(_of_user())
    return (
        events.withColumn("previous_time", previous)
        .withColumn("gaps", F.count_if(_follows_a_gap_in_its_day()).over(_day_so_far()))
        .withColumn("gaps_before", F.lag("gaps").over(_of_user()))
        .withColumn("natural_start", F.col("previous_time").isNull() | (_since("previous_time") > _GAP))
        .withColumn("starts", F.col("natural_start") | _is_cut())
        .withColumn("session", F.last(F.when(F.col("starts"), _session()), ignorenulls=True).over(_so_far()))
        .drop("previous_time", "gaps", "gaps_before", "natural_start", "starts")
    )


def _with_funnel_times(events: DataFrame) -> DataFrame:
    """Add the time of the event, if it is a step after all earlier ones that day, as `searched` … `carted`.

    They are the earliest times so far: a user who comes to the next step later has them behind.
    """
    return (
        events.withColumn("searched", F.min(F.when(is_step(SEARCH), F.col("event_time"))).over(_day_so_far()))
        .withColumn("viewed", _first_after(VIEW, "searched"))
        .withColumn("carted", _first_after(CART, "viewed"))
    )


def _first_after(event_name: str, step_before: str) -> Column:
    done = F.when(is_step(event_name) & F.col(step_before).isNotNull(), F.col("event_time"))
    return F.min(done).over(_day_so_far())


def _follows_a_gap_in_its_day() -> Column:
    """Whether more than 30 minutes without an event lie before an event, or between midnight and a day's first one."""
    return F.when(_is_first_of_day(), _since("day") > _GAP).otherwise(_since("previous_time") > _GAP)


def _is_first_of_day() -> Column:
    return F.col("previous_time").isNull() | (F.col("previous_time") < F.col("day").cast("timestamp"))


def _is_cut() -> Column:
    """Whether an event is the first after a day that had no gap, up to and including its midnight."""
    quiet_before_midnight = F.unix_micros(F.col("day").cast("timestamp")) - F.unix_micros("previous_time")
    return _is_first_of_day() & (F.col("gaps_before") == 0) & (quiet_before_midnight <= _GAP)


def _since(column: str) -> Column:
    return F.unix_micros("event_time") - F.unix_micros(F.col(column).cast("timestamp"))


def _session() -> Column:
    """Return what is known of a session at its first event."""
    return F.struct(
        F.col("event_time").alias("session_start"),
        (~F.col("natural_start")).alias("continued"),
        F.col("event_name").alias("landing_event_name"),
        F.col("product_id").alias("landing_product_id"),
        F.col("pixel_id").alias("landing_pixel_id"),
    )


def _of_user() -> WindowSpec:
    """Return a user's events in order; a function, since PySpark makes no window without a session."""
    return Window.partitionBy("user_id").orderBy(*_IN_ORDER)


def _so_far() -> WindowSpec:
    return _of_user().rowsBetween(Window.unboundedPreceding, Window.currentRow)


def _day_so_far() -> WindowSpec:
    """Return a range, not rows: events at one time count as in order, in whatever order they lie."""
    by_time = Window.partitionBy("user_id", "day").orderBy("event_time")
    return by_time.rangeBetween(Window.unboundedPreceding, Window.currentRow)


def is_step(event_name: str) -> Column:
    """Return whether a row is an event of that name."""
    return F.col("event_name") == event_name


def revenue() -> Column:
    """Return the sum of the prices of purchases, `decimal(38,2)`; 0.00 without any."""
    prices = F.sum(F.when(is_step(PURCHASE), F.col("price")))
    return F.coalesce(prices.cast(REVENUE), F.lit(0).cast(REVENUE))
