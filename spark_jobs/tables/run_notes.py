"""What a run notes in the snapshots of its commits: who it was, and the figures of its rows in the ledger.

The note makes a commit known again by the run that made it, and lets a reader of a table's history see what came in
without the ledger. Iceberg counts the rows of a commit itself, so that both can be compared.
"""

from collections.abc import Mapping
from typing import Final

from pyspark.sql import SparkSession

from contracts.names import LakeLocation
from contracts.tables import Table
from spark_jobs.errors import LedgerImbalanceError
from spark_jobs.tables.iceberg_table import commits_between

#: Names the run in the summaries of its commits, so that it does not take one of its own for another's.
RUN_ID: Final = "clickstream.run-id"


def run_note(run_id: str, **figures: int) -> Mapping[str, str]:
    """Return what to note in a snapshot's summary: the run, and figures such as `clickstream.unreadable-objects`."""
    return {RUN_ID: run_id, **{f"clickstream.{name.replace('_', '-')}": str(n) for name, n in figures.items()}}


def refuse_lost_rows(
    spark: SparkSession, lake: LakeLocation, table: Table, *, run_id: str, read_from: int | None, rows: int
) -> None:
    """Raise `LedgerImbalanceError` unless the run's commit to a table added exactly the rows that the run counted.

    `read_from` is the table's snapshot from before the run.
    """
    commits = commits_between(spark, lake, table, after=read_from)
    try:
        own = next(commit for commit in commits if commit.summary.get(RUN_ID) == run_id)
    except (StopIteration, LookupError) as error:
        raise LedgerImbalanceError(
            f"the {rows} rows that were written to {table.name} can't be found again: its history since the run began "
            "has no commit of this run; run it again, once nobody else expires or rolls back snapshots"
        ) from error
    added = int(own.summary.get("added-records", 0))
    if added != rows:
        raise LedgerImbalanceError(
            f"{rows} rows were counted for {table.name}, but {added} were written to it, so the ledger was left as it "
            "is; run it again"
        )
