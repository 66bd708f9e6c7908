"""Landing hours with rejected lines that today's contract accepts → these hours, transformed again from raw.

Nothing is moved from `rejected_events` to `received_events`, so nothing can be moved twice: an hour is a function of
its raw objects, and is made again. Where the objects have expired, the rejected lines stay what they are.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from pyspark.sql import SparkSession

from contracts.names import LakeLocation
from contracts.partitions import DAY, HOUR, day_of, hour_key, start_of_day
from contracts.tables import LANDING_LEDGER
from spark_jobs.daily.aggregate_days import aggregate_days
from spark_jobs.errors import SparkJobError
from spark_jobs.hourly.aggregate_hours import aggregate_hours
from spark_jobs.landing.landing_plan import LandingRules
from spark_jobs.landing.transform_events import transform_landing_hours
from spark_jobs.operations.accepted_lines import AcceptedLines, RejectedJudge, accepted_lines, rejections_of
from spark_jobs.progress import progress
from spark_jobs.raw.lake_stores import raw_store
from spark_jobs.tables.day_ledger import read_day_rows
from spark_jobs.tables.erased_users import read_erased_users
from spark_jobs.tables.hour_filters import in_hour_partitions
from spark_jobs.tables.ledger import LandingLedgerRow, read_landing_rows
from spark_jobs.tables.table_evolution import ensure_filled_lake
from storage.by_hour import LandedObjects, landed_objects
from storage.object_store import ObjectStore


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
    """What was made again, and what was left, since a data check of its input failed."""

    transformed: tuple[LandingLedgerRow, ...] = ()
    event_hours: tuple[datetime, ...] = ()
    days: tuple[date, ...] = ()
    held_back_hours: tuple[datetime, ...] = ()
    held_back_days: tuple[date, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ReplayRange:
    """Landing hours `[start, end)`, None for no bound; `reasons` to look at, none for all."""

    start: datetime | None = None
    end: datetime | None = None
    reasons: frozenset[str] = field(default_factory=frozenset)


def plan_replay(spark: SparkSession, lake: LakeLocation, wanted: ReplayRange, settled_before: datetime) -> ReplayPlan:
    """Judge the rejected lines of a range again; change nothing. Raise `NoLandingHourError` for a range without one."""
    ensure_filled_lake(spark, lake)
    rows = _ledger_rows(spark, lake, wanted)
    rejecting = [row for row in rows if row.rejected or row.unreadable_objects]
    if not rejecting:
        return ReplayPlan(looked_at=len(rows), accepted=(), replay=(), left={})
    store = raw_store(lake.raw_uri)
    hours = [row.landing_hour for row in rejecting]
    objects = landed_objects(store, hours)
    progress(f"judging the rejected lines of {len(hours)} landing hours again")
    judge = _judge(spark, lake, store, rejecting, objects)
    rejections = rejections_of(spark, lake, in_hour_partitions("landing_hour", hours), wanted.reasons)
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


def replay(spark: SparkSession, lake: LakeLocation, plan: ReplayPlan, settled_before: datetime) -> Replay:
    """Transform the plan's hours again, then every event hour and day that they feed, or fed before.

    These are made whatever their version says: the same objects, judged by a repaired rule, may have the old one. But
    what is held back by a data check is left; and so are days that nobody made yet and that are not over, to their own
    run.
    """
    if not plan.replay:
        return Replay()
    before = read_landing_rows(spark, lake, plan.replay[0], plan.replay[-1] + HOUR)
    report = transform_landing_hours(spark, lake, plan.replay, LandingRules(settled_before=settled_before, force=True))
    fed = {hour for row in (*before, *report.written) for hour in _fed(row, plan.replay)}
    event_hours = sorted(fed | {hour + HOUR for hour in fed})
    hours = aggregate_hours(spark, lake, event_hours, force=True, hold_back=True)
    wanted = _days_to_make(spark, lake, {day_of(row.event_hour) for row in hours.made}, settled_before)
    wanted -= set(map(day_of, hours.held_back))
    days = aggregate_days(spark, lake, wanted, force=True, hold_back=True)
    return Replay(
        transformed=report.written,
        event_hours=tuple(row.event_hour for row in hours.made),
        days=tuple(sorted(row.day for row in (*days.made, *days.told_again))),
        held_back_hours=hours.held_back,
        held_back_days=days.held_back,
    )


def _days_to_make(
    spark: SparkSession, lake: LakeLocation, days: Collection[date], settled_before: datetime
) -> set[date]:
    """Return those of the days that were made before or are over, and the days beside them that were made before.

    An open day is made by its own run, when it is over. The sessions of the days beside reach into the day, and their
    versions need not tell that its events changed.
    """
    if not days:
        return set()
    made_before = {row.day for row in read_day_rows(spark, lake, min(days) - DAY, max(days) + 2 * DAY)}
    over = {day for day in days if start_of_day(day + DAY) <= settled_before}
    around = {day + offset for day in days for offset in (-DAY, 0 * DAY, DAY)}
    return over | (around & made_before)


def _fed(row: LandingLedgerRow, replayed: Collection[datetime]) -> Sequence[datetime]:
    return list(row.received_by_event_hour) if row.landing_hour in replayed else []


def _ledger_rows(spark: SparkSession, lake: LakeLocation, wanted: ReplayRange) -> list[LandingLedgerRow]:
    first, last = _known_range(spark, lake)
    rows = read_landing_rows(spark, lake, wanted.start or first, wanted.end or last + HOUR) if first and last else []
    if not rows:
        known = f"it has {hour_key(first)} to {hour_key(last)}" if first and last else "it is empty"
        asked = f"from {hour_key(wanted.start) if wanted.start else 'the first'} "
        asked += f"to {hour_key(wanted.end - HOUR) if wanted.end else 'the last'}"
        raise NoLandingHourError(
            f"landing_ledger has no landing hour {asked}; {known}: name others, or transform these first"
        )
    return rows


def _known_range(spark: SparkSession, lake: LakeLocation) -> tuple[datetime | None, datetime | None]:
    """Return the first and the last landing hour of the ledger, by its manifests."""
    hour = LANDING_LEDGER.partitions[0].column
    figures = spark.table(f"{lake.table(LANDING_LEDGER.name)}.files").select(f"readable_metrics.{hour}.*")
    bounds = figures.selectExpr("unix_seconds(min(lower_bound)) AS first", "unix_seconds(max(upper_bound)) AS last")
    (row,) = bounds.collect()
    return _moment(row["first"]), _moment(row["last"])


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _judge(
    spark: SparkSession,
    lake: LakeLocation,
    store: ObjectStore,
    rows: Sequence[LandingLedgerRow],
    objects: LandedObjects,
) -> RejectedJudge:
    """Return the judge, with those objects that there are of the hours in which some could not be read."""
    to_read = [raw for row in rows if row.unreadable_objects for raw in objects[row.landing_hour]]
    return RejectedJudge(store=store, objects={raw.key: raw for raw in to_read}, erased=read_erased_users(spark, lake))


def _why_left(row: LandingLedgerRow, objects: LandedObjects, settled_before: datetime) -> str | None:
    gone = set(row.objects) - {raw.key for raw in objects[row.landing_hour]}
    if gone:
        return f"{len(gone)} of its {len(row.objects)} raw objects have expired ({min(gone)}), so it stays as it is"
    if row.landing_hour + HOUR > settled_before:
        return "it is not settled yet: its own run will transform it with today's contract"
    return None
