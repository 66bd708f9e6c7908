"""What a table weighs: files, bytes, manifests and snapshots, from its current metadata and without a Spark job."""

from dataclasses import dataclass

from pyspark.sql import SparkSession

from contracts.names import LakeLocation
from contracts.tables import Table
from spark_jobs.tables.iceberg_table import loaded


@dataclass(frozen=True, kw_only=True)
class TableFigures:
    """Figures of a table as it is now; `snapshots` are those that can still be read."""

    data_files: int = 0
    bytes: int = 0
    manifests: int = 0
    snapshots: int = 0


def table_figures(spark: SparkSession, lake: LakeLocation, table: Table) -> TableFigures:
    """Return the figures of a table; one that nothing was ever written to has zeros."""
    handle = loaded(spark, lake, table)
    snapshot = handle.currentSnapshot()
    if snapshot is None:
        return TableFigures()
    summary = snapshot.summary()
    return TableFigures(
        data_files=int(summary.get("total-data-files") or 0),
        bytes=int(summary.get("total-files-size") or 0),
        manifests=int(snapshot.allManifests(handle.io()).size()),
        snapshots=int(handle.operations().current().snapshots().size()),
    )
