"""Each user's day → `daily_funnel`: how many did each step, in order or at all, and how long it took them.

The median is exact, and yet no list of times is ever held in memory: the times are sorted, on disk if need be, and the
one or two in the middle are picked by their place.
"""

from collections.abc import Sequence
from typing import Final

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.event import STANDARD_EVENTS
from contracts.tables import DAILY_FUNNEL
from spark_jobs.daily.session_days import STEP_TIMES
from spark_jobs.tables.schemas import column_names

#: Number, event, and columns of a user's day: events of the step, time of the step, time of the step before.
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
