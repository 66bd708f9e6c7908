"""Rows as they are declared → Iceberg tables, written by pyiceberg: a lake in a second, without Spark.

For benchmarks and tests of what reads a lake. Each call of `put` is a commit, which replaces the partitions that the
rows lie in, as the jobs do; each partition has one file.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import uuid4

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.io.pyarrow import write_file
from pyiceberg.partitioning import PartitionField, PartitionFieldValue, PartitionKey, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table as StoredTable
from pyiceberg.table import WriteTask
from pyiceberg.transforms import DayTransform, HourTransform, IdentityTransform
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    IcebergType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StringType,
    TimestamptzType,
)

from contracts.partitions import day_number, ordinal
from contracts.tables import Column, Partition, Table, table_properties

Rows = Iterable[Mapping[str, Any]]

_TRANSFORMS: Final[Mapping[str, Any]] = {
    "identity": IdentityTransform(),
    "days": DayTransform(),
    "hours": HourTransform(),
}
_SIMPLE_TYPES: Final[Mapping[str, IcebergType]] = {
    "string": StringType(),
    "binary": BinaryType(),
    "timestamp": TimestamptzType(),
    "date": DateType(),
    "boolean": BooleanType(),
    "bigint": LongType(),
    "double": DoubleType(),
    "decimal(18,2)": DecimalType(18, 2),
    "decimal(38,2)": DecimalType(38, 2),
}
_PLAIN_VALUES: Final[Mapping[str, Any]] = {
    "string": "",
    "binary": b"",
    "timestamp": datetime(2026, 11, 20, tzinfo=UTC),
    "date": date(2026, 11, 20),
    "boolean": False,
    "bigint": 0,
    "double": 0.0,
    "decimal(18,2)": Decimal(0),
    "decimal(38,2)": Decimal(0),
    "array<string>": (),
    "map<string,bigint>": (),
}


def put(catalog: Catalog, database: str, table: Table, rows: Rows, *, columns: Sequence[str] | None = None) -> None:
    """Write rows in the place of those that their partitions have; what a row does not say is null, or empty or 0.

    `columns` are those that the table is created with, if it has not all of them yet.
    """
    stored = _stored(catalog, database, table, columns)
    written = [_complete(table, stored, row) for row in rows]
    by_partition: dict[tuple[Any, ...], list[Mapping[str, Any]]] = defaultdict(list)
    for row in written:
        by_partition[tuple(_partition_value(partition, row) for partition in table.partitions)].append(row)
    files = list(_files(stored, table, by_partition))
    with stored.transaction() as transaction, transaction.update_snapshot().overwrite() as snapshot:
        for task in stored.scan().plan_files():
            if tuple(task.file.partition[at] for at in range(len(table.partitions))) in by_partition:
                snapshot.delete_data_file(task.file)
        for file in files:
            snapshot.append_data_file(file)


def create(catalog: Catalog, database: str, table: Table, columns: Sequence[str] | None = None) -> StoredTable:
    """Create a table as it is declared, of all its columns or some."""
    there = [column for column in table.columns if columns is None or column.name in columns]
    numbers = iter(range(len(there) + 1, 10_000))
    schema = Schema(
        *(
            NestedField(number, column.name, _type(column, numbers), required=not column.nullable)
            for number, column in enumerate(there, start=1)
        )
    )
    spec = PartitionSpec(
        *(
            PartitionField(schema.find_field(one.column).field_id, 1000 + at, _TRANSFORMS[one.transform], _name(one))
            for at, one in enumerate(table.partitions)
        )
    )
    return catalog.create_table((database, table.name), schema, partition_spec=spec, properties=table_properties(table))


def _stored(catalog: Catalog, database: str, table: Table, columns: Sequence[str] | None) -> StoredTable:
    try:
        return catalog.load_table((database, table.name))
    except NoSuchTableError:
        return create(catalog, database, table, columns)


def _type(column: Column, numbers: Any) -> IcebergType:
    if column.type == "array<string>":
        return ListType(element_id=next(numbers), element_type=StringType(), element_required=False)
    if column.type == "map<string,bigint>":
        return MapType(
            key_id=next(numbers),
            key_type=StringType(),
            value_id=next(numbers),
            value_type=LongType(),
            value_required=False,
        )
    return _SIMPLE_TYPES[column.type]


def _name(partition: Partition) -> str:
    """Return the name that Spark gives a partition's field."""
    return partition.column if partition.transform == "identity" else f"{partition.column}_{partition.transform[:-1]}"


def _complete(table: Table, stored: StoredTable, row: Mapping[str, Any]) -> Mapping[str, Any]:
    if unknown := set(row) - {column.name for column in table.columns}:
        raise KeyError(f"{table.name} has no columns {', '.join(sorted(unknown))}")
    there = {field.name for field in stored.schema().fields}
    return {
        column.name: row.get(column.name, None if column.nullable else _PLAIN_VALUES[column.type])
        for column in table.columns
        if column.name in there
    }


def _partition_value(partition: Partition, row: Mapping[str, Any]) -> Any:
    value = row[partition.column]
    if partition.transform == "days":
        return day_number(value.astimezone(UTC).date())
    if partition.transform == "hours":
        return ordinal(value.astimezone(UTC).replace(minute=0, second=0, microsecond=0))
    return day_number(value) if isinstance(value, date) else value


def _files(stored: StoredTable, table: Table, by_partition: Mapping[tuple[Any, ...], Any]) -> Iterable[Any]:
    metadata, write_uuid = stored.metadata, uuid4()
    spec, schema = metadata.spec(), metadata.schema()
    tasks = (
        WriteTask(
            write_uuid=write_uuid,
            task_id=number,
            schema=schema,
            record_batches=pa.Table.from_pylist(
                sorted(rows, key=lambda row: tuple(str(row[name]) for name in table.sort)), schema=schema.as_arrow()
            ).to_batches(),
            partition_key=PartitionKey(_values(spec, rows[0], values), spec, schema),
        )
        for number, (values, rows) in enumerate(by_partition.items())
    )
    return write_file(stored.io, metadata, tasks)


def _values(spec: PartitionSpec, row: Mapping[str, Any], values: tuple[Any, ...]) -> list[PartitionFieldValue]:
    del row
    return [PartitionFieldValue(field, value) for field, value in zip(spec.fields, values, strict=True)]
