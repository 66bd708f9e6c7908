"""A declared table → its Iceberg properties, the same whether Spark or pyiceberg comes to make it first."""

from typing import Final

from contracts.tables.declaration import Table

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

#: Iceberg keeps the least and the greatest value of a column in manifests, beside the data. For columns that tell who
#: somebody is it only counts: an erased user must not stay there, and nobody looks for a range of ids.
_COUNTED_ONLY: Final = frozenset(
    {"user_id", "click_id", "user_ip", "source_ip", "user_agent", "request_id", "extra", "line", "detail"}
)


def table_properties(table: Table) -> dict[str, str]:
    """Return the properties that a table has."""
    counted = [column.name for column in table.columns if column.name in _COUNTED_ONLY]
    return {**dict(PROPERTIES), **{f"write.metadata.metrics.column.{name}": "counts" for name in counted}}
