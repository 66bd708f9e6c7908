"""Event hours, and the data files that hold their received events → batches of hours, each made by one task.

Copies of an event lie in one event hour, and a session's start shows in the hour itself and the 30 minutes before it.
So hours that are made together need nothing but their own files and those of the hour before each: no row is shuffled.
A batch is consecutive hours; the files of the hour before it are read a second time, for a few columns.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.names import LakeLocation
from contracts.partitions import HOUR
from contracts.tables import RECEIVED_EVENTS

#: Enough that reading the hour before it a second time costs little; what of it does not fit in memory is spilled.
BATCH_ROWS: Final = 2_000_000
#: A batch is a dozen queries: below as many rows planning them costs more than running them.
SMALLEST_BATCH: Final = 50_000

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class HourFile:
    """A data file of `received_events`: rows of one event hour."""

    location: str
    rows: int


#: Hours are counted from the epoch, as Iceberg counts its partitions.
FilesByHour = Mapping[int, Sequence[HourFile]]


@dataclass(frozen=True, kw_only=True)
class HourBatch:
    """Hours to make, and the files of them and of the hour before each."""

    hours: tuple[int, ...]
    files: FilesByHour


def ordinal(hour: datetime) -> int:
    """Return an hour's number, counted from the epoch."""
    return (hour - _EPOCH) // HOUR


def hour_of_ordinal(number: int) -> datetime:
    """Return the hour of a number."""
    return _EPOCH + number * HOUR


def received_files(
    spark: SparkSession, lake: LakeLocation, snapshot: int | None, hours: Sequence[datetime]
) -> FilesByHour:
    """Return the files of event hours, and of hours between them, in a snapshot; None is an empty table."""
    if snapshot is None:
        return {}
    reader = spark.read.option("snapshot-id", str(snapshot))
    files = reader.table(f"{lake.table(RECEIVED_EVENTS.name)}.files")
    hour = F.col("partition.event_time_hour")
    wanted = files.where(hour.between(ordinal(min(hours)), ordinal(max(hours))))
    by_hour: defaultdict[int, list[HourFile]] = defaultdict(list)
    for row in wanted.select("file_path", "record_count", hour.alias("hour")).collect():
        by_hour[row.hour].append(HourFile(location=row.file_path, rows=row.record_count))
    return by_hour


def hour_batches(hours: Sequence[datetime], files: FilesByHour, *, cores: int) -> list[HourBatch]:
    """Return the batches that make the hours, in order; an hour without files needs none."""
    numbers = sorted(number for number in map(ordinal, hours) if files.get(number))
    total = sum(_rows(files, number) for number in numbers)
    size = min(max(total / cores, SMALLEST_BATCH), BATCH_ROWS)
    return [_batch(part, files) for part in parts(numbers, files, size)]


def parts(numbers: Sequence[int], files: FilesByHour, size: float) -> Iterator[tuple[int, ...]]:
    """Cut hours where a part has come nearest to `size` rows."""
    part: list[int] = []
    rows = 0
    for number in numbers:
        of_hour = _rows(files, number)
        if part and rows + of_hour / 2 > size:
            yield tuple(part)
            part, rows = [], 0
        part.append(number)
        rows += of_hour
    if part:
        yield tuple(part)


def _batch(hours: tuple[int, ...], files: FilesByHour) -> HourBatch:
    window = sorted({number - back for number in hours for back in (0, 1)})
    return HourBatch(hours=hours, files={number: files[number] for number in window if number in files})


def _rows(files: FilesByHour, number: int) -> int:
    return sum(file.rows for file in files[number])
