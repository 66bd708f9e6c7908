"""The two ledgers as dataclasses: what each run did with a landing hour or an event hour, and from which version.

A ledger's row is the last commit of a run. So an hour whose run died halfway keeps its old version, is seen to be
stale, and is made again.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.ledger import EventRow, LandedHour, LandingRow
from contracts.names import LakeLocation
from contracts.partitions import hour_key, parse_hour_key
from contracts.tables import EVENT_LEDGER, LANDING_LEDGER, Table
from spark_jobs.hourly.event_hours import HOUR_KEY_PATTERN
from spark_jobs.tables.commit_files import replace_hours
from spark_jobs.tables.hour_filters import sql_literal
from spark_jobs.tables.write_files import files_of_rows


@dataclass(frozen=True, kw_only=True)
class LandingLedgerRow(LandingRow):
    """A whole row of `landing_ledger`; `received_by_event_hour` has the hours themselves as keys."""

    objects: tuple[str, ...]
    bytes: int
    rejected_by_reason: Mapping[str, int]


def read_landing_rows(
    spark: SparkSession, lake: LakeLocation, start: datetime, end: datetime
) -> list[LandingLedgerRow]:
    """Return the ledger's rows of the landing hours in `[start, end)`, in order, with their lists of objects."""
    rows = _in_order(_between(spark, lake, LANDING_LEDGER, start, end))
    return [
        LandingLedgerRow(
            landing_hour=parse_hour_key(row.hour_key),
            input_version=row.input_version,
            settled=row.settled,
            objects=tuple(row.objects),
            unreadable_objects=row.unreadable_objects,
            bytes=row.bytes,
            lines=row.lines,
            received=row.received,
            rejected=row.rejected,
            rejected_by_reason=dict(row.rejected_by_reason),
            received_by_event_hour=_by_hour(row.received_by_event_hour),
            failed_checks=row.failed_checks,
        )
        for row in rows
    ]


def read_landed_hours(spark: SparkSession, lake: LakeLocation, start: datetime, end: datetime) -> list[LandedHour]:
    """Return what the versions of event hours are made from, for the landing hours in `[start, end)`, in order."""
    frame = _between(spark, lake, LANDING_LEDGER, start, end)
    rows = _in_order(frame.select("hour_key", "input_version", "received_by_event_hour", "failed_checks"))
    return [
        LandedHour(
            landing_hour=parse_hour_key(row.hour_key),
            input_version=row.input_version,
            received_by_event_hour=_by_hour(row.received_by_event_hour),
            failed_checks=row.failed_checks,
        )
        for row in rows
    ]


def read_event_rows(spark: SparkSession, lake: LakeLocation, start: datetime, end: datetime) -> list[EventRow]:
    """Return the ledger's rows of the event hours in `[start, end)`, in order."""
    rows = _in_order(_between(spark, lake, EVENT_LEDGER, start, end))
    return [
        EventRow(
            event_hour=parse_hour_key(row.hour_key),
            input_version=row.input_version,
            received=row.received,
            clean=row.clean,
            duplicates=row.duplicates,
            failed_checks=row.failed_checks,
        )
        for row in rows
    ]


def write_landing_rows(
    spark: SparkSession, lake: LakeLocation, rows: Collection[LandingLedgerRow], *, read_from: int | None
) -> None:
    """Replace the rows of these landing hours; `read_from` as in `replace_hours`."""
    tuples = [
        (
            row.landing_hour,
            row.input_version,
            row.settled,
            list(row.objects),
            row.unreadable_objects,
            row.bytes,
            row.lines,
            row.received,
            row.rejected,
            list(row.rejected_by_reason.items()),
            [(hour_key(hour), received) for hour, received in row.received_by_event_hour.items()],
            row.failed_checks,
        )
        for row in rows
    ]
    replace_hours(
        spark,
        files_of_rows(spark, lake, LANDING_LEDGER, tuples),
        lake=lake,
        table=LANDING_LEDGER,
        hours=[row.landing_hour for row in rows],
        read_from=read_from,
    )


def write_event_rows(
    spark: SparkSession,
    lake: LakeLocation,
    rows: Collection[EventRow],
    *,
    hours: Collection[datetime],
    read_from: int | None,
    properties: Mapping[str, str] | None = None,
) -> None:
    """Replace the rows of `hours`: an hour that has no row here has none afterwards."""
    tuples = [
        (row.event_hour, row.input_version, row.received, row.clean, row.duplicates, row.failed_checks) for row in rows
    ]
    replace_hours(
        spark,
        files_of_rows(spark, lake, EVENT_LEDGER, tuples),
        lake=lake,
        table=EVENT_LEDGER,
        hours=hours,
        read_from=read_from,
        properties=properties,
    )


def _between(spark: SparkSession, lake: LakeLocation, table: Table, start: datetime, end: datetime) -> DataFrame:
    """Return the rows of a range with the hour as key: a collected timestamp would be in this process's time zone."""
    hour = table.partitions[0].column
    rows = spark.table(lake.table(table.name)).where(f"{hour} >= {sql_literal(start)} AND {hour} < {sql_literal(end)}")
    return rows.withColumn("hour_key", F.date_format(hour, HOUR_KEY_PATTERN))


def _in_order(frame: DataFrame) -> list[Row]:
    """Collect a ledger's rows; sorted here, where they are few, and not by two more stages in Spark."""
    return sorted(frame.collect(), key=lambda row: str(row.hour_key))


def _by_hour(received: Mapping[str, int]) -> Mapping[datetime, int]:
    return {parse_hour_key(key): rows for key, rows in received.items()}
