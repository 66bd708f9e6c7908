"""The declared table `scaling_decisions` in pyiceberg's terms: how it is laid out, and rows → data files → one commit.

It is laid out as `spark_jobs.tables.table_evolution` does it, field by field, so that either may come to make it first.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, Self
from uuid import uuid4

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.io.pyarrow import write_file
from pyiceberg.manifest import DataFile
from pyiceberg.partitioning import PartitionField, PartitionFieldValue, PartitionKey, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table, Transaction, WriteTask
from pyiceberg.table.sorting import SortField, SortOrder
from pyiceberg.table.update import AssertTableUUID
from pyiceberg.transforms import DayTransform, IdentityTransform
from pyiceberg.types import DoubleType, LongType, NestedField, PrimitiveType, StringType, TimestamptzType

from contracts.tables import SCALING_DECISIONS, Column, ColumnType, table_properties
from kinesis_scaling.errors import DecisionStoreError

#: A row by the names of its columns, as pyarrow takes and gives it.
Row = Mapping[str, Any]

_TYPES: Final[Mapping[ColumnType, PrimitiveType]] = {
    "string": StringType(),
    "timestamp": TimestamptzType(),
    "bigint": LongType(),
    "double": DoubleType(),
}
_EPOCH: Final = date(1970, 1, 1)


def create_table(catalog: Catalog, database: str) -> Table:
    """Make the table as it is declared; raise what the catalog raises if it is there already."""
    schema = Schema(*(_field(number, column) for number, column in enumerate(SCALING_DECISIONS.columns, start=1)))
    (partition,) = SCALING_DECISIONS.partitions
    source = schema.find_field(partition.column).field_id
    sources = [schema.find_field(name).field_id for name in SCALING_DECISIONS.sort]
    return catalog.create_table(
        (database, SCALING_DECISIONS.name),
        schema,
        # The names and numbers that Spark gives.
        partition_spec=PartitionSpec(PartitionField(source, 1000, DayTransform(), f"{partition.column}_day")),
        sort_order=SortOrder(*(SortField(source, IdentityTransform()) for source in sources), order_id=1),
        properties={**table_properties(SCALING_DECISIONS), "comment": SCALING_DECISIONS.row_is},
    )


def missing_columns(stored: Table) -> list[Column]:
    """Return the declared columns to be added; raise `DecisionStoreError` for what cannot be put right by that."""
    there = {field.name: field.field_type for field in stored.schema().fields}
    declared = SCALING_DECISIONS.columns
    missing = [column for column in declared if column.name not in there]
    wrong = [column.name for column in declared if there.get(column.name, _TYPES[column.type]) != _TYPES[column.type]]
    wrong += [column.name for column in missing if not column.nullable]
    if wrong:
        raise DecisionStoreError(
            f"{'.'.join(stored.name())} differs from contracts/tables/scaling.py in {', '.join(wrong)}: only columns "
            "that may be null can be added; change the declaration back, or migrate the table by hand"
        )
    return missing


class OneCommit(Transaction):
    """A transaction that is committed upon the snapshot it was made from, or not at all.

    pyiceberg's own would be rebased on what others wrote meanwhile, which may be our rows; and when it gives up, it
    deletes the manifests even of a commit that was made and whose answer was lost.
    """

    def __enter__(self) -> Self:
        return self

    def add_columns(self, columns: Sequence[Column]) -> None:
        """Add columns that may be null."""
        if columns:
            with self.update_schema() as schema:
                for column in columns:
                    schema.add_column(column.name, _TYPES[column.type], column.description)

    def put(self, rows: Sequence[Row], *, replaced: Sequence[DataFile] = ()) -> None:
        """Add rows, in files of their days, in place of the files `replaced`."""
        if not rows:
            return
        snapshot = self.update_snapshot()
        with snapshot.overwrite() if replaced else snapshot.fast_append() as changed:
            for file in replaced:
                changed.delete_data_file(file)
            for file in self._written(rows):
                changed.append_data_file(file)

    def commit_transaction(self) -> Table:
        """Commit what was staged; raise `CommitFailedException` if the table is another by now."""
        if self._updates:
            same_table = AssertTableUUID(uuid=self.table_metadata.table_uuid)
            self._table._do_commit(updates=self._updates, requirements=(*self._requirements, same_table))
        self._updates, self._requirements = (), ()
        return self._table

    def _written(self, rows: Sequence[Row]) -> Iterator[DataFile]:
        """Write the files; pyiceberg itself finds a row's day only with a library of its own, in Rust."""
        metadata, write_uuid = self.table_metadata, uuid4()
        spec, schema = metadata.spec(), metadata.schema()
        of_day: dict[int, list[Row]] = defaultdict(list)
        for row in sorted(rows, key=lambda row: tuple(row[name] for name in SCALING_DECISIONS.sort)):
            of_day[_day_number(row["decided_at"])].append(row)
        tasks = (
            WriteTask(
                write_uuid=write_uuid,
                task_id=number,
                schema=schema,
                record_batches=pa.Table.from_pylist(of_day[day], schema=schema.as_arrow()).to_batches(),
                partition_key=PartitionKey([PartitionFieldValue(spec.fields[0], day)], spec, schema),
            )
            for number, day in enumerate(of_day)
        )
        return write_file(self._table.io, metadata, tasks)


def _field(number: int, column: Column) -> NestedField:
    return NestedField(number, column.name, _TYPES[column.type], not column.nullable, doc=column.description)


def _day_number(time: datetime) -> int:
    return (time.astimezone(UTC).date() - _EPOCH).days
