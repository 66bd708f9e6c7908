"""Clean events → `daily_product_stats`: what was viewed, put in a cart and bought, and by how many."""

from collections.abc import Collection
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.tables import DAILY_PRODUCT_STATS
from spark_jobs.daily.steps import CART, PURCHASE, REVENUE, VIEW, is_step, revenue
from spark_jobs.tables.schemas import column_names


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
