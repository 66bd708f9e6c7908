"""Declared columns → Spark's and Arrow's types, so that no job writes down a column's type a second time."""

from collections.abc import Iterable, Mapping
from typing import Final

import pyarrow as pa
from pyspark.sql import types as T  # noqa: N812 (PySpark's own abbreviation)

from contracts.tables import Column, ColumnType, Table

SPARK_TYPES: Final[Mapping[ColumnType, T.DataType]] = {
    "string": T.StringType(),
    "binary": T.BinaryType(),
    "timestamp": T.TimestampType(),
    "date": T.DateType(),
    "boolean": T.BooleanType(),
    "bigint": T.LongType(),
    "double": T.DoubleType(),
    "decimal(18,2)": T.DecimalType(18, 2),
    "decimal(38,2)": T.DecimalType(38, 2),
    "array<string>": T.ArrayType(T.StringType()),
    "map<string,bigint>": T.MapType(T.StringType(), T.LongType()),
}

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


def struct_type(table: Table) -> T.StructType:
    """Return Spark's schema of a table's rows, in the order of its declaration."""
    return T.StructType([struct_field(column) for column in table.columns])


def struct_field(column: Column) -> T.StructField:
    """Return a column as Spark knows it."""
    return T.StructField(column.name, SPARK_TYPES[column.type], column.nullable)


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
