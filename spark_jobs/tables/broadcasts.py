"""A frame that is joined to whole rows → broadcast, unless it is too long for memory."""

from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

#: A longer one is joined by sorting both sides; this many need some 300 MB on the driver and each executor.
MAX_BROADCAST_ROWS: Final = 2_000_000


def broadcast_if_short(frame: DataFrame, rows: int) -> DataFrame:
    """Return a frame of so many rows, marked to be broadcast if they are few."""
    return F.broadcast(frame) if rows <= MAX_BROADCAST_ROWS else frame
