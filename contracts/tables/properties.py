"""A declared table → its Iceberg properties, the same whether Spark or pyiceberg creates it first."""

from typing import Final

from contracts.tables.declaration import Table
from contracts.tables.events import PERSONAL_COLUMNS

PROPERTIES: Final = (
    ("format-version", "2"),  # Athena reads no later one
    ("write.parquet.compression-codec", "zstd"),
    # The jobs write files themselves. For a compaction: a task sorts its own rows by partition and writes, where the
    # default would shuffle whole rows first, and fanout writers would hold one open file per partition.
    ("write.distribution-mode", "none"),
    ("write.spark.fanout.enabled", "false"),
    ("write.metadata.delete-after-commit.enabled", "true"),
    ("write.metadata.previous-versions-max", "50"),
    ("commit.retry.num-retries", "20"),
    ("commit.retry.min-wait-ms", "100"),
    ("commit.retry.max-wait-ms", "5000"),
)


def table_properties(table: Table) -> dict[str, str]:
    """Return the properties that a table has.

    Iceberg keeps the least and the greatest value of a column in manifests, beside the data. Of a personal column it
    only counts the values: those of an erased user must not stay there, and no query looks for a range of ids.
    """
    counted = [column.name for column in table.columns if column.name in PERSONAL_COLUMNS]
    return {**dict(PROPERTIES), **{f"write.metadata.metrics.column.{name}": "counts" for name in counted}}
