"""The tables beside what was laid down: here no figure to compare with comes from the code that was killed."""

from collections.abc import Iterator

from pyspark.sql import SparkSession

from benchmarks.kills.small_lake import END, HOURS, SmallLake
from contracts.names import LakeLocation
from contracts.partitions import DAY
from contracts.tables import CLEAN_EVENTS, RECEIVED_EVENTS, REJECTED_EVENTS, Table
from spark_jobs.tables.ledger import read_event_rows, read_landing_rows


def imbalances(spark: SparkSession, lake: LakeLocation, laid: SmallLake) -> list[str]:
    """Return what does not add up, from the lines of the raw objects to the clean events."""
    return [
        f"{said} is {figure:,}, but {beside} is {expected:,}"
        for said, figure, beside, expected in _accounts(spark, lake, laid)
        if figure != expected
    ]


def _accounts(spark: SparkSession, lake: LakeLocation, laid: SmallLake) -> Iterator[tuple[str, int, str, int]]:
    """Yield pairs of figures that must be the same, each with its name."""
    landed = read_landing_rows(spark, lake, HOURS[0], END)
    made = read_event_rows(spark, lake, HOURS[0] - 2 * DAY, END)
    received, rejected = sum(row.received for row in landed), sum(row.rejected for row in landed)
    clean, duplicates = sum(row.clean for row in made), sum(row.duplicates for row in made)

    def rows(table: Table) -> int:
        return spark.table(lake.table(table.name)).count()

    yield "lines of landing_ledger", sum(row.lines for row in landed), "lines of the raw objects", laid.lines
    yield "received + rejected of landing_ledger", received + rejected, "lines of the raw objects", laid.lines
    yield "rows of received_events", rows(RECEIVED_EVENTS), "received of landing_ledger", received
    yield "rows of rejected_events", rows(REJECTED_EVENTS), "rejected of landing_ledger", rejected
    yield "clean + duplicates of event_ledger", clean + duplicates, "received of landing_ledger", received
    yield "rows of clean_events", rows(CLEAN_EVENTS), "events that were laid down", laid.events
    yield "clean of event_ledger", clean, "events that were laid down", laid.events
