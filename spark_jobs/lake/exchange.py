"""Rows that some tasks have → the tasks that need them: Spark's shuffle, which carries Parquet files instead of rows.

For each task of the next step a task writes small files, and the shuffle moves them in pieces of bytes; the task there
has them as files of its own, which is what queries read anyway. As rows of Spark's own they would be taken apart and
put together again in the JVM, column by column. The rest is Spark's: pieces are on the executors' disks, need no shared
one and nobody who deletes them, and if an executor is lost, its tasks run again.
"""

import os
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import SparkSession
from pyspark.sql import types as T  # noqa: N812 (PySpark's own abbreviation)
from pyspark.sql.pandas.types import to_arrow_schema

from spark_jobs.lake.data_files import UNIQUE, DataFile, map_in_arrow
from spark_jobs.lake.duckdb_tasks import Result, TaskResults, packed, part_number, unpacked, with_files_together
from spark_jobs.task_errors import named_task_errors

#: The column of rows to send that says to which of the next step's tasks; it is not sent.
PART: Final = "part"

#: Rows are sorted by their part so many at a time, or so many for each part: more do not fit in a processor's cache,
#: and fewer make files that are mostly headers.
_SPLIT_ROWS: Final = 250_000
_ROWS_OF_FILE: Final = 500
#: They are at most so many: with their sorted copy they take as much as a worker has beside its DuckDB.
_MOST_SPLIT_ROWS: Final = 400_000
#: Of so many rows, a dictionary of each column whose values repeat saves more than it costs.
_DICTIONARY_ROWS: Final = 2_000
#: Rows that DuckDB hands over at once.
_ROWS: Final = 50_000
#: The JVM holds some pieces of this many bytes at a time, however large the files are.
_PIECE_BYTES: Final = 4 * 1024 * 1024

#: By the name of their relation, the local files that a task was sent.
SentFiles = Mapping[str, Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Sent:
    """Rows of a relation, as a Parquet file's content, for a task of the next step."""

    relation: str
    part: int
    content: bytes


#: What a task yields: results for the driver, files that it wrote, and rows for the next step.
Yielded = Result | DataFile | Sent


@dataclass(frozen=True, kw_only=True)
class Step:
    """What each of so many tasks computes from the files that it was sent; one that was sent none computes nothing.

    `results` is pickled.
    """

    tasks: int
    results: Callable[[SentFiles], Iterable[Yielded]]


def part_of(key: str, parts: int) -> str:
    """Return the SQL of the part of a key, one of so many, as rows to send name it."""
    return f"({part_number(key, parts)})::INTEGER AS {PART}"


def sent_rows(connection: duckdb.DuckDBPyConnection, query: str, relation: str, parts: int) -> Iterator[Sent]:
    """Yield the rows of a query, each for the task that its `part` says, of so many."""
    size = min(max(_SPLIT_ROWS, parts * _ROWS_OF_FILE), _MOST_SPLIT_ROWS)
    waiting: list[pa.RecordBatch] = []
    for batch in connection.execute(query).to_arrow_reader(_ROWS):
        waiting.append(batch)
        if sum(map(len, waiting)) >= size:
            yield from _split(pa.Table.from_batches(waiting), relation)
            waiting = []
    if waiting:
        yield from _split(pa.Table.from_batches(waiting), relation)


def _split(rows: pa.Table, relation: str) -> Iterator[Sent]:
    ordered = rows.take(pc.sort_indices(rows.column(PART)))
    content, start = ordered.drop_columns([PART]), 0
    for run in pc.value_counts(ordered.column(PART).combine_chunks()).to_pylist():
        part, length = run["values"], run["counts"]
        yield Sent(relation=relation, part=part, content=_parquet(content.slice(start, length)))
        start += length


def _parquet(rows: pa.Table) -> bytes:
    """Return rows as a file that is soon written, soon read, and then gone."""
    repeating = [name for name in rows.schema.names if name not in UNIQUE]
    buffer = BytesIO()
    pq.write_table(
        rows,
        buffer,
        compression="zstd",
        use_dictionary=repeating if len(rows) >= _DICTIONARY_ROWS else False,
        write_statistics=False,
        store_schema=False,
    )
    return buffer.getvalue()


#: A piece of a file has the file's name and its own place there; a row without a name is a result, on its way to the
#: driver. `key` decides which task gets it.
_PIECES: Final = T.StructType(
    [
        T.StructField("key", T.IntegerType()),
        T.StructField("kind", T.StringType()),
        T.StructField("file", T.StringType()),
        T.StructField("place", T.LongType()),
        T.StructField("rows", T.BinaryType()),
    ]
)


def run_steps(
    spark: SparkSession, tasks: int, results: Callable[[int], Iterable[Yielded]], steps: Sequence[Step]
) -> TaskResults:
    """Run so many tasks, each a call of `results` with its number, then the steps; return the results of all."""
    keys = [_keys(spark, step.tasks) for step in steps]

    def first(numbers: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in numbers:
            for number in batch.column(0).to_pylist():
                yield from _pieces(results(number), keys[0])

    frame = map_in_arrow(spark.range(0, tasks, 1, tasks), first, _PIECES)
    for step, next_keys in zip(steps, [*keys[1:], [0]], strict=True):
        task = _StepTask(step=step, next_keys=next_keys)
        frame = map_in_arrow(frame.repartition(step.tasks, "key"), task.pieces, _PIECES)
    with named_task_errors():
        return unpacked((row.kind, row.rows) for row in frame.select("kind", "rows").collect())


@dataclass(frozen=True, kw_only=True)
class _StepTask:
    step: Step
    next_keys: Sequence[int]

    def pieces(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Pass on what is for the driver, put the files together, and yield what becomes of them."""
        with TemporaryDirectory() as directory:
            files: defaultdict[str, dict[str, None]] = defaultdict(dict)
            for batch in batches:
                of_driver = pc.is_null(batch.column("file"))
                if len(passed := batch.filter(of_driver)):
                    yield passed
                for piece in batch.filter(pc.invert(of_driver)).to_pylist():
                    path = str(Path(directory) / f"{piece['file']}.parquet")
                    _write_at(path, piece["place"], piece["rows"])
                    files[piece["kind"]][path] = None
            if files:
                sent = {relation: list(paths) for relation, paths in files.items()}
                yield from _pieces(self.step.results(sent), self.next_keys)


def _write_at(path: str, place: int, content: bytes) -> None:
    """Write a piece of a file; they come in any order."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.pwrite(file, content, place)
    finally:
        os.close(file)


def _pieces(yielded: Iterable[Yielded], keys: Sequence[int]) -> Iterator[pa.RecordBatch]:
    """Yield rows of `_PIECES`; `keys` are those of the next step's tasks."""
    others: list[Result | DataFile] = []
    for one in yielded:
        if not isinstance(one, Sent):
            others.append(one)
            continue
        file = uuid.uuid4().hex
        for place in range(0, len(one.content), _PIECE_BYTES):
            yield _row(keys[one.part], one.relation, one.content[place : place + _PIECE_BYTES], file, place)
    for kind, rows in map(packed, with_files_together(others)):
        yield _row(keys[0], kind, rows)


def _row(key: int, kind: str, rows: bytes, file: str | None = None, place: int | None = None) -> pa.RecordBatch:
    row = {"key": key, "kind": kind, "file": file, "place": place, "rows": rows}
    return pa.RecordBatch.from_pylist([row], to_arrow_schema(_PIECES))


#: Of so many numbers for each task, every task has one but for one chance in e^32.
_NUMBERS_PER_TASK: Final = 32


def _keys(spark: SparkSession, tasks: int) -> list[int]:
    """Return for each of so many tasks a number that Spark's `repartition` sends to it, and to no other.

    Spark hashes numbers, so that of tasks' own numbers many would meet in one task.
    """
    numbers = spark.range(tasks * _NUMBERS_PER_TASK).selectExpr(
        "int(id) AS key", f"pmod(hash(int(id)), {tasks}) AS task"
    )
    found = {row.task: row.key for row in numbers.collect()}
    return [found[task] for task in range(tasks)]
