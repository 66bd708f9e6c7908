"""Records of decisions ↔ rows of the Iceberg table `scaling_decisions`, by pyiceberg: a DAG starts no Spark for it.

A write is one commit upon the rows that it looked at: if another writer commits meanwhile, or the answer to our own
commit is lost, it looks again. So no decision has two rows, even if two writers write it.

The table's layout is that of Spark's own `CREATE TABLE` of the declaration, so that either may come first to create it.
"""

import random
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Self
from uuid import uuid4

import boto3
import pyarrow as pa
from botocore.exceptions import BotoCoreError, ClientError
from pyiceberg.catalog import Catalog
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.exceptions import CommitFailedException, NoSuchNamespaceError, NoSuchTableError, TableAlreadyExistsError
from pyiceberg.expressions import AlwaysTrue, And, BooleanExpression, In, Reference
from pyiceberg.expressions.literals import literal
from pyiceberg.expressions.parser import parse
from pyiceberg.io.pyarrow import write_file
from pyiceberg.manifest import DataFile
from pyiceberg.partitioning import PartitionField, PartitionFieldValue, PartitionKey, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table, Transaction, WriteTask
from pyiceberg.table.sorting import SortField, SortOrder
from pyiceberg.table.update import AssertTableUUID
from pyiceberg.transforms import DayTransform, IdentityTransform
from pyiceberg.types import DoubleType, LongType, NestedField, PrimitiveType, StringType, TimestamptzType

from contracts.names import LakeLocation
from contracts.tables import SCALING_DECISIONS, Column, ColumnType, table_properties
from kinesis_scaling.decisions.record import DecisionRecord
from kinesis_scaling.errors import DecisionStoreError
from storage.bucket import iceberg_s3_properties

#: A write is tried this often; before each try but the first, another writer's commit came between.
TRIES: Final = 10
FIRST_WAIT_SECONDS: Final = 0.1
_LONGEST_WAIT_SECONDS: Final = 5.0
_DAY: Final = timedelta(days=1)
_EPOCH: Final = date(1970, 1, 1)

#: A row by the names of its columns, as pyarrow takes and gives it.
Row = Mapping[str, Any]

_TYPES: Final[Mapping[ColumnType, PrimitiveType]] = {
    "string": StringType(),
    "timestamp": TimestamptzType(),
    "bigint": LongType(),
    "double": DoubleType(),
}


class DecisionStore:
    """The decisions of one database; a table that does not exist yet is an empty one.

    Every method raises `DecisionStoreError`, with the remedy, if the catalog or the table cannot be used.
    """

    def __init__(self, *, catalog: Catalog, database: str) -> None:
        self._catalog = catalog
        self._database = database

    def write(self, records: Sequence[DecisionRecord]) -> None:
        """Write one row for each record, in one commit; a decision that has a row already gets this one instead."""
        latest = {record.decision_id: record for record in records}
        if not latest:
            return
        for turn in range(TRIES):
            if self._committed(latest):
                return
            time.sleep(min(FIRST_WAIT_SECONDS * 2**turn, _LONGEST_WAIT_SECONDS) * random.uniform(0.5, 1))
        raise DecisionStoreError(
            f"{self._database}.{SCALING_DECISIONS.name}: others committed before us {TRIES} times in a row; "
            "run the task again"
        )

    def read(self, stream_name: str | None, since: datetime, until: datetime) -> list[DecisionRecord]:
        """Return the decisions of `[since, until)`, in order; of one stream, or (None) of all."""
        with _translated(self._database):
            found = _records(self._stored(), And(_between(since, until), _of_stream(stream_name)))
        return sorted(found, key=lambda record: (record.decided_at, record.stream_name))

    def decided(self) -> list[tuple[str, datetime]] | None:
        """Return stream and time of every decision, in order; None if the table does not exist."""
        with _translated(self._database):
            stored = self._stored()
            if stored is None:
                return None
            found = stored.scan(selected_fields=("stream_name", "decided_at")).to_arrow()
        return sorted((row["stream_name"], row["decided_at"]) for row in _rows(found))

    def _committed(self, latest: Mapping[str, DecisionRecord]) -> bool:
        """Write what is not there yet; return False if another commit came between."""
        try:
            with _translated(self._database):
                self._commit(latest)
        except CommitFailedException:
            return False
        return True

    def _commit(self, latest: Mapping[str, DecisionRecord]) -> None:
        stored = self._stored() or self._created()
        times = [record.decided_at for record in latest.values()]
        # The times, because the ids alone would not select the days and files to read.
        theirs = And(_between(min(times), max(times) + timedelta(seconds=1)), _one_of("decision_id", latest))
        there = {record.decision_id: record for record in _records(stored, theirs)}
        rows = [asdict(record) for record in latest.values() if there.get(record.decision_id) != record]
        changed = [row["decided_at"] for row in rows if row["decision_id"] in there]
        with _OneCommit(stored) as commit:
            commit.add_columns(_missing_columns(stored))
            if changed:
                days = stored.scan(row_filter=_between(_midnight(min(changed)), _midnight(max(changed)) + _DAY))
                written = {row["decision_id"] for row in rows}
                kept = [row for row in _rows(days.to_arrow()) if row["decision_id"] not in written]
                commit.put([*kept, *rows], replaced=[task.file for task in days.plan_files()])
            else:
                commit.put(rows)

    def _stored(self) -> Table | None:
        try:
            return self._catalog.load_table((self._database, SCALING_DECISIONS.name))
        except NoSuchTableError:
            return None

    def _created(self) -> Table:
        try:
            return _create_table(self._catalog, self._database)
        except NoSuchNamespaceError:
            self._catalog.create_namespace_if_not_exists(self._database)
            return self._created()
        except TableAlreadyExistsError:  # another writer was first
            return self._catalog.load_table((self._database, SCALING_DECISIONS.name))


def open_decision_store(lake: LakeLocation) -> DecisionStore:
    """Return the store of a lake in the Glue catalog, reached the way boto3 reaches AWS."""
    with _translated(lake.database):
        found = {**iceberg_s3_properties(), "warehouse": lake.warehouse_uri}
        catalog = GlueCatalog("glue", client=boto3.client("glue"), **found)
    return DecisionStore(catalog=catalog, database=lake.database)


class _OneCommit(Transaction):
    """A transaction that is committed upon the snapshot that it started from, or not at all.

    pyiceberg's own `append`, `overwrite` and `upsert` move an append onto what others wrote meanwhile, which may be the
    same decisions, without validating it. When they give up, they delete the manifests even of a commit that was made
    and whose answer was lost.
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
        """Add rows, in one file for each day, in place of the files `replaced`."""
        if not rows:
            return
        snapshot = self.update_snapshot()
        with snapshot.overwrite() if replaced else snapshot.fast_append() as changed:
            for file in replaced:
                changed.delete_data_file(file)
            for file in self._written(rows):
                changed.append_data_file(file)

    def commit_transaction(self) -> Table:
        """Commit what was staged; raise `CommitFailedException` if the table has changed since."""
        if self._updates:
            same_table = AssertTableUUID(uuid=self.table_metadata.table_uuid)
            # Not the catalog's public `commit_table`, which leaves the files of old metadata to pile up.
            self._table._do_commit(updates=self._updates, requirements=(*self._requirements, same_table))
        return self._table

    def _written(self, rows: Sequence[Row]) -> Iterator[DataFile]:
        """Write the files; pyiceberg's `append` finds a row's day only with a further library, pyiceberg-core."""
        metadata, write_uuid = self.table_metadata, uuid4()
        spec, schema = metadata.spec(), metadata.schema()
        by_day: dict[int, list[Row]] = defaultdict(list)
        for row in sorted(rows, key=lambda row: tuple(row[name] for name in SCALING_DECISIONS.sort)):
            by_day[(row["decided_at"].astimezone(UTC).date() - _EPOCH).days].append(row)
        tasks = (
            WriteTask(
                write_uuid=write_uuid,
                task_id=number,
                schema=schema,
                record_batches=pa.Table.from_pylist(by_day[day], schema=schema.as_arrow()).to_batches(),
                partition_key=PartitionKey([PartitionFieldValue(spec.fields[0], day)], spec, schema),
            )
            for number, day in enumerate(by_day)
        )
        return write_file(self._table.io, metadata, tasks)


def _create_table(catalog: Catalog, database: str) -> Table:
    """Create the table as it is declared; raise what the catalog raises if it exists already."""
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


def _field(number: int, column: Column) -> NestedField:
    return NestedField(number, column.name, _TYPES[column.type], not column.nullable, doc=column.description)


def _missing_columns(stored: Table) -> list[Column]:
    """Return the declared columns to add; raise `DecisionStoreError` for differences that adding cannot remove."""
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


@contextmanager
def _translated(database: str) -> Iterator[None]:
    """Turn an error of AWS or of the file reader into a `DecisionStoreError` of one sentence."""
    try:
        yield
    except (BotoCoreError, ClientError, OSError) as error:
        raise DecisionStoreError(
            f"the table {database}.{SCALING_DECISIONS.name} cannot be reached: {error}; check the warehouse, "
            "the database, the credentials and their rights, AWS_DEFAULT_REGION, and AWS_ENDPOINT_URL of a local cloud"
        ) from error


def _records(stored: Table | None, row_filter: BooleanExpression) -> list[DecisionRecord]:
    """Return the records of the rows; a declared column that the table lacks yet is null."""
    if stored is None:
        return []
    there = {field.name for field in stored.schema().fields}
    names = tuple(column.name for column in SCALING_DECISIONS.columns if column.name in there)
    found = stored.scan(row_filter=row_filter, selected_fields=names).to_arrow()
    return [DecisionRecord.from_row(row) for row in _rows(found)]


def _rows(found: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = found.to_pylist()
    return rows


def _between(since: datetime, until: datetime) -> BooleanExpression:
    return parse(f"decided_at >= '{since.isoformat()}' and decided_at < '{until.isoformat()}'")


def _of_stream(stream_name: str | None) -> BooleanExpression:
    return AlwaysTrue() if stream_name is None else _one_of("stream_name", [stream_name])


def _one_of(column: str, values: Iterable[str]) -> BooleanExpression:
    return In(term=Reference(column), values={literal(value) for value in values})


def _midnight(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
