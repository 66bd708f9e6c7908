"""Raw objects → the data files of `received_events` and `rejected_events`, and counts by object: the Spark job's part.

Lines are validated in Python workers, in DuckDB and Arrow. There the rows of both tables become files at once; the JVM
only sees the files' names. Counts go to the driver by an accumulator keyed by object, so that a task that runs twice
counts once, and so that no job has to read the raw objects or the tables again to know them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyspark import Accumulator, AccumulatorParam
from pyspark.sql import SparkSession

from contracts.partitions import landing_hour_of_key
from contracts.tables import RECEIVED_EVENTS
from contracts.versions import RawObject
from spark_jobs.lake.arrow_types import arrow_schema
from spark_jobs.lake.data_files import DataFile, FileTarget, PartitionBuffer
from spark_jobs.lake.duckdb_tasks import run_tasks
from spark_jobs.validation.chunks import LineValidator
from spark_jobs.validation.object_lines import ObjectCounts, validate_object
from spark_jobs.validation.privacy import Privacy
from storage.object_store import ObjectStore

#: Reading an object costs as much as reading this many bytes more (a request, a query's plan).
OBJECT_COST: Final = 64 * 1024
#: A task that reads more compressed bytes is long to repeat; one that reads less mostly starts.
LARGEST_TASK: Final = 64 * 1024 * 1024
SMALLEST_TASK: Final = 2 * 1024 * 1024

Task = tuple[RawObject, ...]


def read_tasks(objects: Sequence[RawObject], *, cores: int) -> tuple[Task, ...]:
    """Return few tasks, alike in size, in the objects' order, so that neighbours (of one landing hour) share a task.

    There is one task for each core, because every task writes a file of its own per partition, and late events alone
    reach into eight of them. There are more only if they would be too large.
    """
    if not objects:
        return ()
    ends = list(accumulate(raw_object.size + OBJECT_COST for raw_object in objects))
    total = ends[-1]
    wanted = max(min(cores, total // SMALLEST_TASK), total // LARGEST_TASK, 1)
    return tuple(_cut(objects, ends, total / wanted))


def _cut(objects: Sequence[RawObject], ends: Sequence[int], share: float) -> Iterator[Task]:
    """Cut a sequence where its running total passes the next multiple of `share`."""
    task: list[RawObject] = []
    number = 0
    for raw_object, end in zip(objects, ends, strict=True):
        task.append(raw_object)
        if end >= share * (number + 1) - 0.5:
            yield tuple(task)
            task = []
            number = int((end + 0.5) // share)
    if task:
        yield tuple(task)


CountsByKey = dict[str, ObjectCounts]


class CountsParam(AccumulatorParam[CountsByKey]):
    """Unites counts by object; an object that is counted again has the same counts again."""

    def zero(self, value: CountsByKey) -> CountsByKey:  # noqa: ARG002 (PySpark passes the value at the start)
        return {}

    def addInPlace(self, value1: CountsByKey, value2: CountsByKey) -> CountsByKey:  # noqa: N802 (PySpark's name)
        value1.update(value2)
        return value1


@dataclass(frozen=True, kw_only=True)
class ObjectValidator:
    """What a task needs, pickled into it."""

    store: ObjectStore
    tasks: tuple[Task, ...]
    counts: "Accumulator[CountsByKey]"
    privacy: Privacy
    received: FileTarget
    rejected: FileTarget

    def files(self, number: int) -> Iterator[DataFile]:
        """Write the objects of a task of `tasks` as files of both tables, and yield these."""
        received, rejected = PartitionBuffer(target=self.received), PartitionBuffer(target=self.rejected)
        with LineValidator(names=self.privacy.settings.names) as validator:
            for raw_object in self.tasks[number]:
                counts = ObjectCounts()
                for validated in validate_object(self.store, raw_object, validator, counts, self.privacy):
                    yield from received.add(_received(validated.received, raw_object))
                    yield from rejected.add(_with_origin(validated.rejected, raw_object))
                self.counts.add({raw_object.key: counts})
        yield from received.flush()
        yield from rejected.flush()


_LANDING_HOUR, _OBJECT_KEY = arrow_schema(map(RECEIVED_EVENTS.column, ("landing_hour", "object_key")))


def _received(events: pa.Table, raw_object: RawObject) -> pa.Table:
    """Return rows of `received_events`."""
    rows = _with_origin(events, raw_object)
    event_hours = pc.floor_temporal(rows.column("event_time"), unit="hour")
    return rows.append_column("in_landing_hour", pc.equal(event_hours, rows.column(_LANDING_HOUR.name)))


def _with_origin(table: pa.Table, raw_object: RawObject) -> pa.Table:
    hour = pa.scalar(landing_hour_of_key(raw_object.key), _LANDING_HOUR.type)
    key = pa.scalar(raw_object.key)
    return table.append_column(_LANDING_HOUR, pa.repeat(hour, len(table))).append_column(
        _OBJECT_KEY, pa.repeat(key, len(table))
    )


@dataclass(frozen=True, kw_only=True)
class ValidatedFiles:
    """Files that hold all events and all rejections of the objects, and the counts of each object."""

    received: list[DataFile]
    rejected: list[DataFile]
    counts: CountsByKey


def write_validated(
    spark: SparkSession,
    store: ObjectStore,
    objects: list[RawObject],
    privacy: Privacy,
    *,
    received: FileTarget,
    rejected: FileTarget,
) -> ValidatedFiles:
    """Write the lines of the objects as files of the two tables; no reader sees them until they are committed."""
    context = spark.sparkContext
    tasks = read_tasks(objects, cores=context.defaultParallelism)
    validator = ObjectValidator(
        store=store,
        tasks=tasks,
        counts=context.accumulator({}, CountsParam()),
        privacy=privacy,
        received=received,
        rejected=rejected,
    )
    results = run_tasks(spark, len(tasks), validator.files)
    return ValidatedFiles(
        received=results.files_of(received.table),
        rejected=results.files_of(rejected.table),
        counts=validator.counts.value,
    )
