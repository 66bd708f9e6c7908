"""Declared columns → Spark's types, so that no job writes down a column's type a second time."""

from collections.abc import Mapping
from typing import Final

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


def struct_type(table: Table) -> T.StructType:
    """Return Spark's schema of a table's rows, in the order of its declaration."""
    return T.StructType([struct_field(column) for column in table.columns])


def struct_field(column: Column) -> T.StructField:
    """Return a column as Spark knows it."""
    return T.StructField(column.name, SPARK_TYPES[column.type], column.nullable)
