"""Event hours → what tasks made of them: files of `clean_events`, frames of the hourly tables, counts of each hour."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
from pyspark import StorageLevel
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import types as T  # noqa: N812 (PySpark's own abbreviation)

from contracts.bots import BOT_EVENTS_PER_HOUR
from contracts.tables import Table
from spark_jobs.hourly.hour_batches import FilesByHour, hour_batches, hour_of_ordinal
from spark_jobs.hourly.make_hours import COUNTS, FILES, HourMaker
from spark_jobs.judging.map_in_arrow import map_in_arrow
from spark_jobs.tables.data_files import DataFile, FileTarget, as_file
from spark_jobs.tables.schemas import struct_type
from spark_jobs.task_errors import raised_in_task

_RESULTS: Final = T.StructType([T.StructField("kind", T.StringType()), T.StructField("rows", T.BinaryType())])


@dataclass(frozen=True, kw_only=True)
class HourCounts:
    """Of an event hour: its events, the rows left out, and the events whose `click_id` the hour before has as well."""

    clean: int
    left_out: int
    of_hour_before: int


@dataclass(frozen=True, kw_only=True)
class MadeHours:
    """What was made of some hours, kept by Spark until `unpersist`; an hour without events has no counts."""

    counts: dict[datetime, HourCounts]
    clean_files: list[DataFile]
    results: DataFrame

    def rows(self, table: Table) -> DataFrame:
        """Return the rows of one of the hourly tables."""
        schema = struct_type(table)
        return map_in_arrow(self.results.where(f"kind = '{table.name}'").select("rows"), _unpacked, schema)

    def unpersist(self) -> None:
        """Let go of what is kept."""
        self.results.unpersist()


def make_hours(spark: SparkSession, hours: Sequence[datetime], files: FilesByHour, target: FileTarget) -> MadeHours:
    """Make the hours, and write the files of their clean events, which nobody sees until they are committed."""
    cores = spark.sparkContext.defaultParallelism
    batches = tuple(hour_batches(hours, files, cores=cores))
    maker = HourMaker(
        batches=batches,
        target=target,
        events_per_hour=BOT_EVENTS_PER_HOUR,
        threads=max(1, cores // max(len(batches), 1)),
    )
    numbers = spark.range(0, len(batches), 1, max(len(batches), 1))
    results = map_in_arrow(numbers, maker.results, _RESULTS).persist(StorageLevel.MEMORY_AND_DISK)
    try:
        told = results.where(f"kind IN ('{FILES}', '{COUNTS}')").collect()
    except PySparkException as error:
        raise raised_in_task(error) or error from error
    return MadeHours(
        counts={
            hour_of_ordinal(row["hour"]): HourCounts(
                clean=row["clean"], left_out=row["left_out"], of_hour_before=row["of_hour_before"]
            )
            for row in _told(told, COUNTS)
        },
        clean_files=[as_file(row) for row in _told(told, FILES)],
        results=results,
    )


def _told(results: Iterable[Row], kind: str) -> Iterator[dict[str, Any]]:
    for result in results:
        if result.kind == kind:
            yield from pa.ipc.open_stream(result.rows).read_all().to_pylist()


def _unpacked(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the rows in Arrow streams."""
    for batch in batches:
        for rows in batch.column(0):
            yield from pa.ipc.open_stream(rows.as_buffer())
