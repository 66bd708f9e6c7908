"""`rejected_events` of landing hours → how many of their lines today's contract accepts, by hour and old reason.

The lines are judged where they lie, in Spark tasks: an hour may have millions, and the driver sees only counts. An
object that could not be read has no lines in the table: it is read again, as its hour's transform would.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)
from pyspark.sql import types as T  # noqa: N812 (PySpark's own abbreviation)

from contracts.names import LakeLocation
from contracts.partitions import parse_hour_key
from contracts.rejections import RejectionReason
from contracts.tables import REJECTED_EVENTS
from contracts.versions import RawObject
from spark_jobs.hourly.event_hours import HOUR_KEY_PATTERN
from spark_jobs.map_in_arrow import map_in_arrow
from spark_jobs.validation.chunks import LineValidator
from spark_jobs.validation.erased_lines import without_erased
from spark_jobs.validation.objects import ObjectCounts, validate_object
from spark_jobs.validation.privacy import Privacy
from storage.object_store import ObjectStore

_COUNTS: Final = T.StructType(
    [
        T.StructField("hour_key", T.StringType(), nullable=False),
        T.StructField("reason", T.StringType(), nullable=False),
        T.StructField("object_key", T.StringType(), nullable=False),
        T.StructField("rejected", T.LongType(), nullable=False),
        T.StructField("accepted", T.LongType(), nullable=False),
    ]
)
_ARROW_COUNTS: Final = pa.schema(
    [
        ("hour_key", pa.string()),
        ("reason", pa.string()),
        ("object_key", pa.string()),
        ("rejected", pa.int64()),
        ("accepted", pa.int64()),
    ]
)
_GROUP: Final = ("hour_key", "reason", "object_key")

Counts = dict[str, str | int]


@dataclass(frozen=True, kw_only=True)
class AcceptedLines:
    """Of a landing hour and an old reason: what is rejected now, and what of it would be events.

    An unreadable object counts as one rejection, and as all of its events if it can be read. `example_object` holds
    the first such line; the line itself is somebody's, and is not shown.
    """

    landing_hour: datetime
    reason: str
    rejected: int
    accepted: int
    example_object: str | None


@dataclass(frozen=True, kw_only=True)
class RejectedJudge:
    """What a task needs, pickled into it: `objects` are the raw objects to read again, by key."""

    store: ObjectStore
    objects: Mapping[str, RawObject]
    erased: frozenset[str]

    def counts(self, rejections: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield a row of counts for each hour, reason and object of a batch."""
        with LineValidator() as judge:
            for batch in rejections:
                rows = sorted(batch.to_pylist(), key=_group)
                groups = ((group, [row["line"] for row in lines]) for group, lines in groupby(rows, key=_group))
                counted = [self._counted(judge, group, lines) for group, lines in groups]
                yield from pa.Table.from_pylist(counted, _ARROW_COUNTS).to_batches()

    def _counted(self, judge: LineValidator, group: tuple[str, ...], lines: list[bytes | None]) -> Counts:
        hour_key, reason, object_key = group
        if reason == RejectionReason.UNREADABLE_OBJECT:
            accepted = self._read_again(judge, object_key)
        else:
            accepted = self._judged_again(judge, [line for line in lines if line is not None])
        return dict(zip(_ARROW_COUNTS.names, (hour_key, reason, object_key, len(lines), accepted), strict=True))

    def _judged_again(self, judge: LineValidator, lines: list[bytes]) -> int:
        judged = judge.validate(b"".join(line + b"\n" for line in lines))
        if not self.erased:
            return int(judged.received.num_rows)
        received, _ = without_erased(judged.received, judged.rejected.slice(0, 0), self.erased)
        return int(received.num_rows)

    def _read_again(self, judge: LineValidator, object_key: str) -> int:
        raw_object = self.objects.get(object_key)
        if raw_object is None:
            return 0
        counts = ObjectCounts()
        for _ in validate_object(self.store, raw_object, judge, counts, Privacy(erased=self.erased)):
            pass
        return counts.received


def _group(row: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(row[name] for name in _GROUP)


def accepted_lines(rejections: DataFrame, judge: RejectedJudge) -> list[AcceptedLines]:
    """Judge rows of `rejected_events`; return the counts by landing hour and reason, in order."""
    hour_key = F.date_format("landing_hour", HOUR_KEY_PATTERN).alias("hour_key")
    rows = rejections.select(hour_key, F.col("rejection_reason").alias("reason"), "object_key", "line")
    counts = (
        map_in_arrow(rows, judge.counts, _COUNTS)
        .groupBy("hour_key", "reason")
        .agg(
            F.sum("rejected").alias("rejected"),
            F.sum("accepted").alias("accepted"),
            F.min(F.when(F.col("accepted") > 0, F.col("object_key"))).alias("example_object"),
        )
    )
    return [
        AcceptedLines(
            landing_hour=parse_hour_key(row.hour_key),
            reason=row.reason,
            rejected=row.rejected,
            accepted=row.accepted,
            example_object=row.example_object,
        )
        for row in sorted(counts.collect(), key=lambda row: (row.hour_key, row.reason))
    ]


def rejections_of(spark: SparkSession, lake: LakeLocation, condition: str, reasons: Iterable[str]) -> DataFrame:
    """Return the rows of `rejected_events` under a condition on hours, of some reasons or (none given) of any."""
    rows = spark.table(lake.table(REJECTED_EVENTS.name)).where(condition)
    wanted = sorted(reasons)
    return rows.where(F.col("rejection_reason").isin(wanted)) if wanted else rows
