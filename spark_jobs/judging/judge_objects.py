"""Inside a Spark task: raw objects → Arrow rows of `received_events` or `rejected_events`, and counts by object.

Counts go to the driver by an accumulator keyed by object, so that a task that runs twice counts once, and so that
nothing has to read the raw objects or the table again to know them. Rejections, being few, go with them: a task writes
into one table, and judging every line a second time for the other would cost a third more. Only of an object with more
rejections than may be kept is every line judged again.
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
from spark_jobs.raw.raw_lines import UnreadableObjectError, sound_lines
from spark_jobs.raw.raw_objects import RawStore
from spark_jobs.raw.read_plan import Task

_LANDING_HOUR: Final = pa.field("landing_hour", pa.timestamp("us", tz="UTC"), nullable=False)
_OBJECT_KEY: Final = pa.field("object_key", pa.string(), nullable=False)


@dataclass(kw_only=True)
class ObjectCounts:
    """What one object held: `event_hours` has the rows of each event hour, by its epoch seconds.

    `kept` are its rejections, None once they were more than `keep_bytes`.
    """

    lines: int = 0
    received: int = 0
    rejected_by_reason: Counter[str] = field(default_factory=Counter)
    event_hours: Counter[int] = field(default_factory=Counter)
    unreadable: str | None = None
    keep_bytes: int = field(default=0, compare=False)
    kept: list[pa.RecordBatch] | None = field(default_factory=list, compare=False)

    def add(self, judged: Judged) -> None:
        """Count a chunk, and keep its rejections."""
        self.keep(judged.rejected)
        self.lines += judged.lines
        self.received += judged.received.num_rows
        self.rejected_by_reason.update(judged.rejected.column("rejection_reason").to_pylist())
        hours = pc.value_counts(pc.floor_temporal(judged.received.column("event_time"), unit="hour"))
        for hour, rows in zip(hours.field("values").cast(pa.int64()), hours.field("counts"), strict=True):
            self.event_hours[hour.as_py() // 1_000_000] += rows.as_py()

    def keep(self, rejected: pa.Table) -> None:
        """Keep rejections, as long as they are few."""
        if self.kept is not None:
            self.kept += rejected.to_batches()
            if sum(batch.nbytes for batch in self.kept) > self.keep_bytes:
                self.kept = None


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

    `known` has what an earlier judge counted, and kept; `keep_bytes` is what may be kept of each object's
    rejections; `privacy` is what no table keeps of the lines.
    """

    store: RawStore
    tasks: tuple[Task, ...]
    counts: "Accumulator[CountsByKey]"
    known: CountsByKey
    keep_bytes: int
    privacy: Privacy

    def received(self, numbers: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
        """Yield the events of the tasks' objects, as rows of `received_events`."""
        with LineJudge() as judge:
            for raw_object in self._objects(numbers):
                for judged in self._counted(raw_object, judge):
                    yield _with_origin(judged.received, raw_object)

    def rejected(self, numbers: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the rejections of the tasks' objects."""
        with LineJudge() as judge:
            for raw_object in self._objects(numbers):
                before = self.known.get(raw_object.key)
                if before and before.kept is not None:
                    kept = pa.Table.from_batches(before.kept, REJECTED_SCHEMA)
                    yield from _with_origin(kept, raw_object).to_batches()
                else:
                    for judged in self._counted(raw_object, judge):
                        yield from _with_origin(judged.rejected, raw_object).to_batches()

    def _objects(self, numbers: Iterable[pa.RecordBatch]) -> Iterator[RawObject]:
        for batch in numbers:
            for number in batch.column(0).to_pylist():
                yield from self.tasks[number]

    def _counted(self, raw_object: RawObject, judge: LineJudge) -> Iterator[Judged]:
        counts = ObjectCounts(keep_bytes=self.keep_bytes)
        yield from judge_object(self.store, raw_object, judge, counts, self.privacy)
        self.counts.add({raw_object.key: counts})


def judge_object(
    store: RawStore, raw_object: RawObject, judge: LineJudge, counts: ObjectCounts, privacy: Privacy
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
        rejection = _unreadable(str(error))
        counts.keep(rejection.rejected)
        yield rejection


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
