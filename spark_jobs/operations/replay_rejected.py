"""Landing hours with rejected lines that today's contract accepts → these hours, transformed again from raw.

The lines are validated where they lie, in Spark tasks: an hour may have millions, and the driver sees only counts. No
line is moved from `rejected_events` to `received_events`, so none can be moved twice: an hour is a function of its raw
objects, and is computed again. Where the objects have expired, the rejected lines stay what they are. An object that
could not be read has no lines in the table: it is read again, as its hour's transform would.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)
from pyspark.sql import types as T  # noqa: N812 (PySpark's own abbreviation)

from contracts.ledger import LandingLedgerRow
from contracts.partitions import HOUR, hour_key, parse_hour_key, start_of
from contracts.rejections import RejectionReason
from contracts.stages import EVENT_HOURS, DerivedStage, Key, Stage
from contracts.tables import LANDING_LEDGER, REJECTED_EVENTS
from contracts.versions import RawObject
from spark_jobs.errors import SparkJobError
from spark_jobs.hourly.aggregate_hours import aggregate_hours
from spark_jobs.lake.data_files import map_in_arrow
from spark_jobs.lake.erased_users import read_erased_users
from spark_jobs.lake.evolution import ensure_filled_lake
from spark_jobs.lake.filters import HOUR_KEY_PATTERN, in_hour_partitions
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.ledgers import read_ledger
from spark_jobs.landing.landing_plan import LandingRules
from spark_jobs.landing.transform_events import transform_landing_hours
from spark_jobs.operations.stage_jobs import LATER_JOBS
from spark_jobs.progress import progress
from spark_jobs.raw.lake_stores import raw_store
from spark_jobs.validation.chunks import LineValidator
from spark_jobs.validation.erased_lines import without_erased
from spark_jobs.validation.object_lines import ObjectCounts, validate_object
from spark_jobs.validation.privacy import Privacy
from storage.by_hour import LandedObjects, landed_objects
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


def rejections_of(lake: Lake, condition: str, reasons: Iterable[str]) -> DataFrame:
    """Return the rows of `rejected_events` under a condition on hours, of some reasons or (none given) of any."""
    rows = lake.read(REJECTED_EVENTS).where(condition)
    wanted = sorted(reasons)
    return rows.where(F.col("rejection_reason").isin(wanted)) if wanted else rows


class NoLandingHourError(SparkJobError):
    """The range that was asked for has no landing hour in the ledger; the message names those that there are."""


@dataclass(frozen=True, kw_only=True)
class ReplayPlan:
    """What today's contract would change: `accepted` in the hours of `replay`, and the hours that are left, and why."""

    looked_at: int
    accepted: tuple[AcceptedLines, ...]
    replay: tuple[datetime, ...]
    left: Mapping[datetime, str]


@dataclass(frozen=True, kw_only=True)
class Replay:
    """What was made again, and what was left, since a data check of its input failed; by stage, from event hours on."""

    transformed: tuple[LandingLedgerRow, ...] = ()
    made: Mapping[Stage[Any, Any], tuple[Any, ...]] = field(default_factory=dict)
    held_back: Mapping[Stage[Any, Any], tuple[Any, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ReplayRange:
    """Landing hours `[start, end)`, None for no bound; `reasons` to look at, none for all."""

    start: datetime | None = None
    end: datetime | None = None
    reasons: frozenset[str] = field(default_factory=frozenset)


def plan_replay(lake: Lake, wanted: ReplayRange, settled_before: datetime) -> ReplayPlan:
    """Judge the rejected lines of a range again; change nothing. Raise `NoLandingHourError` for a range without one."""
    ensure_filled_lake(lake)
    rows = _ledger_rows(lake, wanted)
    rejecting = [row for row in rows if row.rejected or row.unreadable_objects]
    if not rejecting:
        return ReplayPlan(looked_at=len(rows), accepted=(), replay=(), left={})
    store = raw_store(lake.raw_uri)
    hours = [row.landing_hour for row in rejecting]
    objects = landed_objects(store, hours)
    progress(f"judging the rejected lines of {len(hours)} landing hours again")
    judge = _judge(lake, store, rejecting, objects)
    rejections = rejections_of(lake, in_hour_partitions("landing_hour", hours), wanted.reasons)
    accepted = [lines for lines in accepted_lines(rejections, judge) if lines.accepted]
    gaining = {lines.landing_hour for lines in accepted}
    left = {
        row.landing_hour: reason
        for row in rejecting
        if row.landing_hour in gaining and (reason := _why_left(row, objects, settled_before))
    }
    return ReplayPlan(
        looked_at=len(rows), accepted=tuple(accepted), replay=tuple(sorted(gaining - left.keys())), left=left
    )


def replay(lake: Lake, plan: ReplayPlan, settled_before: datetime) -> Replay:
    """Transform the plan's hours again, then every event hour and day that they feed, or fed before.

    These are made whatever their version says: the same objects, judged by a repaired rule, may have the old one. But
    what is held back by a data check is left; and so are days that nobody made yet and that are not over, to their own
    run.
    """
    if not plan.replay:
        return Replay()
    before = read_ledger(lake, LandingLedgerRow, plan.replay[0], plan.replay[-1] + HOUR)
    report = transform_landing_hours(lake, plan.replay, LandingRules(settled_before=settled_before, force=True))
    fed = EVENT_HOURS.given(row for row in (*before, *report.written) if row.landing_hour in plan.replay)
    hours = aggregate_hours(lake, EVENT_HOURS.reading(fed), force=True, hold_back=True)
    made: dict[Stage[Any, Any], tuple[Any, ...]] = {EVENT_HOURS: tuple(row.key for row in hours.written)}
    held_back: dict[Stage[Any, Any], tuple[Any, ...]] = {EVENT_HOURS: hours.held_back}
    for stage, job in LATER_JOBS.items():
        wanted = _keys_to_make(lake, stage, set(map(stage.at, made[stage.source])), settled_before)
        wanted -= set(map(stage.at, held_back[stage.source]))
        run = job(lake, wanted, force=True, hold_back=True)
        made[stage] = tuple(sorted(row.key for row in (*run.written, *run.refreshed)))
        held_back[stage] = run.held_back
    return Replay(transformed=report.written, made=made, held_back=held_back)


def _keys_to_make(
    lake: Lake, stage: DerivedStage[Key, Any], keys: Collection[Key], settled_before: datetime
) -> set[Key]:
    """Return those of the keys that were made before or are over, and the keys beside them that were made before.

    An open day is made by its own run, when it is over. The sessions of the days beside reach into the day, and their
    versions need not tell that its events changed.
    """
    if not keys:
        return set()
    around = stage.reading(keys)
    made_before = {row.key for row in read_ledger(lake, stage.row_type, min(around), max(around) + stage.step)}
    over = {key for key in keys if start_of(key + stage.step) <= settled_before}
    return over | (around & made_before)


def _ledger_rows(lake: Lake, wanted: ReplayRange) -> list[LandingLedgerRow]:
    first, last = _known_range(lake)
    rows = (
        read_ledger(lake, LandingLedgerRow, wanted.start or first, wanted.end or last + HOUR) if first and last else []
    )
    if not rows:
        known = f"it has {hour_key(first)} to {hour_key(last)}" if first and last else "it is empty"
        asked = f"from {hour_key(wanted.start) if wanted.start else 'the first'} "
        asked += f"to {hour_key(wanted.end - HOUR) if wanted.end else 'the last'}"
        raise NoLandingHourError(
            f"landing_ledger has no landing hour {asked}; {known}: name others, or transform these first"
        )
    return rows


def _known_range(lake: Lake) -> tuple[datetime | None, datetime | None]:
    """Return the first and the last landing hour of the ledger, by its manifests."""
    hour = LANDING_LEDGER.partitions[0].column
    figures = lake.read_metadata(LANDING_LEDGER, "files").select(f"readable_metrics.{hour}.*")
    bounds = figures.selectExpr("unix_seconds(min(lower_bound)) AS first", "unix_seconds(max(upper_bound)) AS last")
    (row,) = bounds.collect()
    return _moment(row["first"]), _moment(row["last"])


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _judge(
    lake: Lake,
    store: ObjectStore,
    rows: Sequence[LandingLedgerRow],
    objects: LandedObjects,
) -> RejectedJudge:
    """Return the judge, with those objects that there are of the hours in which some could not be read."""
    to_read = [raw for row in rows if row.unreadable_objects for raw in objects[row.landing_hour]]
    return RejectedJudge(store=store, objects={raw.key: raw for raw in to_read}, erased=read_erased_users(lake))


def _why_left(row: LandingLedgerRow, objects: LandedObjects, settled_before: datetime) -> str | None:
    gone = set(row.objects) - {raw.key for raw in objects[row.landing_hour]}
    if gone:
        return f"{len(gone)} of its {len(row.objects)} raw objects have expired ({min(gone)}), so it stays as it is"
    if row.landing_hour + HOUR > settled_before:
        return "it is not settled yet: its own run will transform it with today's contract"
    return None
