"""Users by cohort, `sessions` and `hourly_traffic` → `daily_traffic`.

What counts events is a sum over hours; what counts users or sessions is not, and comes from their own tables.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.tables import DAILY_TRAFFIC
from spark_jobs.daily.cohorts import new_and_returning
from spark_jobs.daily.session_days import start_day
from spark_jobs.daily.steps import REVENUE
from spark_jobs.tables.schemas import column_names


def daily_traffic(by_cohort: DataFrame, sessions: DataFrame, hourly_traffic: DataFrame) -> DataFrame:
    """Return a row for each day with users in `by_cohort`, whose sessions and hours the other two must hold."""
    return (
        new_and_returning(by_cohort)
        .join(sessions.transform(_by_start_day), "day", "left")
        .join(hourly_traffic.transform(_by_day), "day", "left")
        .fillna(0, ["sessions", "bounces", "converted_sessions"])
        .withColumn("bounce_share", _share("bounces"))
        .withColumn("conversion", _share("converted_sessions"))
        .withColumn("average_order", average_order())
        .select(*column_names(DAILY_TRAFFIC))
    )


def _by_start_day(sessions: DataFrame) -> DataFrame:
    counted = sessions.where(~F.col("continued")).groupBy(start_day().alias("day"))
    return counted.agg(
        F.count("*").alias("sessions"),
        F.count_if(F.col("events") == 1).alias("bounces"),
        F.count_if(F.col("purchases") > 0).alias("converted_sessions"),
    )


def _by_day(hourly_traffic: DataFrame) -> DataFrame:
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
