"""`received_events` of some hours → the rows among them that repeat an event, and the events without these rows.

Within an event hour, rows with one `click_id` are one event. Nearly all rows are alone with theirs, so no whole row is
shuffled to find that out: first only hashes of ids are, then the deciding columns of rows whose hash occurs twice. Two
ids that share a hash are told apart there, by the ids themselves. What remains is a short list of rows to leave out.

An id that an hour and the hour before both have is two events; how many there are comes out of the same pass, since a
data check warns of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.partitions import parse_hour_key
from spark_jobs.hourly.event_hours import HOUR_KEY_PATTERN, event_hour
from spark_jobs.tables.broadcasts import broadcast_if_short

#: Where Iceberg says a row lies, in the snapshot that is read.
ROW_ADDRESS: Final = ("_file", "_pos")


@dataclass(frozen=True, kw_only=True)
class RepeatedRows:
    """The rows to leave out, by address, and how many there are in each event hour.

    `of_hour_before` are, by event hour, the events that are left whose `click_id` the hour before has as well.
    """

    rows: DataFrame
    by_hour: Mapping[datetime, int]
    of_hour_before: Mapping[datetime, int] = field(default_factory=dict)
    persisted: DataFrame | None = None

    def unpersist(self) -> None:
        """Let go of what is kept in memory."""
        if self.persisted is not None:
            self.persisted.unpersist()

    def left_out_of(self, received: DataFrame) -> DataFrame:
        """Return `received` (with its address columns) without the repeated rows."""
        if not self.by_hour:
            return received
        repeated = broadcast_if_short(self.rows, sum(self.by_hour.values()))
        return received.join(repeated, [*ROW_ADDRESS], "left_anti")


def repeated_rows(received: DataFrame) -> RepeatedRows:
    """Find the rows that repeat an event; `received` is a table's rows, all of each event hour in it.

    Runs Spark jobs: which path is taken depends on how many ids repeat.
    """
    hashes = repeated_hashes(received).persist()
    repeated_ids = hashes.count()
    ranked = ranked_rows(suspects(received, hashes, repeated_ids)).persist()
    counts = _by_hour(ranked).collect()
    hashes.unpersist()
    return RepeatedRows(
        rows=ranked.where(_IS_LEFT_OUT).select(*ROW_ADDRESS),
        by_hour={parse_hour_key(row.key): row.left_out for row in counts if row.left_out},
        of_hour_before={parse_hour_key(row.key): row.of_hour_before for row in counts if row.of_hour_before},
        persisted=ranked,
    )


def repeated_hashes(received: DataFrame) -> DataFrame:
    """Return (click_hash) of hashes that occur more than once, be it in one hour or in several."""
    hashes = received.select(F.xxhash64("click_id").alias("click_hash"))
    return hashes.groupBy("click_hash").count().where("count > 1").drop("count")


def suspects(received: DataFrame, hashes: DataFrame, repeated_ids: int) -> DataFrame:
    """Return the columns that decide between copies, of the rows whose hash repeats."""
    rows = received.select(
        event_hour().alias("event_hour"),
        F.xxhash64("click_id").alias("click_hash"),
        "click_id",
        *_ORDER_COLUMNS,
        *ROW_ADDRESS,
    )
    return rows.join(broadcast_if_short(hashes, repeated_ids), ["click_hash"], "left_semi")


def ranked_rows(candidates: DataFrame) -> DataFrame:
    """Return (event_hour, place, previous_hour, address) of every row: of its `click_id`, the place in its event hour.

    The first is the winner, the others are left out. It has the smallest (received_at, insertion_timestamp, user_id,
    event_hash), no insertion_timestamp being larger than any. Rows that tie in all four are copies of one event, from
    requests that may differ: then these decide. Rows that tie in everything give the same clean event, whichever is
    left. A winner's `previous_hour` is the last one before its own that has the id.
    """
    order = [F.col(name).asc_nulls_last() for name in (*_ORDER_COLUMNS, *ROW_ADDRESS)]
    place = F.row_number().over(Window.partitionBy("click_id", "event_hour").orderBy(*order))
    previous = F.lag("event_hour").over(Window.partitionBy("click_id").orderBy("event_hour", "place"))
    ranked = candidates.withColumn("place", place).withColumn("previous_hour", previous)
    return ranked.select("event_hour", "place", "previous_hour", *ROW_ADDRESS)


_IS_LEFT_OUT: Final = "place > 1"
_IS_OF_HOUR_BEFORE: Final = "place = 1 AND previous_hour = event_hour - INTERVAL 1 HOUR"


def _by_hour(ranked: DataFrame) -> DataFrame:
    return ranked.groupBy(F.date_format("event_hour", HOUR_KEY_PATTERN).alias("key")).agg(
        F.count_if(F.expr(_IS_LEFT_OUT)).alias("left_out"),
        F.count_if(F.expr(_IS_OF_HOUR_BEFORE)).alias("of_hour_before"),
    )


_ORDER_COLUMNS: Final = (
    "received_at",
    "insertion_timestamp",
    "user_id",
    "event_hash",
    "request_id",
    "source_ip",
    "user_agent",
)
