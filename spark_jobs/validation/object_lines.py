"""One raw object → what becomes of its lines, chunk by chunk, and their counts; without Spark.

Job 1's tasks call it, a replay, and `python -m live`: so all of them count one object alike.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from contracts.rejections import RejectionReason
from contracts.versions import RawObject
from spark_jobs.raw.raw_lines import UnreadableObjectError, sound_lines
from spark_jobs.validation.chunks import RECEIVED_SCHEMA, LineValidator, Validated, rejected_table
from spark_jobs.validation.line import Rejected
from spark_jobs.validation.privacy import Privacy
from storage.object_store import ObjectStore


@dataclass(kw_only=True)
class ObjectCounts:
    """What one object held: `event_hours` has the rows of each event hour, by its epoch seconds."""

    lines: int = 0
    received: int = 0
    rejected_by_reason: Counter[str] = field(default_factory=Counter)
    unread_by_field: Counter[str] = field(default_factory=Counter)
    event_hours: Counter[int] = field(default_factory=Counter)
    unreadable: str | None = None

    def add(self, validated: Validated) -> None:
        """Count a chunk."""
        self.lines += validated.lines
        self.received += validated.received.num_rows
        self.rejected_by_reason.update(validated.rejected.column("rejection_reason").to_pylist())
        self.unread_by_field.update(pc.list_flatten(validated.received.column("unread_fields")).to_pylist())
        hours = pc.value_counts(pc.floor_temporal(validated.received.column("event_time"), unit="hour"))
        for hour, rows in zip(hours.field("values").cast(pa.int64()), hours.field("counts"), strict=True):
            self.event_hours[hour.as_py() // 1_000_000] += rows.as_py()


def validate_object(
    store: ObjectStore, raw_object: RawObject, validator: LineValidator, counts: ObjectCounts, privacy: Privacy
) -> Iterator[Validated]:
    """Yield what becomes of an object's lines, chunk by chunk; an unreadable object is one rejection and no line."""
    try:
        with sound_lines(store, raw_object) as chunks:
            for chunk in chunks:
                validated = privacy.applied_to(validator.validate(chunk))
                counts.add(validated)
                yield validated
    except UnreadableObjectError as error:
        counts.unreadable = str(error)
        yield _unreadable(str(error))


def _unreadable(reason: str) -> Validated:
    row = Rejected(rejection_reason=RejectionReason.UNREADABLE_OBJECT, detail=reason, line=None, received_at=None)
    return Validated(lines=0, received=RECEIVED_SCHEMA.empty_table(), rejected=rejected_table([row]))
