"""The sought users → their rows in the tables: how many, from which landing hours and which raw objects.

Rows are found by the hash of `user_id`, so that no plan or log of Spark holds an id; rejected lines are looked through.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.names import LakeLocation
from contracts.partitions import parse_hour_key
from contracts.rejections import RejectionReason
from contracts.tables import RECEIVED_EVENTS, REJECTED_EVENTS, TABLES, Table
from spark_jobs.hourly.event_hours import HOUR_KEY_PATTERN
from spark_jobs.map_in_arrow import map_in_arrow
from spark_jobs.operations.erasure.sought_users import SoughtUsers
from spark_jobs.validation.erased_lines import mentions

#: The tables that know their rows' users.
USER_TABLES: Final = tuple(table for table in TABLES if any(column.name == "user_id" for column in table.columns))

#: Rejections without a line: their objects may hold anybody.
_WITHOUT_LINE: Final = (RejectionReason.ERASED_USER, RejectionReason.UNREADABLE_OBJECT)


@dataclass(frozen=True, kw_only=True)
class ObjectsRows:
    """Rows by the (landing hour, raw object) that they came from."""

    rows: Counter[tuple[datetime, str]]

    @property
    def hours(self) -> set[datetime]:
        return {hour for hour, _ in self.rows}

    @property
    def keys(self) -> set[str]:
        return {key for _, key in self.rows}


def theirs(users: SoughtUsers) -> Column:
    """Return the condition that a row is one of the users'."""
    return F.sha2(F.col("user_id"), 256).isin(sorted(users.hashes))


def rejected_lines(frame: DataFrame, users: SoughtUsers, *, held: bool) -> DataFrame:
    """Return those rows of `rejected_events` whose line is the users' (`held`), or the others."""
    place = frame.columns.index("line")
    return map_in_arrow(frame, partial(_lines, place, users.hashes, held), frame.schema)


def _lines(
    place: int, hashes: frozenset[str], held: bool, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        lines = batch.column(place).to_pylist()
        wanted = [(line is not None and mentions(line, hashes)) is held for line in lines]
        yield batch.filter(pa.array(wanted, pa.bool_()))


def users_received(spark: SparkSession, lake: LakeLocation, users: SoughtUsers) -> ObjectsRows:
    """Return the users' rows of `received_events`."""
    return _by_object(_rows(spark, lake, RECEIVED_EVENTS).where(theirs(users)))


def users_rejected(spark: SparkSession, lake: LakeLocation, users: SoughtUsers) -> ObjectsRows:
    """Return the rows of `rejected_events` whose line is the users'."""
    rows = _rows(spark, lake, REJECTED_EVENTS).where("line IS NOT NULL").select("landing_hour", "object_key", "line")
    return _by_object(rejected_lines(rows, users, held=True))


def rejected_without_line(spark: SparkSession, lake: LakeLocation) -> ObjectsRows:
    """Return the rejections that keep no line, of erased users and unreadable objects, which don't say of whom."""
    rows = _rows(spark, lake, REJECTED_EVENTS).where(F.col("rejection_reason").isin([str(r) for r in _WITHOUT_LINE]))
    return _by_object(rows)


def counted_rows(spark: SparkSession, lake: LakeLocation, users: SoughtUsers) -> tuple[dict[str, int], frozenset[str]]:
    """Return the users' rows in each table that has a `user_id`, and the hashes of those who have any."""
    counts: dict[str, int] = {}
    found: set[str] = set()
    for table in USER_TABLES:
        by_user = _rows(spark, lake, table).where(theirs(users)).groupBy(F.sha2("user_id", 256).alias("user")).count()
        rows = by_user.collect()
        counts[table.name] = sum(row["count"] for row in rows)
        found |= {row.user for row in rows}
    return counts, frozenset(found)


def _rows(spark: SparkSession, lake: LakeLocation, table: Table) -> DataFrame:
    return spark.table(lake.table(table.name))


def _by_object(rows: DataFrame) -> ObjectsRows:
    key = F.date_format("landing_hour", HOUR_KEY_PATTERN).alias("hour_key")
    counted = rows.groupBy(key, "object_key").count().collect()
    return ObjectsRows(rows=Counter({(parse_hour_key(row.hour_key), row.object_key): row["count"] for row in counted}))
