"""Many stored objects → a function's answers about them, computed in Spark tasks; the few answers are collected.

Objects are handed out in batches, so that neither a listing of millions nor the answers have to fit the driver.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.sql import SparkSession

from spark_jobs.task_errors import raised_in_task
from storage.object_store import StoredObject

Answer = TypeVar("Answer")

#: Objects of one Spark job, and tasks of it for each core: objects differ in size, so tasks must be small.
_AT_ONCE: Final = 20_000
_TASKS_PER_CORE: Final = 4


def in_tasks(
    spark: SparkSession, objects: Iterable[StoredObject], ask: Callable[[StoredObject], Answer | None]
) -> Iterator[Answer]:
    """Yield what `ask` (pickled into the tasks) answers about objects, but None; raise its `RawStoreError`."""
    waiting = iter(objects)
    context = spark.sparkContext
    while batch := list(islice(waiting, _AT_ONCE)):
        slices = min(len(batch), context.defaultParallelism * _TASKS_PER_CORE)
        asked = context.parallelize(batch, slices).map(ask)
        try:
            answers = asked.filter(lambda answer: answer is not None).collect()
        except Py4JJavaError as error:
            raise raised_in_task(error) or error from error
        yield from (answer for answer in answers if answer is not None)
