"""Raw objects → the data files of `received_events` and the frame `rejected_events`, narrow: each task reads its own.

Judging happens in Python workers, in DuckDB and Arrow. There the events, which are many, become files at once; the JVM
sees the files' names, and the rejections, which are few.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from contracts.tables import REJECTED_EVENTS, Table
from contracts.versions import RawObject
from spark_jobs.judging.judge_objects import CountsByKey, CountsParam, ObjectJudge
from spark_jobs.judging.judgement import REJECTED_SCHEMA
from spark_jobs.judging.map_in_arrow import map_in_arrow
from spark_jobs.judging.privacy import Privacy
from spark_jobs.raw.raw_objects import RawStore
from spark_jobs.raw.read_plan import read_tasks
from spark_jobs.tables.data_files import DATA_FILE_SCHEMA, DataFile, FileTarget, as_batch, as_file, written_files
from spark_jobs.tables.schemas import struct_type
from spark_jobs.task_errors import raised_in_task

_ORIGIN: Final = ("landing_hour", "object_key")

#: Of the rejections of all objects, in the driver's memory, between the writes of the two tables.
KEPT_BYTES: Final = 32 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class ReceivedFiles:
    """Files that hold all events of the objects, and the counts of each object."""

    files: list[DataFile]
    counts: CountsByKey


@dataclass(frozen=True, kw_only=True)
class CountedFrame:
    """A frame, and the judge that counts while the frame is written."""

    frame: DataFrame
    judge: ObjectJudge

    def counts(self) -> CountsByKey:
        """Return the counts of each object, once the frame was written."""
        return self.judge.counts.value


def write_received(
    spark: SparkSession, store: RawStore, objects: list[RawObject], privacy: Privacy, target: FileTarget
) -> ReceivedFiles:
    """Write the events of the objects as files of `received_events`."""
    judge, numbers = _judge(spark, store, objects, {}, privacy)

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return map(as_batch, written_files(judge.received(batches), target))

    try:
        rows = map_in_arrow(numbers, write, DATA_FILE_SCHEMA).collect()
    except PySparkException as error:
        raise raised_in_task(error) or error from error
    return ReceivedFiles(files=[as_file(row.asDict()) for row in rows], counts=judge.counts.value)


def rejected_frame(
    spark: SparkSession, store: RawStore, objects: list[RawObject], received: CountsByKey, privacy: Privacy
) -> CountedFrame:
    """Return the rejections of the objects as rows of `rejected_events`; `received` counts (and kept) them before."""
    rejecting = {key: counts for key, counts in received.items() if counts.rejected_by_reason or counts.unreadable}
    judge, numbers = _judge(spark, store, [entry for entry in objects if entry.key in rejecting], rejecting, privacy)
    frame = map_in_arrow(numbers, judge.rejected, _schema(REJECTED_EVENTS, REJECTED_SCHEMA.names))
    rows = frame.select(*(column.name for column in REJECTED_EVENTS.columns))
    return CountedFrame(frame=rows, judge=judge)


def _judge(
    spark: SparkSession, store: RawStore, objects: list[RawObject], known: CountsByKey, privacy: Privacy
) -> tuple[ObjectJudge, DataFrame]:
    """Return the judge, and the frame of its tasks' numbers, one to a partition."""
    context = spark.sparkContext
    tasks = read_tasks(objects, cores=context.defaultParallelism)
    judge = ObjectJudge(
        store=store,
        tasks=tasks,
        counts=context.accumulator({}, CountsParam()),
        known=known,
        keep_bytes=KEPT_BYTES // max(len(objects), 1),
        privacy=privacy,
    )
    return judge, spark.range(0, len(tasks), 1, max(len(tasks), 1))


def _schema(table: Table, names: list[str]) -> StructType:
    fields = struct_type(table)
    return StructType([fields[name] for name in (*names, *_ORIGIN)])
