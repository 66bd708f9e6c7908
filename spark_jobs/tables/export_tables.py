"""Iceberg tables → one Parquet file each, for any reader that knows no catalog.

The tables' own data files are Parquet, so DuckDB merges them without Spark: a range of hours has thousands of them.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import duckdb
from pyspark.sql import SparkSession

from contracts.names import LakeLocation
from contracts.tables import Column, ColumnType, Table
from spark_jobs.tables.data_files import local_copies

_DUCKDB_TYPES: Final[Mapping[ColumnType, str]] = {
    "string": "VARCHAR",
    "binary": "BLOB",
    "timestamp": "TIMESTAMPTZ",
    "date": "DATE",
    "boolean": "BOOLEAN",
    "bigint": "BIGINT",
    "double": "DOUBLE",
    "decimal(18,2)": "DECIMAL(18,2)",
    "decimal(38,2)": "DECIMAL(38,2)",
    "array<string>": "VARCHAR[]",
    "map<string,bigint>": "MAP(VARCHAR, BIGINT)",
}


def export_tables(spark: SparkSession, lake: LakeLocation, tables: Iterable[Table], directory: Path) -> None:
    """Write each table to `directory/<table>/<table>.parquet`; one without rows has the columns all the same."""
    with duckdb.connect() as connection:
        for table in tables:
            target = directory / table.name / f"{table.name}.parquet"
            target.parent.mkdir(parents=True, exist_ok=True)
            with local_copies(_data_files(spark, lake, table)) as files:
                connection.execute(_copy(table, files, target))


def _data_files(spark: SparkSession, lake: LakeLocation, table: Table) -> list[str]:
    """Return the locations of the files that are the table now (nothing here writes delete files)."""
    rows = spark.sql(f"SELECT file_path FROM {lake.table(table.name)}.files ORDER BY file_path").collect()  # noqa: S608 (our names)
    return [row.file_path for row in rows]


def _copy(table: Table, files: list[str], target: Path) -> str:
    order = f" ORDER BY {', '.join(table.sort)}" if table.sort and table.name != "clean_events" else ""
    rows = f"{_from_files(table, files)}{order}" if files else _no_rows(table)
    return f"COPY ({rows}) TO {_quoted(str(target))} (FORMAT parquet, COMPRESSION zstd)"


def _from_files(table: Table, files: list[str]) -> str:
    columns = ", ".join(f"{_cast(column, column.name)}" for column in table.columns)
    listed = ", ".join(map(_quoted, files))
    return f"SELECT {columns} FROM read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"  # noqa: S608


def _no_rows(table: Table) -> str:
    return f"SELECT {', '.join(_cast(column, 'NULL') for column in table.columns)} WHERE false"


def _cast(column: Column, value: str) -> str:
    return f"CAST({value} AS {_DUCKDB_TYPES[column.type]}) AS {column.name}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
