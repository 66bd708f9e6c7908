"""Declared columns → Arrow's types: the same for Spark's jobs, and for what validates lines without Spark."""

from collections.abc import Iterable, Mapping
from typing import Final

import pyarrow as pa

from contracts.tables import Column, ColumnType, Table

ARROW_TYPES: Final[Mapping[ColumnType, pa.DataType]] = {
    "string": pa.string(),
    "binary": pa.binary(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
    "boolean": pa.bool_(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "decimal(18,2)": pa.decimal128(18, 2),
    "decimal(38,2)": pa.decimal128(38, 2),
    "array<string>": pa.list_(pa.field("element", pa.string())),
    "map<string,bigint>": pa.map_(pa.string(), pa.int64()),
}


def arrow_schema(columns: Iterable[Column]) -> pa.Schema:
    """Return Arrow's schema of rows that have these columns of a table."""
    return pa.schema([pa.field(column.name, ARROW_TYPES[column.type], column.nullable) for column in columns])


def table_schema(table: Table) -> pa.Schema:
    """Return Arrow's schema of a table's rows, in the order of its declaration."""
    return arrow_schema(table.columns)


def column_names(table: Table) -> list[str]:
    """Return the names of a table's columns, in the order of its declaration."""
    return [column.name for column in table.columns]


def completed_to(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return rows with exactly the columns of a schema; those that they lack are null, which a column may refuse."""
    had = set(rows.schema.names)
    columns = [
        rows.column(column.name) if column.name in had else pa.nulls(len(rows), column.type) for column in schema
    ]
    return pa.table(columns, names=schema.names).cast(schema)
