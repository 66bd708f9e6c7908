"""Arrow rows → Parquet data files of a table, written by whoever has the rows; the driver commits them.

Through the JVM, rows become Spark's own, are sorted by partition, and are written value by value: three times the cost
of judging them. Here they stay columns. Rows wait for their partition's file in memory, within a bound, so that a
landing hour's late events, in 170 event hours, need neither a sort nor 170 open files.
"""

import re
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any, Final

import boto3
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from botocore.config import Config
from botocore.exceptions import ClientError
from pyspark.sql import types as T  # noqa: N812 (PySpark's own abbreviation)
from pyspark.sql.pandas.types import to_arrow_schema

from contracts.partitions import HOUR
from contracts.tables import Partition as PartitionField
from spark_jobs.errors import DataFileError
from storage.directory import local_directory

#: Of a partition's rows in memory: then they become a file, of a row group, a fifth as large.
FILE_BYTES: Final = 96 * 1024 * 1024
#: Of all rows that a task keeps waiting; then each partition's become a file, small as it may be.
HELD_BYTES: Final = 256 * 1024 * 1024

_MAKING_CLIENT: Final = Lock()
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR_US: Final = 3_600_000_000
#: A dictionary of values that hardly repeat costs as much as the rest of a file's writing, and is given up halfway.
_UNIQUE: Final = frozenset({"event_time", "received_at", "click_id", "insertion_timestamp", "request_id", "line"})

#: No character in it means anything to a reader, or ends a text in SQL.
_PLAIN_PATH: Final = re.compile(r"[\w/.=+-]+")
#: Of fewer rows a dictionary costs more than it saves.
_DICTIONARY_ROWS: Final = 100
#: A Parquet file ends with its footer, four bytes of the footer's length, and four of a magic word.
_TAIL: Final = 8


#: A value for each of a table's partition fields.
Partition = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class DataFile:
    """A file that no snapshot of its table has yet; `partition` are its values, spelled as Iceberg does in a path.

    An hour is counted from the epoch, a day is an ISO date. `footer` is the file's own (Parquet's FileMetaData):
    whoever commits the file need not fetch it.
    """

    table: str
    location: str
    size: int
    partition: Partition
    rows: int
    footer: bytes


#: Of the rows by which tasks tell the driver about files.
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
    return pa.RecordBatch.from_pylist([row], to_arrow_schema(DATA_FILE_SCHEMA))


def as_file(row: Mapping[str, Any]) -> DataFile:
    """Return the file that a row tells of."""
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
    """Give paths of files with the content of data files, for readers that know no S3 and take `*` for a pattern.

    Raise `DataFileError` if one is gone.
    """
    with TemporaryDirectory() as directory:
        yield [_local_copy(location, directory, number) for number, location in enumerate(locations)]


def _local_copy(location: str, directory: str, number: int) -> str:
    """Return a path of a file's content, in the directory unless it is here under a name that is safe to use."""
    path = Path(directory) / f"{number}.parquet"
    if location.startswith("s3://"):
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
        _s3_client().download_file(bucket, key, str(path))
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
            raise DataFileError.gone(location) from error
        raise


@dataclass(frozen=True, kw_only=True)
class FileTarget:
    """A table as a task must know it: where its data lies, its columns with Iceberg's ids, how it is partitioned."""

    table: str
    data: str
    schema: pa.Schema
    partitions: tuple[PartitionField, ...]

    def write(self, rows: pa.Table, partition: Partition) -> DataFile:
        """Write rows of one partition as a file."""
        folders = map(_folder, self.partitions, partition)
        location = "/".join((self.data, *folders, f"{uuid.uuid4()}.parquet"))
        content = self._parquet(rows.select(self.schema.names).cast(self.schema))
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
        repeating = [name for name in self.schema.names if name not in _UNIQUE]
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
    waiting = WaitingRows(target=target)
    for batch in batches:
        yield from waiting.add(batch)
    yield from waiting.rest()


@dataclass(kw_only=True)
class WaitingRows:
    """Rows of a table that wait, by partition, for enough others to become a file."""

    target: FileTarget
    _rows: defaultdict[Partition, list[pa.Table]] = field(default_factory=lambda: defaultdict(list))
    _sizes: Counter[Partition] = field(default_factory=Counter)

    def add(self, batch: pa.Table) -> Iterator[DataFile]:
        """Let rows wait, and yield the files that are full now."""
        for partition, rows in _by_partition(batch, self.target.partitions):
            self._rows[partition].append(rows)
            self._sizes[partition] += rows.nbytes
            if self._sizes[partition] > FILE_BYTES:
                yield self._written(partition)
        if self._sizes.total() > HELD_BYTES:
            yield from self.rest()

    def rest(self) -> Iterator[DataFile]:
        """Write all that waits."""
        for partition in sorted(self._rows):
            yield self._written(partition)

    def _written(self, partition: Partition) -> DataFile:
        del self._sizes[partition]
        return self.target.write(pa.concat_tables(self._rows.pop(partition)), partition)


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
    for together in _taken_together(list(pairwise(_starts(keys)))):
        taken = rows.take(pa.concat_arrays([order.slice(start, end - start) for start, end in together]))
        place = 0
        for start, end in together:
            yield _partition(keys, start), taken.slice(place, end - start)
            place += end - start


def _partition(keys: pa.Table, row: int) -> Partition:
    return tuple(str(column[row].as_py()) for column in keys.columns)


def _taken_together(spans: list[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Yield spans whose rows may share their memory: a slice keeps all that it was cut from.

    A span that is a fourth of those that are left, or more, is alone, so that when it has become a file the others do
    not keep it. No span of the last group becomes a file before all that waits does.
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
            return f"{field.column}_hour={_EPOCH + int(value) * HOUR:%Y-%m-%d-%H}"
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
    if not location.startswith("s3://"):
        path = local_directory(location)
        path.parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(content)
        return
    bucket, _, key = location.removeprefix("s3://").partition("/")
    _s3_client().put_object(Bucket=bucket, Key=key, Body=content)


def _s3_client() -> Any:
    """Return this process's client (boto3 has no types); a driver's threads make it one at a time."""
    with _MAKING_CLIENT:
        return _made_s3_client()


@cache
def _made_s3_client() -> Any:
    return boto3.client("s3", config=Config(retries={"mode": "standard", "max_attempts": 5}))
