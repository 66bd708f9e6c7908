"""What a table is: its columns, their types, how it is partitioned and sorted, and what it is made from."""

from dataclasses import dataclass
from typing import Literal

#: Money is `decimal(18,2)`, and a sum of it `decimal(38,2)`, which no number of events can overflow.
ColumnType = Literal[
    "string",
    "binary",
    "timestamp",
    "date",
    "boolean",
    "bigint",
    "double",
    "decimal(18,2)",
    "decimal(38,2)",
    "array<string>",
    "map<string,bigint>",
]
Transform = Literal["identity", "hours", "days"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column: Spark SQL type, whether it may be null, and the one sentence that documents it."""

    name: str
    type: ColumnType
    nullable: bool = True
    description: str


@dataclass(frozen=True, kw_only=True)
class Partition:
    """An Iceberg partition field: a transform over a column."""

    column: str
    transform: Transform

    def __str__(self) -> str:
        return self.column if self.transform == "identity" else f"{self.transform}({self.column})"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table: what one row is, its columns, how it is partitioned and sorted within a partition."""

    name: str
    row_is: str
    made_from: str
    partitions: tuple[Partition, ...]
    sort: tuple[str, ...]
    columns: tuple[Column, ...]

    def column(self, name: str) -> Column:
        """Return a column by name; raise `KeyError` that names the table's columns."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name!r}; it has {', '.join(c.name for c in self.columns)}")


def required(name: str, type_: ColumnType, description: str) -> Column:
    """Return a column that is never null."""
    return Column(name=name, type=type_, nullable=False, description=description)


def optional(name: str, type_: ColumnType, description: str) -> Column:
    """Return a column that may be null."""
    return Column(name=name, type=type_, description=description)
