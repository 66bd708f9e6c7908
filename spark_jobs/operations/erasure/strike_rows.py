"""Landing hours whose raw objects are gone → the same rows without the users': they can't be made again from raw.

The ledger is corrected first, where every other job writes it last: the rows that are still there are the only sign
that there is work to do, so the run after one that was killed in between finds them, and does it all again. Meanwhile
the hour's rows and its ledger disagree, which keeps event hours from being made from it.
"""

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Final

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.names import LakeLocation
from contracts.partitions import HOUR, parse_hour_key
from contracts.rejections import RejectionReason
from contracts.tables import LANDING_LEDGER, RECEIVED_EVENTS, REJECTED_EVENTS, Table
from contracts.versions import erased_landing_version
from spark_jobs.hourly.event_hours import HOUR_KEY_PATTERN, event_hour
from spark_jobs.operations.erasure.sought_users import SoughtUsers
from spark_jobs.operations.erasure.users_rows import rejected_lines, theirs
from spark_jobs.tables.commit_files import replace_hours
from spark_jobs.tables.iceberg_table import current_snapshot
from spark_jobs.tables.ledger import LandingLedgerRow, read_landing_rows, write_landing_rows
from spark_jobs.tables.retries import retrying
from spark_jobs.tables.table_rows import read_hours
from spark_jobs.tables.write_files import files_of_frame

#: Counted apart in the ledger: it is an object, not a line.
_NO_LINE: Final = RejectionReason.UNREADABLE_OBJECT


def strike_rows(spark: SparkSession, lake: LakeLocation, hours: Collection[datetime], users: SoughtUsers) -> None:
    """Take the users' rows out of landing hours, and correct the ledger; each hour gets a version of its own."""
    if hours:
        retrying(lambda: _strike(spark, lake, hours, users))


def _strike(spark: SparkSession, lake: LakeLocation, hours: Collection[datetime], users: SoughtUsers) -> None:
    tables = (RECEIVED_EVENTS, REJECTED_EVENTS, LANDING_LEDGER)
    snapshots = {table: current_snapshot(spark, lake, table) for table in tables}

    def rows(table: Table) -> DataFrame:
        return read_hours(spark, lake=lake, table=table, hours=hours)

    received = rows(RECEIVED_EVENTS).where(~theirs(users))
    rejected = rejected_lines(rows(REJECTED_EVENTS), users, held=False)
    expired = set(hours) - _counted(rows(REJECTED_EVENTS), F.col("rejection_reason")).keys()
    corrected = _corrected(spark, lake, hours, received, rejected, expired)
    write_landing_rows(spark, lake, corrected, read_from=snapshots[LANDING_LEDGER])
    for table, frame in ((REJECTED_EVENTS, rejected), (RECEIVED_EVENTS, received)):
        files = files_of_frame(frame, lake, table)
        replace_hours(spark, files, lake=lake, table=table, hours=hours, read_from=snapshots[table])


def _corrected(
    spark: SparkSession,
    lake: LakeLocation,
    hours: Collection[datetime],
    received: DataFrame,
    rejected: DataFrame,
    expired: Collection[datetime],
) -> list[LandingLedgerRow]:
    """Return the ledger's rows with what will be left; an hour that no run ever noted has none.

    Of `expired` hours no rejection is left in the table, if they had any: these stay counted as they were.
    """
    by_event_hour = _counted(received, F.date_format(event_hour(), HOUR_KEY_PATTERN))
    by_reason = _counted(rejected.where(F.col("rejection_reason") != str(_NO_LINE)), F.col("rejection_reason"))
    noted = read_landing_rows(spark, lake, min(hours), max(hours) + HOUR)
    by_reason.update(
        {row.landing_hour: Counter(row.rejected_by_reason) for row in noted if row.landing_hour in expired}
    )
    return [
        replace(
            row,
            input_version=erased_landing_version(row.input_version),
            lines=by_event_hour[row.landing_hour].total() + by_reason[row.landing_hour].total(),
            received=by_event_hour[row.landing_hour].total(),
            rejected=by_reason[row.landing_hour].total(),
            rejected_by_reason=dict(sorted(by_reason[row.landing_hour].items())),
            received_by_event_hour={
                parse_hour_key(key): count for key, count in sorted(by_event_hour[row.landing_hour].items())
            },
        )
        for row in noted
        if row.landing_hour in hours
    ]


def _counted(rows: DataFrame, what: Column) -> defaultdict[datetime, Counter[str]]:
    counted: defaultdict[datetime, Counter[str]] = defaultdict(Counter)
    key = F.date_format("landing_hour", HOUR_KEY_PATTERN).alias("hour_key")
    for row in rows.groupBy(key, what.alias("what")).count().collect():
        counted[parse_hour_key(row.hour_key)][row.what] = row["count"]
    return counted
