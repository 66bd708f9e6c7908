"""Rows → Parquet data files of a table, written by the process that has the rows; the driver commits them.

Through the JVM, rows would become Spark's own, be sorted by partition, and be written value by value: three times the
cost of validating them. Here they stay columns. Rows wait in memory, within a bound, for their partition's file, so
that a landing hour's late events, of eight days, need neither a sort nor open files.
"""

import re
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from botocore.exceptions import ClientError
from pyspark.sql import DataFrame
from pyspark.sql import types as T  # noqa: N812 (PySpark's own abbreviation)
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.udf import UserDefinedFunction
from pyspark.util import PythonEvalType

from contracts.partitions import hour_of_ordinal
from contracts.tables import Partition as PartitionField
from spark_jobs.errors import DataFileError
from spark_jobs.lake.arrow_types import completed_to
from storage.bucket import s3_client
from storage.directory import local_directory

#: Write a partition's rows as one file once they take this much memory; the file is about a fifth of it.
FILE_BYTES: Final = 96 * 1024 * 1024
#: Write every partition's rows, however few, once a task's waiting rows take this much memory.
HELD_BYTES: Final = 256 * 1024 * 1024

#: So many files are read or written side by side; the client of S3 has as many connections.
_AT_ONCE: Final = 10

T_ = TypeVar("T_")
U_ = TypeVar("U_")

_HOUR_US: Final = 3_600_000_000
#: These columns get no dictionary: their values hardly repeat, so building one costs as much as writing all else.
UNIQUE: Final = frozenset({"event_time", "received_at", "click_id", "insertion_timestamp", "request_id", "line"})

#: A path of these characters alone can stand in SQL, and holds nothing that a reader takes for a pattern.
_PLAIN_PATH: Final = re.compile(r"[\w/.=+-]+")
#: Below this many rows, dictionary encoding costs more than it saves.
_DICTIONARY_ROWS: Final = 100
#: A Parquet file ends with its footer, four bytes of the footer's length, and four of a magic word.
_TAIL: Final = 8


#: A value for each of a table's partition fields.
Partition = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class DataFile:
    """A file that no snapshot of its table has yet; `partition` has its values as Iceberg writes them in a path.

    An hour is a number, counted from the epoch; a day is an ISO date. `footer` is the file's own Parquet metadata, so
    that the commit does not fetch it again.
    """

    table: str
    location: str
    size: int
    partition: Partition
    rows: int
    footer: bytes


#: Tasks return their files to the driver as rows of this schema.
DATA_FILE_SCHEMA: Final = T.StructType(
    [
        T.StructField("table", T.StringType()),
        T.StructField("location", T.StringType()),
        T.StructField("size", T.LongType()),
        T.StructField("partition", T.ArrayType(T.StringType())),
        T.StructField("rows", T.LongType()),
        T.StructField("footer", T.BinaryType()),
    ]
)


def as_batch(file: DataFile) -> pa.RecordBatch:
    """Return a file as a row of `DATA_FILE_SCHEMA`."""
    row = {**vars(file), "partition": list(file.partition)}
    return pa.RecordBatch.from_pylist([row], _data_file_schema())


@cache
def _data_file_schema() -> pa.Schema:
    return to_arrow_schema(DATA_FILE_SCHEMA)


def as_file(row: Mapping[str, Any]) -> DataFile:
    """Return the file that a row describes."""
    return DataFile(
        table=row["table"],
        location=row["location"],
        size=row["size"],
        partition=tuple(row["partition"]),
        rows=row["rows"],
        footer=bytes(row["footer"]),
    )


@contextmanager
def local_copies(locations: Iterable[str]) -> Iterator[list[str]]:
    """Yield local paths to the content of data files, for readers that know no S3 and take `*` for a pattern.

    Raise `DataFileError` if one is gone.
    """
    with TemporaryDirectory() as directory:
        copy = partial(_local_copy, directory)
        named = list(locations)
        yield list(_side_by_side(copy, enumerate(named), remote=any(map(is_in_s3, named))))


def is_in_s3(location: str) -> bool:
    """Return whether a file lies in S3, and not in a directory."""
    return location.startswith("s3://")


def _side_by_side(function: Callable[[T_], U_], items: Iterable[T_], *, remote: bool) -> Iterator[U_]:
    """Yield what a function returns for each item; several wait for S3 at a time, while a disk is quick."""
    if not remote:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield from pool.map(function, items)


@contextmanager
def dataset(schema: pa.Schema, locations: Iterable[str]) -> Iterator[ds.Dataset]:
    """Yield the rows of data files; a column that was declared since a file was written is null in it."""
    with local_copies(locations) as paths:
        yield ds.dataset(paths, schema=schema, format="parquet") if paths else ds.dataset(schema.empty_table())


def _local_copy(directory: str, numbered: tuple[int, str]) -> str:
    """Return a local path to a file's content: its own if that is safe to use, else one in the directory."""
    number, location = numbered
    path = Path(directory) / f"{number}.parquet"
    if is_in_s3(location):
        _download(location, path)
        return str(path)
    file = local_directory(location)
    if not file.exists():
        raise DataFileError.gone(location)
    if _PLAIN_PATH.fullmatch(str(file)):
        return str(file)
    path.symlink_to(file)
    return str(path)


def _download(location: str, path: Path) -> None:
    bucket, _, key = location.removeprefix("s3://").partition("/")
    try:
        s3_client().download_file(bucket, key, str(path))
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
            raise DataFileError.gone(location) from error
        raise


@dataclass(frozen=True, kw_only=True)
class FileTarget:
    """What a task knows of a table: where its data lies, its columns with Iceberg's ids, how it is partitioned."""

    table: str
    data: str
    schema: pa.Schema
    partitions: tuple[PartitionField, ...]

    def write(self, rows: pa.Table, partition: Partition) -> DataFile:
        """Write rows of one partition as a file; a column that they lack is null."""
        folders = map(_folder, self.partitions, partition)
        location = "/".join((self.data, *folders, f"{uuid.uuid4()}.parquet"))
        content = self._parquet(completed_to(rows, self.schema))
        _put(location, content)
        return DataFile(
            table=self.table,
            location=location,
            size=len(content),
            partition=partition,
            rows=rows.num_rows,
            footer=_footer(content),
        )

    def _parquet(self, rows: pa.Table) -> bytes:
        """Return rows as a Parquet file's content."""
        repeating = [name for name in self.schema.names if name not in UNIQUE]
        buffer = BytesIO()
        pq.write_table(
            rows,
            buffer,
            compression="zstd",
            use_dictionary=repeating if rows.num_rows >= _DICTIONARY_ROWS else False,
            store_decimal_as_integer=True,
            store_schema=False,  # Arrow's own schema, beside Parquet's: a fourth of a small file
        )
        return buffer.getvalue()


def written_files(batches: Iterable[pa.Table], target: FileTarget) -> Iterator[DataFile]:
    """Write rows of any partitions, and yield each file once it is there."""
    buffer = PartitionBuffer(target=target)
    for batch in batches:
        yield from buffer.add(batch)
    yield from buffer.flush()


@dataclass(kw_only=True)
class PartitionBuffer:
    """Rows of a table in memory, by partition, until there are enough of them for a file."""

    target: FileTarget
    _rows: defaultdict[Partition, list[pa.Table]] = field(default_factory=lambda: defaultdict(list))
    _sizes: Counter[Partition] = field(default_factory=Counter)

    def add(self, batch: pa.Table) -> Iterator[DataFile]:
        """Keep rows, and yield the files that are full now; columns of nulls alone cost nothing until then."""
        if not len(batch):
            return
        batch = batch.select([name for name in batch.schema.names if batch.column(name).null_count < len(batch)])
        for partition, rows in _by_partition(batch, self.target.partitions):
            self._rows[partition].append(rows)
            self._sizes[partition] += rows.nbytes
            if self._sizes[partition] > FILE_BYTES:
                yield self._written(partition)
        if self._sizes.total() > HELD_BYTES:
            yield from self.flush()

    def flush(self) -> Iterator[DataFile]:
        """Write all rows that are left."""
        yield from _side_by_side(self._written, sorted(self._rows), remote=is_in_s3(self.target.data))

    def _written(self, partition: Partition) -> DataFile:
        del self._sizes[partition]
        rows = pa.concat_tables(self._rows.pop(partition), promote_options="default")
        return self.target.write(rows, partition)


def _by_partition(rows: pa.Table, fields: tuple[PartitionField, ...]) -> Iterator[tuple[Partition, pa.Table]]:
    """Yield the rows of each partition that there are; rows of one partition keep their order."""
    columns = [field.column for field in fields]
    keys = pa.table({field.column: _values(rows.column(field.column), field) for field in fields})
    spans = list(pairwise(_starts(keys)))
    if len(spans) == keys.group_by(columns).aggregate([]).num_rows:
        for start, end in spans:
            yield _partition(keys, start), rows.slice(start, end - start)
        return
    order = pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in columns])
    keys = keys.take(order)
    for group in _spans(list(pairwise(_starts(keys)))):
        taken = rows.take(pa.concat_arrays([order.slice(start, end - start) for start, end in group]))
        place = 0
        for start, end in group:
            yield _partition(keys, start), taken.slice(place, end - start)
            place += end - start


def _partition(keys: pa.Table, row: int) -> Partition:
    return tuple(_text(column[row].as_py()) for column in keys.columns)


def _text(value: object) -> str:
    """Return a partition's value as Iceberg writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _spans(spans: list[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Yield groups of spans whose rows may share memory: a slice keeps all of the rows that it was cut from.

    A span of a fourth of the remaining rows, or more, is a group of its own: the others must not keep it in memory
    once it was written. The spans of the last group are small enough to be written only when all rows are.
    """
    spans = sorted(spans, key=lambda span: span[0] - span[1])
    left = sum(end - start for start, end in spans)
    while spans and 4 * (length := spans[0][1] - spans[0][0]) >= left:
        yield [spans.pop(0)]
        left -= length
    if spans:
        yield spans


def _values(column: pa.ChunkedArray, field: PartitionField) -> pa.ChunkedArray:
    """Return the field's value for each row: hours since the epoch, dates, or what is in the column."""
    match field.transform:
        case "hours":
            return pc.divide(pc.floor_temporal(column, unit="hour").cast(pa.int64()), _HOUR_US)
        case "days":
            return column.cast(pa.date32())
        case "identity":
            return column


def _folder(field: PartitionField, value: str) -> str:
    """Return the name that Iceberg would give the folder; only people read it."""
    match field.transform:
        case "hours":
            return f"{field.column}_hour={hour_of_ordinal(int(value)):%Y-%m-%d-%H}"
        case "days":
            return f"{field.column}_day={value}"
        case "identity":
            return f"{field.column}={value}"


def _starts(keys: pa.Table) -> list[int]:
    """Return where another key begins in sorted keys, and their end."""
    changes: set[int] = {0, keys.num_rows}
    for column in keys.columns:
        values = column.combine_chunks()
        differs = pc.not_equal(values.slice(1), values.slice(0, max(len(values) - 1, 0)))
        changes.update(index + 1 for index in pc.indices_nonzero(differs).to_pylist())
    return sorted(changes)


def _footer(content: bytes) -> bytes:
    """Return the footer in a Parquet file."""
    length = int.from_bytes(content[-_TAIL:-4], "little")
    return content[-_TAIL - length : -_TAIL]


def _put(location: str, content: bytes) -> None:
    if not is_in_s3(location):
        path = local_directory(location)
        path.parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(content)
        return
    bucket, _, key = location.removeprefix("s3://").partition("/")
    s3_client().put_object(Bucket=bucket, Key=key, Body=content)


ArrowMap = Callable[[Iterable[pa.RecordBatch]], Iterable[pa.RecordBatch]]


def map_in_arrow(frame: DataFrame, batches: ArrowMap, schema: T.StructType) -> DataFrame:
    """Return what `batches` computes from each partition of `frame`, as rows of `schema`.

    `DataFrame.mapInArrow` asks for pandas (and so numpy: 100 MB in every executor's environment) before it does
    anything, although batches go from Arrow to Arrow. Here is what that method does after asking.
    """
    function = UserDefinedFunction(batches, schema, evalType=PythonEvalType.SQL_MAP_ARROW_ITER_UDF)
    columns = function(*(frame[name] for name in frame.columns))
    return DataFrame(frame._jdf.mapInArrow(columns._jc, False, None), frame.sparkSession)
