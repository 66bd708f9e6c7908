"""Inside a Spark task: raw objects → files of `received_events` and of `rejected_events`, and counts by object.

Counts go to the driver by an accumulator keyed by object, so that a task that runs twice counts once, and so that
nothing has to read the raw objects or the tables again to know them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyspark import Accumulator, AccumulatorParam

from contracts.partitions import landing_hour_of_key
from contracts.rejections import RejectionReason
from contracts.versions import RawObject
from spark_jobs.judging.judge_lines import Judged, LineJudge
from spark_jobs.judging.judgement import RECEIVED_SCHEMA, REJECTED_SCHEMA, Rejected
from spark_jobs.judging.privacy import Privacy
from spark_jobs.lake.data_files import DataFile, FileTarget, PartitionBuffer, as_batch
from spark_jobs.raw.raw_lines import UnreadableObjectError, sound_lines
from spark_jobs.raw.read_plan import Task
from storage.object_store import ObjectStore

_LANDING_HOUR: Final = pa.field("landing_hour", pa.timestamp("us", tz="UTC"), nullable=False)
_OBJECT_KEY: Final = pa.field("object_key", pa.string(), nullable=False)


@dataclass(kw_only=True)
class ObjectCounts:
    """What one object held: `event_hours` has the rows of each event hour, by its epoch seconds."""

    lines: int = 0
    received: int = 0
    rejected_by_reason: Counter[str] = field(default_factory=Counter)
    event_hours: Counter[int] = field(default_factory=Counter)
    unreadable: str | None = None

    def add(self, judged: Judged) -> None:
        """Count a chunk."""
        self.lines += judged.lines
        self.received += judged.received.num_rows
        self.rejected_by_reason.update(judged.rejected.column("rejection_reason").to_pylist())
        hours = pc.value_counts(pc.floor_temporal(judged.received.column("event_time"), unit="hour"))
        for hour, rows in zip(hours.field("values").cast(pa.int64()), hours.field("counts"), strict=True):
            self.event_hours[hour.as_py() // 1_000_000] += rows.as_py()


CountsByKey = dict[str, ObjectCounts]


class CountsParam(AccumulatorParam[CountsByKey]):
    """Unites counts by object; an object that is counted again has the same counts again."""

    def zero(self, value: CountsByKey) -> CountsByKey:  # noqa: ARG002 (PySpark passes the value at the start)
        return {}

    def addInPlace(self, value1: CountsByKey, value2: CountsByKey) -> CountsByKey:  # noqa: N802 (PySpark's name)
        value1.update(value2)
        return value1


@dataclass(frozen=True, kw_only=True)
class ObjectJudge:
    """What a task needs, pickled into it; each input row is the number of a task of `tasks`.

    `privacy` is what no table keeps of the lines.
    """

    store: ObjectStore
    tasks: tuple[Task, ...]
    counts: "Accumulator[CountsByKey]"
    privacy: Privacy
    received: FileTarget
    rejected: FileTarget

    def files(self, numbers: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Write the tasks' objects as files of both tables, and yield a row of `DATA_FILE_SCHEMA` for each."""
        return map(as_batch, self._files(numbers))

    def _files(self, numbers: Iterable[pa.RecordBatch]) -> Iterator[DataFile]:
        received, rejected = PartitionBuffer(target=self.received), PartitionBuffer(target=self.rejected)
        with LineJudge() as judge:
            for raw_object in self._objects(numbers):
                counts = ObjectCounts()
                for judged in judge_object(self.store, raw_object, judge, counts, self.privacy):
                    yield from received.add(_with_origin(judged.received, raw_object))
                    yield from rejected.add(_with_origin(judged.rejected, raw_object))
                self.counts.add({raw_object.key: counts})
        yield from received.flush()
        yield from rejected.flush()

    def _objects(self, numbers: Iterable[pa.RecordBatch]) -> Iterator[RawObject]:
        for batch in numbers:
            for number in batch.column(0).to_pylist():
                yield from self.tasks[number]


def judge_object(
    store: ObjectStore, raw_object: RawObject, judge: LineJudge, counts: ObjectCounts, privacy: Privacy
) -> Iterator[Judged]:
    """Yield what becomes of an object's lines, chunk by chunk; an unreadable object is one rejection and no line."""
    try:
        with sound_lines(store, raw_object) as chunks:
            for chunk in chunks:
                judged = privacy.applied_to(judge.judge(chunk))
                counts.add(judged)
                yield judged
    except UnreadableObjectError as error:
        counts.unreadable = str(error)
        yield _unreadable(str(error))


def _unreadable(reason: str) -> Judged:
    row = Rejected(rejection_reason=RejectionReason.UNREADABLE_OBJECT, detail=reason, line=None, received_at=None)
    return Judged(
        lines=0,
        received=RECEIVED_SCHEMA.empty_table(),
        rejected=pa.Table.from_pylist([asdict(row)], REJECTED_SCHEMA),
    )


def _with_origin(table: pa.Table, raw_object: RawObject) -> pa.Table:
    hour = pa.scalar(landing_hour_of_key(raw_object.key), _LANDING_HOUR.type)
    key = pa.scalar(raw_object.key)
    return table.append_column(_LANDING_HOUR, pa.repeat(hour, len(table))).append_column(
        _OBJECT_KEY, pa.repeat(key, len(table))
    )
