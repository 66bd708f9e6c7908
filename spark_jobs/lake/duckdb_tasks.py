"""Tasks of Spark that compute in DuckDB: their connection, how hours or days are dealt out to them, what they return.

A task reads whole data files, computes in SQL, writes files, and returns Arrow tables, each of one kind, to the driver.
"""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb
import pyarrow as pa
from pyspark import SparkConf
from pyspark.sql import SparkSession

from spark_jobs.errors import TaskMemoryError
from spark_jobs.lake.data_files import DataFile, as_batch, as_file
from spark_jobs.lake.table_files import StoredFile
from spark_jobs.task_errors import named_task_errors

#: A task takes no more rows than this, unless one hour or one day has more.
BATCH_ROWS: Final = 2_000_000
#: Below this many rows, planning the dozen queries of a task costs more than running them.
SMALLEST_BATCH: Final = 50_000
#: Reading and writing the files of an hour or a day, however empty, takes as long as computing this many rows.
FILES_IN_ROWS: Final = 1_000
#: Where cores would wait, parts are smaller, down to this share of what a task takes.
_SMALLEST_PART: Final = 0.125
#: The memory of one task's DuckDB on a single machine, in MiB, or less where all cores' tasks would need more than the
#: machine has; what does not fit is written to a temporary directory.
LOCAL_MEGABYTES: Final = 1024
#: A task's DuckDB gets this at least: with less it can't sort what a task may have at once.
LEAST_MEGABYTES: Final = 512
#: Of its memory each thread holds so much that can't be written elsewhere: 16 threads on a gigabyte are too many.
MEGABYTES_OF_THREAD: Final = 128
#: One task adds up the totals of so many parts.
PARTS_ADDED_UP: Final = 16
#: A Python worker takes so much beside its DuckDB: itself, Arrow, and the rows that wait for their file.
WORKER_MEGABYTES: Final = 384


@dataclass(frozen=True, kw_only=True)
class TaskShare:
    """What the DuckDB of one task may use, beside the tasks that run on the same executor."""

    threads: int
    megabytes: int

    @classmethod
    def of(cls, spark: SparkSession, tasks: int) -> "TaskShare":
        """Return the share of each of some tasks, by the cores and memory of one executor, however many there are.

        Python runs outside of the heap: an executor has for it what `spark.executor.pyspark.memory` says, or else the
        overhead beside its heap; on a single machine it is what the driver's heap leaves of the machine.
        """
        context = spark.sparkContext
        conf = context.getConf()
        if str(context.master).startswith("local"):
            cores = context.defaultParallelism
            left = machine_megabytes() - megabytes(conf.get("spark.driver.memory", "1g"))
            each = left // max(min(cores, tasks), 1) - WORKER_MEGABYTES
            return cls._of_memory(min(each, LOCAL_MEGABYTES), cores // max(tasks, 1))
        executors = max(int(context._jsc.sc().getExecutorMemoryStatus().size()) - 1, 1)
        cores = int(conf.get("spark.executor.cores", "") or -(-context.defaultParallelism // executors))
        together = max(min(cores // int(conf.get("spark.task.cpus", "1")), tasks), 1)
        return cls._of_memory(_megabytes_of_python(conf) // together - WORKER_MEGABYTES, cores // together)

    @classmethod
    def _of_memory(cls, megabytes: int, threads: int) -> "TaskShare":
        enough = max(megabytes, LEAST_MEGABYTES)
        return cls(threads=max(min(threads, enough // MEGABYTES_OF_THREAD), 1), megabytes=enough)


def machine_megabytes() -> int:
    """Return the memory of this machine."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20


def _megabytes_of_python(conf: SparkConf) -> int:
    """Return the memory of an executor outside of its heap, as Spark reckons it where nothing is said."""
    if told := conf.get("spark.executor.pyspark.memory", "") or conf.get("spark.executor.memoryOverhead", ""):
        return megabytes(told)
    factor = float(conf.get("spark.executor.memoryOverheadFactor", "0.1"))
    return max(int(megabytes(conf.get("spark.executor.memory", "1g")) * factor), _LEAST_OVERHEAD)


#: spark.apache.org/docs/4.0.0/configuration.html, `spark.executor.minMemoryOverhead`.
_LEAST_OVERHEAD: Final = 384
_UNITS: Final = {"k": -1, "m": 0, "g": 1, "t": 2}


def megabytes(size: str) -> int:
    """Return a size as Spark writes it, such as `512m` or `4g`, in MiB, which it is without a unit.

    >>> [megabytes(size) for size in ("4g", "4gb", "512m", "512", "2048k")]
    [4096, 4096, 512, 512, 2]
    """
    number, unit = re.findall("([0-9]+)([kmgt]?)", size.lower())[0]
    return int(int(number) * 1024.0 ** _UNITS[unit or "m"])


_SMALL: Final = TaskShare(threads=1, megabytes=LOCAL_MEGABYTES)

#: The kind of result that tells which files a task wrote.
_FILES: Final = "files"

#: A kind of result, and its rows.
Result = tuple[str, pa.Table]


#: By the number of the hour or the day, counted from the epoch.
StoredFiles = Mapping[int, Sequence[StoredFile]]


def by_partition(files: Iterable[StoredFile]) -> StoredFiles:
    """Return files by their hour or day, which is the last of the table's partition columns."""
    by_number: defaultdict[int, list[StoredFile]] = defaultdict(list)
    for file in files:
        by_number[int(file.partition[-1])].append(file)
    return by_number


@dataclass(frozen=True, kw_only=True)
class TaskResults:
    """What some tasks returned: the files that they wrote, and their other results by kind."""

    files: Sequence[DataFile]
    tables: Mapping[str, Sequence[pa.Table]]

    def files_of(self, table: str) -> list[DataFile]:
        """Return the files of a table."""
        return [file for file in self.files if file.table == table]

    def __add__(self, others: "TaskResults") -> "TaskResults":
        kinds = (*self.tables, *(kind for kind in others.tables if kind not in self.tables))
        return TaskResults(
            files=[*self.files, *others.files],
            tables={kind: [*self.tables.get(kind, ()), *others.tables.get(kind, ())] for kind in kinds},
        )

    def rows(self, kind: str) -> Iterator[dict[str, Any]]:
        """Yield the rows of a kind of result, by column."""
        for table in self.tables.get(kind, ()):
            yield from table.to_pylist()


def run_tasks(spark: SparkSession, tasks: int, results: Callable[[int], Iterable[Result | DataFile]]) -> TaskResults:
    """Run so many tasks, each a call of `results` with its number, and return what they yield.

    `results` is pickled; it yields files that it wrote, and results.
    """
    if not tasks:
        return TaskResults(files=(), tables={})

    def returned(number: int) -> Iterator[tuple[str, bytes]]:
        return map(packed, with_files_together(results(number)))

    # An RDD, since planning a DataFrame takes longer than all else in a small hour's task.
    numbers = spark.sparkContext.parallelize(range(tasks), tasks)
    with named_task_errors():
        return unpacked(numbers.flatMap(returned).collect())


def unpacked(results: Iterable[tuple[str, bytes]]) -> TaskResults:
    """Return what tasks returned, each result a kind and its rows."""
    tables: defaultdict[str, list[pa.Table]] = defaultdict(list)
    for kind, rows in results:
        tables[kind].append(pa.ipc.open_stream(rows).read_all())
    files = [as_file(row) for table in tables.pop(_FILES, ()) for row in table.to_pylist()]
    return TaskResults(files=files, tables=tables)


def with_files_together(results: Iterable[Result | DataFile]) -> Iterator[Result]:
    """Yield results, those of all files as one."""
    files = []
    for result in results:
        if isinstance(result, DataFile):
            files.append(as_batch(result))
        else:
            yield result
    if files:
        yield _FILES, pa.Table.from_batches(files)


def packed(result: Result) -> tuple[str, bytes]:
    """Return a result's kind, and its rows as they go to the driver."""
    kind, rows = result
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, rows.schema) as writer:
        writer.write_table(rows)
    return kind, stream.getvalue().to_pybytes()


def dealt_out(numbers: Iterable[int], files: StoredFiles, *, cores: int) -> list[tuple[int, ...]]:
    """Return the hours or days of each task, in order; one without files needs none."""
    with_files = sorted(number for number in numbers if files.get(number))
    total = sum(_weight(files, number) for number in with_files)
    size = min(max(total / cores, SMALLEST_BATCH), BATCH_ROWS)
    return list(parts(with_files, files, size))


def parts(numbers: Sequence[int], files: StoredFiles, size: float) -> Iterator[tuple[int, ...]]:
    """Cut hours or days where a part has come nearest to `size` rows."""
    part: list[int] = []
    rows = 0
    for number in numbers:
        weight = _weight(files, number)
        if part and rows + weight / 2 > size:
            yield tuple(part)
            part, rows = [], 0
        part.append(number)
        rows += weight
    if part:
        yield tuple(part)


def files_of_tasks(files: Iterable[StoredFile], size: float) -> Iterator[tuple[StoredFile, ...]]:
    """Yield the files of each of some tasks that read about so many rows each."""
    read: list[StoredFile] = []
    rows = 0
    for file in files:
        if read and rows + file.rows / 2 > size:
            yield tuple(read)
            read, rows = [], 0
        read.append(file)
        rows += file.rows
    if read:
        yield tuple(read)


def parts_for(rows: int, most: int, *, cores: int) -> int:
    """Return into how many parts so many rows are cut of which a task takes so many at most."""
    idle = min(cores, int(rows / (most * _SMALLEST_PART)))
    return max(-(-rows // most), idle, 1)


def totals_for(parts: int) -> int:
    """Return how many tasks add up the totals of so many parts."""
    return -(-parts // PARTS_ADDED_UP)


def rows_in(files: StoredFiles, number: int) -> int:
    """Return the rows of an hour or a day."""
    return sum(file.rows for file in files.get(number, ()))


def _weight(files: StoredFiles, number: int) -> int:
    return rows_in(files, number) + FILES_IN_ROWS


def parquet(files: Sequence[str]) -> str:
    """Return the relation of the rows of local Parquet files, by the names of their columns."""
    names = ", ".join(f"'{file}'" for file in files)
    return f"read_parquet([{names}], union_by_name = true, hive_partitioning = false)"


def part_number(key: str, parts: int) -> str:
    """Return the part of a key, one of several of about the same size.

    DuckDB's own tables are cut by the first hash, and would find all of a part's keys alike.
    """
    return f"hash(hash({key})) % {parts}"


def in_part(key: str, part: int, parts: int) -> str:
    """Return the condition that a key is in a part of several."""
    return f"{part_number(key, parts)} = {part}" if parts > 1 else "true"


def rounded_down(microseconds: str, length: int) -> str:
    """Return the SQL of the number of an hour or a day, of this length, since the epoch.

    DuckDB's `//` rounds times before 1970 up.
    """
    return f"({microseconds} - ({microseconds} % {length} + {length}) % {length}) // {length}"


@contextmanager
def duckdb_connection(share: TaskShare = _SMALL) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection with a database of its own, within a task's share, that never looks for extensions.

    Raise `TaskMemoryError` where that is too little.
    """
    with TemporaryDirectory() as spill:
        config: dict[str, str | bool | int | float | list[str]] = {
            "threads": max(1, min(share.threads, os.cpu_count() or 1)),
            "memory_limit": f"{share.megabytes}MiB",
            "temp_directory": str(Path(spill) / "spill"),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        with duckdb.connect(config=config) as connection:
            # Late events are in many small files, and each query would read all of their footers again.
            connection.execute("SET parquet_metadata_cache = true")
            try:
                yield connection
            except duckdb.OutOfMemoryException as error:
                raise TaskMemoryError.of(share.megabytes, share.threads, str(error)) from error
