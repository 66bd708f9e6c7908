"""`received_events` of some hours → the rows among them that repeat an event, and the events without these rows.

Within an event hour, rows with one `click_id` are one event. Nearly all rows are alone with theirs, so no whole row is
shuffled to find that out: first only hashes of ids are, then the deciding columns of rows whose hash occurs twice. Two
ids that share a hash are told apart there, by the ids themselves. What remains is a short list of rows to leave out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.partitions import parse_hour_key
from spark_jobs.hourly.event_hours import HOUR_KEY_PATTERN, event_hour

#: Where Iceberg says a row lies, in the snapshot that is read.
ROW_ADDRESS: Final = ("_file", "_pos")

#: A longer list is joined by sorting both sides; this many need some 300 MB on the driver and each executor.
MAX_BROADCAST_ROWS: Final = 2_000_000


@dataclass(frozen=True, kw_only=True)
class RepeatedRows:
    """The rows to leave out, by address, and how many there are in each event hour."""

    rows: DataFrame
    by_hour: Mapping[datetime, int]

    def left_out_of(self, received: DataFrame) -> DataFrame:
        """Return `received` (with its address columns) without the repeated rows."""
        if not self.by_hour:
            return received
        repeated = _broadcast_if_short(self.rows, sum(self.by_hour.values()))
        return received.join(repeated, [*ROW_ADDRESS], "left_anti")


def repeated_rows(received: DataFrame) -> RepeatedRows:
    """Find the rows that repeat an event; `received` is a table's rows, all of each event hour in it.

    Runs Spark jobs: which path is taken depends on how many ids repeat.
    """
    hashes = repeated_hashes(received).persist()
    repeated_ids = hashes.count()
    losers = losing_rows(suspects(received, hashes, repeated_ids)).persist()
    counts = losers.groupBy(F.date_format("event_hour", HOUR_KEY_PATTERN).alias("key")).count().collect()
    hashes.unpersist()
    return RepeatedRows(
        rows=losers.select(*ROW_ADDRESS), by_hour={parse_hour_key(row.key): row["count"] for row in counts}
    )


def repeated_hashes(received: DataFrame) -> DataFrame:
    """Return (event_hour, click_hash) of hashes that occur more than once in an hour."""
    keys = received.select(event_hour().alias("event_hour"), F.xxhash64("click_id").alias("click_hash"))
    return keys.groupBy("event_hour", "click_hash").count().where("count > 1").drop("count")


def suspects(received: DataFrame, hashes: DataFrame, repeated_ids: int) -> DataFrame:
    """Return the columns that decide between copies, of the rows whose hash repeats."""
    rows = received.select(
        event_hour().alias("event_hour"),
        F.xxhash64("click_id").alias("click_hash"),
        "click_id",
        *_ORDER_COLUMNS,
        *ROW_ADDRESS,
    )
    return rows.join(_broadcast_if_short(hashes, repeated_ids), ["event_hour", "click_hash"], "left_semi")


def losing_rows(candidates: DataFrame) -> DataFrame:
    """Return (event_hour, address) of every row but the winner of its `click_id` in its event hour.

    The winner has the smallest (received_at, insertion_timestamp, user_id, event_hash), no insertion_timestamp being
    larger than any. Rows that tie in all four are copies of one event, from requests that may differ: then these
    decide. Rows that tie in everything give the same clean event, whichever is left.
    """
    order = [F.col(name).asc_nulls_last() for name in (*_ORDER_COLUMNS, *ROW_ADDRESS)]
    place = F.row_number().over(Window.partitionBy("event_hour", "click_id").orderBy(*order))
    return candidates.withColumn("place", place).where("place > 1").select("event_hour", *ROW_ADDRESS)


_ORDER_COLUMNS: Final = (
    "received_at",
    "insertion_timestamp",
    "user_id",
    "event_hash",
    "request_id",
    "source_ip",
    "user_agent",
)


def _broadcast_if_short(frame: DataFrame, rows: int) -> DataFrame:
    return F.broadcast(frame) if rows <= MAX_BROADCAST_ROWS else frame
