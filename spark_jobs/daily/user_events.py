"""Clean events → each user's, in order of time, with the session and the funnel step that each event belongs to.

All that is known per user comes out of one shuffle by user and one sort: every window here is over a user's events, or
those of a user's day, in that same order, and spills to disk if a user has too many.
"""

from typing import Final

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.tables import SESSION_GAP
from spark_jobs.daily.steps import CART, SEARCH, VIEW, is_step

_GAP: Final = int(SESSION_GAP.total_seconds() * 1_000_000)

#: Of events at one time the first received comes first; `click_id` decides the rest, being unique within an hour.
_IN_ORDER: Final = ("day", "event_time", "received_at", "click_id")


def by_user(events: DataFrame) -> DataFrame:
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


def with_sessions(events: DataFrame) -> DataFrame:
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


def with_funnel_times(events: DataFrame) -> DataFrame:
    """Add the time of the event, if it is a step after all earlier ones that day, as `searched` … `carted`.

    They are the earliest times so far: whoever comes to the next step later has them behind him.
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
