"""A location of a table's metadata → its files of some days, and their rows in Arrow: all that pages do with Iceberg.

Files of a table never change. So what is kept is kept by file: when an hour is written again, that day's file is read,
and the other ninety days are there already.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import pyarrow as pa
from pyarrow.compute import is_in
from pyarrow.parquet import ParquetFile
from pyiceberg.catalog.noop import NoopCatalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.expressions import AlwaysTrue, BooleanExpression, In, Reference
from pyiceberg.expressions.literals import literal
from pyiceberg.expressions.parser import parse
from pyiceberg.io import FileIO
from pyiceberg.io.pyarrow import ArrowScan, PyArrowFileIO
from pyiceberg.serializers import FromInputFile
from pyiceberg.table import FileScanTask, StaticTable
from pyiceberg.table import Table as StoredTable
from pyiceberg.table.snapshots import Operation

from contracts.partitions import day_number, day_of, day_of_number, hour_of_ordinal
from contracts.tables import Column, Table
from pages.errors import LakeUnreachableError
from pages.lake.manifests import Manifests
from storage.bucket import iceberg_s3_properties

#: A file of at most so many bytes is fetched as a whole and read from memory, in a quarter of the time that pyiceberg's
#: scan takes, which asks for its parts one after the other.
_SMALL: Final = 4 * 1024 * 1024
#: Under which Parquet's metadata has a column's number.
_NUMBER: Final = b"PARQUET:field_id"
#: What commits the same rows in other files.
_MAINTENANCE: Final = Operation.REPLACE

_ARROW_TYPES: Final = {
    "string": pa.string(),
    "binary": pa.binary(),
    # Without their zone, which is always UTC: DuckDB then needs no further library to give them to Python.
    "timestamp": pa.timestamp("us"),
    "date": pa.date32(),
    "boolean": pa.bool_(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "decimal(18,2)": pa.decimal128(18, 2),
    "decimal(38,2)": pa.decimal128(38, 2),
    "array<string>": pa.list_(pa.string()),
    "map<string,bigint>": pa.map_(pa.string(), pa.int64()),
}


@dataclass(frozen=True, kw_only=True)
class Days:
    """The days of `[first, last]`, by the column that a table is partitioned by."""

    first: date
    last: date

    def filter_of(self, table: Table) -> BooleanExpression:
        """Return the rows of these days."""
        return _between(_partition_column(table), self.first, self.last + timedelta(days=1))

    def numbers_of(self, table: Table) -> range:
        """Return the numbers of a table's partitions that are of these days: of days, or of hours."""
        each = 1 if _is_by_day(table) else 24
        return range(day_number(self.first) * each, (day_number(self.last) + 1) * each)


@dataclass(frozen=True, kw_only=True)
class DataFile:
    """A file of a table, with the files that say which of its rows are deleted; `name` stands for its rows.

    `day` is that of its partition; `number` counts the partitions, days or hours, in their order.
    """

    name: tuple[str, ...]
    rows: int
    day: date
    number: int
    task: Any

    @property
    def is_small(self) -> bool:
        """Return whether it can be read as a whole, without asking other files which of its rows there are."""
        return not self.task.delete_files and self.task.file.file_size_in_bytes <= _SMALL

    def is_of(self, days: Days) -> bool:
        """Return whether its partition is of one of these days."""
        return days.first <= self.day <= days.last


class StoredVersion:
    """A version of a table, by the location of its metadata."""

    def __init__(self, table: Table, location: str, io: FileIO, manifests: Manifests) -> None:
        self._table = table
        self._manifests = manifests
        with _translated(table.name, location):
            metadata = FromInputFile.table_metadata(io.new_input(location))
        self._stored: StoredTable = StaticTable(
            identifier=(table.name,), metadata=metadata, metadata_location=location, io=io, catalog=NoopCatalog("pages")
        )

    @property
    def written_at(self) -> datetime:
        """Return when rows were last written; maintenance, which leaves them as they are, does not count."""
        metadata = self._stored.metadata
        commits = [
            each for each in metadata.snapshots if not each.summary or each.summary.operation is not _MAINTENANCE
        ]
        last = max((each.timestamp_ms for each in commits), default=metadata.last_updated_ms)
        return datetime.fromtimestamp(last / 1000, tz=UTC)

    @property
    def is_by_day(self) -> bool:
        """Return whether the table has so few files, for each day, that all are found as quickly as those of one."""
        return _is_by_day(self._table)

    def files(self, days: Days | None) -> tuple[DataFile, ...]:
        """Return the files that hold rows of these days, or all."""
        row_filter = days.filter_of(self._table) if days else AlwaysTrue()
        wanted = days.numbers_of(self._table) if days else None
        place = _partition(self._table)
        with _translated(self._table.name, self._stored.metadata_location):
            tasks = [(_number(task, place), task) for task in self._manifests.tasks(self._stored, row_filter)]
        return tuple(
            _data_file(self._table, number, task) for number, task in tasks if wanted is None or number in wanted
        )

    def rows(self, file: DataFile, columns: Sequence[str]) -> pa.Table:
        """Return all rows of a file; a column that the table has not yet is null."""
        if not file.is_small:
            return self._read(file, columns, AlwaysTrue(), None)
        with _translated(self._table.name, file.name[0]):
            with self._stored.io.new_input(file.name[0]).open(seekable=False) as stream:
                content = stream.read()
            parquet = ParquetFile(pa.BufferReader(content))
            names = self._names_in(parquet.schema_arrow)
            if not names:  # a file without numbers, of another writer than Iceberg: pyiceberg may know it by a mapping
                return self._read(file, columns, AlwaysTrue(), None)
            there = {name: names[name] for name in columns if name in names}
            found = parquet.read(list(there.values()), use_threads=False)
        return as_declared(self._table, columns, pa.table({name: found[other] for name, other in there.items()}))

    def _names_in(self, schema: pa.Schema) -> Mapping[str, str]:
        """Return the name that each column has in a file: they are the same by their number."""
        by_number = {int((field.metadata or {}).get(_NUMBER, -1)): field.name for field in schema}
        ours = self._stored.schema().fields
        return {field.name: by_number[field.field_id] for field in ours if field.field_id in by_number}

    def matching(
        self,
        files: Sequence[DataFile],
        columns: Sequence[str],
        one_of: tuple[str, Sequence[str]] | None = None,
        limit: int | None = None,
    ) -> Iterator[pa.Table]:
        """Yield rows of each file, of those in which a column has one of some values, at most `limit` together."""
        left = limit
        for file in files:
            found = self._some(file, columns, one_of, left)
            yield found
            if left is not None:
                left -= found.num_rows
                if left <= 0:
                    return

    def _some(
        self, file: DataFile, columns: Sequence[str], one_of: tuple[str, Sequence[str]] | None, limit: int | None
    ) -> pa.Table:
        if not file.is_small:
            return self._read(file, columns, _one_of(*one_of) if one_of else AlwaysTrue(), limit)
        found = self.rows(file, columns)
        if one_of:
            column, values = one_of
            found = found.filter(is_in(found[column], value_set=pa.array(values)))
        return found if limit is None else found.slice(0, limit)

    def _read(
        self, file: DataFile, columns: Sequence[str], row_filter: BooleanExpression, limit: int | None
    ) -> pa.Table:
        there = {field.name for field in self._stored.schema().fields}
        projected = self._stored.schema().select(*(name for name in columns if name in there))
        with _translated(self._table.name, file.name[0]):
            scan = ArrowScan(self._stored.metadata, self._stored.io, projected, row_filter, limit=limit)
            found = scan.to_table([file.task])
        return as_declared(self._table, columns, found)


def file_io(properties: Mapping[str, str]) -> FileIO:
    """Return what reads files of all tables: a client of S3, and its connections, take longer to make than a file."""
    return PyArrowFileIO(dict(properties))


def s3_properties() -> dict[str, str]:
    """Return what pyiceberg's reader of files must know, and how long a person shall wait for it."""
    return {**iceberg_s3_properties(), "s3.connect-timeout": "3", "s3.request-timeout": "15"}


def empty(table: Table, columns: Sequence[str]) -> pa.Table:
    """Return a table without rows."""
    return as_declared(table, columns, pa.table({}))


def as_declared(table: Table, columns: Sequence[str], found: pa.Table) -> pa.Table:
    """Return rows with the columns asked for, of the declared types."""
    declared = [table.column(name) for name in columns]
    arrays = [_array(found, column) for column in declared]
    return pa.table(arrays, schema=pa.schema([(column.name, _ARROW_TYPES[column.type]) for column in declared]))


def _array(found: pa.Table, column: Column) -> Any:
    wanted = _ARROW_TYPES[column.type]
    if column.name not in found.column_names:
        return pa.chunked_array([pa.nulls(found.num_rows, wanted)])
    array = found[column.name]
    return array if array.type == wanted else array.cast(wanted)


def _is_by_day(table: Table) -> bool:
    first = table.partitions[_partition(table)]
    return first.transform == "days" or table.column(first.column).type == "date"


def _number(task: FileScanTask, place: int) -> int:
    """Return the number of a file's day or hour, by the place of the partition that is a time."""
    value = task.file.partition[place]
    return value if isinstance(value, int) else day_number(value)


def _data_file(table: Table, number: int, task: FileScanTask) -> DataFile:
    deletes = sorted(each.file_path for each in task.delete_files)
    return DataFile(
        name=(task.file.file_path, *deletes),
        rows=task.file.record_count,
        day=day_of_number(number) if _is_by_day(table) else day_of(hour_of_ordinal(number)),
        number=number,
        task=task,
    )


def _partition(table: Table) -> int:
    """Return the place of the partition that is a time."""
    by_time = (at for at, partition in enumerate(table.partitions) if partition.transform in ("days", "hours"))
    return next(by_time, 0)


def _partition_column(table: Table) -> Column:
    return table.column(table.partitions[_partition(table)].column)


def _between(column: Column, first: date, end: date) -> BooleanExpression:
    if column.type == "date":
        low, high = first.isoformat(), end.isoformat()
    else:
        low, high = (datetime.combine(day, time(), tzinfo=UTC).isoformat() for day in (first, end))
    return parse(f"{column.name} >= '{low}' and {column.name} < '{high}'")


def _one_of(column: str, values: Sequence[str]) -> BooleanExpression:
    return In(term=Reference(column), values={literal(value) for value in values})


class _translated:  # noqa: N801 (a context manager is used like a function)
    """Turns what a file's reader raises into a sentence and what to do."""

    def __init__(self, table: str, what: str) -> None:
        self._table = table
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, OSError | NoSuchTableError):
            raise LakeUnreachableError(
                f"{self._what} of the table {self._table} cannot be read: {error}",
                "If it is gone, the table was written again meanwhile: reload the page. Else look at the warehouse "
                "bucket, and at the credentials and rights of Airflow's API server.",
            ) from error
