"""`user_days` → how many users of each cohort were there on each day: all that being new and coming back is told by.

A cohort is the users that were new on one day; two days on which a user is new lie more than 90 days apart, so within
31 days a user belongs to one cohort. From here on there are at most some hundred rows per day.
"""

from collections.abc import Collection
from datetime import date

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.tables import DAILY_RETENTION, NEW_USER_DAYS, RETENTION_DAYS
from spark_jobs.tables.schemas import column_names


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
