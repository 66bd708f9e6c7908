"""Event hours → what tasks made of them: files of `clean_events` and of the hourly tables, counts of each hour."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
from pyspark.sql import Row, SparkSession
from pyspark.sql import types as T  # noqa: N812 (PySpark's own abbreviation)

from contracts.bots import BOT_EVENTS_PER_HOUR
from contracts.tables import Table
from spark_jobs.hourly import hour_queries
from spark_jobs.hourly.hour_batches import FilesByHour, hour_batches, hour_of_ordinal
from spark_jobs.hourly.make_hours import COUNTS, FILES, HourMaker
from spark_jobs.map_in_arrow import map_in_arrow
from spark_jobs.tables.data_files import DataFile, FileTarget, as_file
from spark_jobs.task_errors import named_task_errors

_RESULTS: Final = T.StructType([T.StructField("kind", T.StringType()), T.StructField("rows", T.BinaryType())])


@dataclass(frozen=True, kw_only=True)
class HourCounts:
    """Of an event hour: its events, the rows left out, and the events whose `click_id` the hour before has as well."""

    clean: int
    left_out: int
    of_hour_before: int


@dataclass(frozen=True, kw_only=True)
class MadeHours:
    """What was made of some hours: files that nobody sees until they are committed, and counts.

    An hour without events has no counts.
    """

    counts: Mapping[datetime, HourCounts]
    files: Mapping[Table, Sequence[DataFile]]


def make_hours(
    spark: SparkSession, hours: Sequence[datetime], files: FilesByHour, targets: Mapping[Table, FileTarget]
) -> MadeHours:
    """Make the hours, and write the files of the tables in `targets`: of each of `MADE_TABLES`."""
    cores = spark.sparkContext.defaultParallelism
    batches = tuple(hour_batches(hours, files, cores=cores))
    maker = HourMaker(
        batches=batches,
        targets=targets,
        hourly=hour_queries.HOURLY,
        events_per_hour=BOT_EVENTS_PER_HOUR,
        threads=max(1, cores // max(len(batches), 1)),
    )
    numbers = spark.range(0, len(batches), 1, max(len(batches), 1))
    with named_task_errors():
        told = map_in_arrow(numbers, maker.results, _RESULTS).collect()
    made = [as_file(row) for row in _told(told, FILES)]
    return MadeHours(
        counts={
            hour_of_ordinal(row["hour"]): HourCounts(
                clean=row["clean"], left_out=row["left_out"], of_hour_before=row["of_hour_before"]
            )
            for row in _told(told, COUNTS)
        },
        files={table: [file for file in made if file.table == table.name] for table in targets},
    )


def _told(results: Iterable[Row], kind: str) -> Iterator[dict[str, Any]]:
    for result in results:
        if result.kind == kind:
            yield from pa.ipc.open_stream(result.rows).read_all().to_pylist()
