"""Raw objects → the data files of `received_events` and `rejected_events`, narrow: each task reads its own.

Judging happens in Python workers, in DuckDB and Arrow. There the rows of both tables become files at once; the JVM sees
the files' names.
"""

from dataclasses import dataclass

from pyspark.sql import SparkSession

from contracts.versions import RawObject
from spark_jobs.judging.judge_objects import CountsByKey, CountsParam, ObjectJudge
from spark_jobs.judging.privacy import Privacy
from spark_jobs.lake.data_files import DATA_FILE_SCHEMA, DataFile, FileTarget, as_file, map_in_arrow
from spark_jobs.raw.read_plan import read_tasks
from spark_jobs.task_errors import named_task_errors
from storage.object_store import ObjectStore


@dataclass(frozen=True, kw_only=True)
class JudgedFiles:
    """Files that hold all events and all rejections of the objects, and the counts of each object."""

    received: list[DataFile]
    rejected: list[DataFile]
    counts: CountsByKey


def write_judged(
    spark: SparkSession,
    store: ObjectStore,
    objects: list[RawObject],
    privacy: Privacy,
    *,
    received: FileTarget,
    rejected: FileTarget,
) -> JudgedFiles:
    """Write the lines of the objects as files of the two tables, which nobody sees until they are committed."""
    context = spark.sparkContext
    tasks = read_tasks(objects, cores=context.defaultParallelism)
    judge = ObjectJudge(
        store=store,
        tasks=tasks,
        counts=context.accumulator({}, CountsParam()),
        privacy=privacy,
        received=received,
        rejected=rejected,
    )
    numbers = spark.range(0, len(tasks), 1, max(len(tasks), 1))
    with named_task_errors():
        rows = map_in_arrow(numbers, judge.files, DATA_FILE_SCHEMA).collect()
    files = [as_file(row.asDict()) for row in rows]
    return JudgedFiles(
        received=[file for file in files if file.table == received.table],
        rejected=[file for file in files if file.table == rejected.table],
        counts=judge.counts.value,
    )
