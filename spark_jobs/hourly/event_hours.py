"""The event hour of a row, as a column and as a key, in one place."""

from typing import Final

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

#: Spark's spelling of `contracts.partitions.HOUR_KEY_FORMAT`.
HOUR_KEY_PATTERN: Final = "yyyy-MM-dd'T'HH"


def event_hour() -> Column:
    """Return the hour of `event_time` (the session's time zone is UTC)."""
    return F.date_trunc("hour", "event_time")
