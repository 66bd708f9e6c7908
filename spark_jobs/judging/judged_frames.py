"""Raw objects → the frames `received_events` and `rejected_events`, narrow: each task reads its own objects.

Judging happens in Python workers, in DuckDB and Arrow; the JVM sees typed columns only.
"""

from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Final

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)
from pyspark.sql.types import StructType

from contracts.tables import CLEAN_EVENTS, RECEIVED_EVENTS, REJECTED_EVENTS, Table
from contracts.versions import RawObject
from spark_jobs.judging.judge_objects import CountsByKey, CountsParam, ObjectJudge
from spark_jobs.judging.judgement import RECEIVED_SCHEMA, REJECTED_SCHEMA
from spark_jobs.judging.map_in_arrow import map_in_arrow
from spark_jobs.raw.raw_objects import RawStore
from spark_jobs.raw.read_plan import read_tasks
from spark_jobs.tables.schemas import struct_type

_ORIGIN: Final = ("landing_hour", "object_key")

#: Of the rejections of all objects, in the driver's memory, between the writes of the two tables.
KEPT_BYTES: Final = 32 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class CountedFrame:
    """A frame, and the judge that counts while the frame is written."""

    frame: DataFrame
    judge: ObjectJudge

    def counts(self) -> CountsByKey:
        """Return the counts of each object, once the frame was written."""
        return self.judge.counts.value


def received_frame(
    spark: SparkSession, store: RawStore, objects: list[RawObject], erased: frozenset[str]
) -> CountedFrame:
    """Return the events of the objects as rows of `received_events`; lines of the hashed users are refused."""
    judge, numbers = _judge(spark, store, objects, {}, erased)
    frame = map_in_arrow(numbers, judge.received, _schema(RECEIVED_EVENTS, RECEIVED_SCHEMA.names))
    rows = frame.withColumn("event_hash", event_hash()).select(*(column.name for column in RECEIVED_EVENTS.columns))
    return CountedFrame(frame=rows, judge=judge)


def rejected_frame(
    spark: SparkSession, store: RawStore, objects: list[RawObject], received: CountsByKey, erased: frozenset[str]
) -> CountedFrame:
    """Return the rejections of the objects as rows of `rejected_events`; `received` counts (and kept) them before."""
    rejecting = {key: counts for key, counts in received.items() if counts.rejected_by_reason or counts.unreadable}
    judge, numbers = _judge(spark, store, [entry for entry in objects if entry.key in rejecting], rejecting, erased)
    frame = map_in_arrow(numbers, judge.rejected, _schema(REJECTED_EVENTS, REJECTED_SCHEMA.names))
    rows = frame.select(*(column.name for column in REJECTED_EVENTS.columns))
    return CountedFrame(frame=rows, judge=judge)


def event_hash() -> Column:
    """Return xxhash64 of all that `clean_events` keeps of a row: rows of equal hash are copies, whichever wins.

    Spark's xxhash64 passes over nulls, so which columns are null is hashed as well.
    """
    names = [column.name for column in CLEAN_EVENTS.columns]
    nulls = reduce(add, (F.isnull(name).cast("int") * (1 << bit) for bit, name in enumerate(names)))
    return F.xxhash64(nulls, *names)


def _judge(
    spark: SparkSession, store: RawStore, objects: list[RawObject], known: CountsByKey, erased: frozenset[str]
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
        erased=erased,
    )
    return judge, spark.range(0, len(tasks), 1, max(len(tasks), 1))


def _schema(table: Table, names: list[str]) -> StructType:
    fields = struct_type(table)
    return StructType([fields[name] for name in (*names, *_ORIGIN)])
