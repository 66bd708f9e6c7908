"""The four events with a meaning, as sums: what sessions, products and funnels count the same way."""

from typing import Final

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.event import STANDARD_EVENTS
from spark_jobs.tables.schemas import SPARK_TYPES

#: In the order of the funnel.
SEARCH, VIEW, CART, PURCHASE = STANDARD_EVENTS
REVENUE: Final = SPARK_TYPES["decimal(38,2)"]


def is_step(event_name: str) -> Column:
    """Return whether a row is an event of that name."""
    return F.col("event_name") == event_name


def revenue() -> Column:
    """Return the sum of the prices of purchases, `decimal(38,2)`; 0.00 without any."""
    prices = F.sum(F.when(is_step(PURCHASE), F.col("price")))
    return F.coalesce(prices.cast(REVENUE), F.lit(0).cast(REVENUE))
