"""Iceberg's manifests → rows, nulls and bounds of hours or days of a table, without reading one row.

A writer notes these for each data file. For numbers and times the bounds are exact; of a text only the beginning is
kept, so texts have no bounds here.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Final

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.partitions import hour_of_ordinal, ordinal
from contracts.tables import Partition, Table
from spark_jobs.lake.lake import Lake

_NUMBERS: Final = ("bigint", "double", "decimal(18,2)", "decimal(38,2)")


@dataclass(frozen=True, kw_only=True)
class FileFigures:
    """What the files of one hour hold: rows, and by column the nulls, the lowest and the highest value.

    A time is in microseconds since 1970, which a double holds exactly. A column
    without a value (or of text) has no lowest and highest.
    """

    rows: int = 0
    nulls: Mapping[str, int]
    lowest: Mapping[str, float]
    highest: Mapping[str, float]

    def null_share(self, column: str) -> float | None:
        """Return the share of rows without a value, None if there are no rows."""
        return self.nulls.get(column, 0) / self.rows if self.rows else None


NO_FILES: Final = FileFigures(nulls={}, lowest={}, highest={})

#: By the table's name, and the hour.
FiguresByHour = Mapping[tuple[str, datetime], FileFigures]


def file_figures(lake: Lake, measured: Mapping[Table, Sequence[str]], hours: Collection[datetime]) -> FiguresByHour:
    """Return the figures of the measured columns by the start of each partition, an hour or a day; none without files.

    Tables are partitioned, first of all, by hours or days; `hours` are the partitions' starts.
    """
    frames = [_files(lake, table, columns, hours) for table, columns in measured.items()]
    files = reduce(lambda one, other: one.unionByName(other, allowMissingColumns=True), frames)
    columns = sorted({column for names in measured.values() for column in names})
    # One task: so few rows are not worth a shuffle.
    rows = files.coalesce(1).groupBy("table", "hour").agg(F.sum("rows").alias("rows"), *_sums(columns)).collect()
    return {(row.table, hour_of_ordinal(row.hour)): _figures(row, columns) for row in rows}


def _files(lake: Lake, table: Table, columns: Sequence[str], hours: Collection[datetime]) -> DataFrame:
    """Return a row per data file with the hour's ordinal, the file's rows, and three figures of each column."""
    hour = _first_hour(table.partitions[0])
    files = lake.read_metadata(table, "files").where(hour.between(ordinal(min(hours)), ordinal(max(hours))))
    figures = [figure for column in columns for figure in _column_figures(table, column)]
    return files.select(
        F.lit(table.name).alias("table"), hour.alias("hour"), F.col("record_count").alias("rows"), *figures
    )


def _first_hour(partition: Partition) -> Column:
    """Return the ordinal, since 1970, of a partition's first hour; a day is a date in the metadata."""
    if partition.transform == "hours":
        return F.col(f"partition.{partition.column}_hour")
    name = partition.column if partition.transform == "identity" else f"{partition.column}_day"
    return F.unix_date(f"partition.{name}") * 24


def _column_figures(table: Table, column: str) -> list[Column]:
    metrics = F.col("readable_metrics").getField(column)
    return [
        metrics.getField("null_value_count").alias(f"{column}_nulls"),
        _number(table, column, metrics.getField("lower_bound")).alias(f"{column}_lowest"),
        _number(table, column, metrics.getField("upper_bound")).alias(f"{column}_highest"),
    ]


def _number(table: Table, column: str, bound: Column) -> Column:
    kind = table.column(column).type
    if kind == "timestamp":
        return F.unix_micros(bound).cast("double")
    return bound.cast("double") if kind in _NUMBERS else F.lit(None).cast("double")


def _sums(columns: Sequence[str]) -> list[Column]:
    return [
        figure
        for column in columns
        for figure in (
            F.sum(f"{column}_nulls").alias(f"{column}_nulls"),
            F.min(f"{column}_lowest").alias(f"{column}_lowest"),
            F.max(f"{column}_highest").alias(f"{column}_highest"),
        )
    ]


def _figures(row: Row, columns: Sequence[str]) -> FileFigures:
    def known(figure: str) -> dict[str, float]:
        return {column: row[f"{column}_{figure}"] for column in columns if row[f"{column}_{figure}"] is not None}

    nulls = {column: int(count) for column, count in known("nulls").items()}
    return FileFigures(rows=row.rows, nulls=nulls, lowest=known("lowest"), highest=known("highest"))
