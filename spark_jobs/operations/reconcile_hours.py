"""A range of landing hours → everything in and behind it that is stale, made again, in one session.

The level-triggered safety net: it asks what is there and what it was made from, never what happened. So it finds late
objects, events that a paused consumer lost, and what a run left undone that died.

What it needs may be between two commits of another run. It waits a little, and then looks at everything again: what the
other has not noted by then is stale, so this run makes it, whether the other is slow or dead.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from contracts.late_events import Deferred
from contracts.ledger import LandedHour
from contracts.names import LakeLocation
from contracts.partitions import HOUR, hour_key, hours_between, key_text, start_of
from contracts.raw_survey import RawSurvey, survey_raw
from contracts.stages import EVENT_HOURS, DerivedStage
from contracts.staleness import key_to_await
from spark_jobs.daily.aggregate_days import DayAggregation
from spark_jobs.errors import (
    LedgerImbalanceError,
    MissingObjectsError,
    RawStoreError,
    SparkJobError,
    UnsettledInputError,
)
from spark_jobs.hourly.aggregate_hours import Aggregation, aggregate_possible_hours
from spark_jobs.lake.evolution import ensure_tables
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.ledgers import read_known_keys, read_ledger
from spark_jobs.lake.retries import retrying
from spark_jobs.landing.landing_plan import LandingRules
from spark_jobs.landing.transform_events import TransformReport, transform_landing_hours
from spark_jobs.operations.stage_jobs import LATER_JOBS
from spark_jobs.raw.lake_stores import raw_store
from storage.by_hour import landed_objects

#: So often a run looks at everything, if what it needs was between two commits.
PASSES: Final = 3


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """What a run did; `errors` say which landing hours, event hours and days could not be made, and why.

    What is held back by a data check is no error of this run: whoever made the hour in which it failed says so.
    `later` has the days, and what else is computed once it is over; of these, `open_keys` are stale and left as they
    are, each until another is over and settled: a day, until itself or the day after. `deferred` lacks few late events,
    and is left stale for now.
    """

    transformed: TransformReport
    aggregated: Aggregation
    later: Mapping[DerivedStage[Any, Any], DayAggregation]
    open_hours: tuple[datetime, ...]
    open_keys: Mapping[DerivedStage[Any, Any], Mapping[Any, Any]]
    deferred: Mapping[DerivedStage[Any, Any], Mapping[Any, Deferred]]
    errors: tuple[str, ...]
    survey: RawSurvey | None

    def after(self, before: "Reconciliation") -> "Reconciliation":
        """Return what both passes did, and what this one left."""
        hours = {row.event_hour: row for row in (*before.aggregated.written, *self.aggregated.written)}
        unreadable = dict.fromkeys((*before.transformed.unreadable, *self.transformed.unreadable))
        return replace(
            self,
            transformed=replace(
                self.transformed,
                written=before.transformed.written + self.transformed.written,
                unreadable=tuple(unreadable),
            ),
            aggregated=replace(self.aggregated, written=tuple(hours[hour] for hour in sorted(hours))),
            later={stage: _both(before.later[stage], run) for stage, run in self.later.items()},
        )


def _both(before: DayAggregation, after: DayAggregation) -> DayAggregation:
    written = {row.key: row for row in (*before.written, *after.written)}
    refreshed = {row.key: row for row in (*before.refreshed, *after.refreshed) if row.key not in written}
    return replace(
        after,
        written=tuple(written[key] for key in sorted(written)),
        refreshed=tuple(refreshed[key] for key in sorted(refreshed)),
    )


@dataclass(kw_only=True)
class _Left:
    """What a pass could not make: sentences that say why, and whether some of it was between two commits."""

    errors: list[str] = field(default_factory=list)
    unsettled: bool = False

    def add(self, what: str, reason: SparkJobError) -> None:
        self.errors.append(f"{what}: {reason}")
        self.unsettled = self.unsettled or isinstance(reason, UnsettledInputError)


def reconcile_hours(
    lake: Lake, start: datetime, end: datetime, settled_before: datetime, *, defer: bool = False
) -> Reconciliation:
    """Transform the stale landing hours of `[start, end)` that are settled, then make every due event hour and day.

    If that is asked for, what lacks few late events is deferred (`contracts.late_events`). An hour that can't be made
    does not keep others from it; nothing is raised that concerns some hours only.
    """
    ensure_tables(lake)
    done, left = _reconcile_once(lake, start, end, settled_before, defer=defer)
    for _ in range(PASSES - 1):
        if not left.unsettled:
            break
        again, left = _reconcile_once(lake, start, end, settled_before, defer=defer)
        done = again.after(done)
    return done


def _reconcile_once(
    lake: Lake, start: datetime, end: datetime, settled_before: datetime, *, defer: bool
) -> tuple[Reconciliation, _Left]:
    hours = list(hours_between(start, end))
    settled = [hour for hour in hours if hour + HOUR <= settled_before]
    left = _Left()
    transformed = _transform(lake, settled, LandingRules(settled_before=settled_before), left)
    survey = _survey(lake, start, end)
    fed = EVENT_HOURS.fed_by_landing(start, end)
    defer_by = settled_before if defer else None
    known = retrying(lambda: read_known_keys(lake, EVENT_HOURS, *fed, defer_by=defer_by))
    aggregated = _aggregate(lake, known.stale(), left)
    deferred: dict[DerivedStage[Any, Any], Mapping[Any, Deferred]] = {EVENT_HOURS: known.deferred}
    later, open_keys, look_back = {}, {}, timedelta(0)
    blocked: set[Any] = set(aggregated.held_back)
    for stage in LATER_JOBS:
        # With the later keys that look back at those that are fed.
        look_back += stage.look_back
        fed = stage.fed_by_landing(start, end + look_back)
        known = retrying(partial(read_known_keys, lake, stage, *fed, defer_by=defer_by))
        deferred[stage] = known.deferred
        stale = {key: key_to_await(stage, known.inputs[key], known.stored.get(key)) for key in known.stale()}
        waiting = set(map(stage.at, blocked))
        kept = {key: other for key, other in stale.items() if other and start_of(other + stage.step) > settled_before}
        todo = [key for key in stale if key not in kept and key not in waiting]
        run = _run_later(lake, stage, todo, left, leave=known.deferred)
        written = {row.key for row in run.written}
        later[stage] = run
        open_keys[stage] = {key: other for key, other in kept.items() if key not in written}
        blocked = {*waiting, *run.held_back, *open_keys[stage]}
    done = Reconciliation(
        transformed=transformed,
        aggregated=aggregated,
        later=later,
        open_hours=tuple(hours[len(settled) :]),
        open_keys=open_keys,
        deferred=deferred,
        errors=tuple(left.errors),
        survey=survey,
    )
    return done, left


def _survey(lake: LakeLocation, start: datetime, end: datetime) -> RawSurvey | None:
    """Look at the folders of raw objects; a place that can't be listed is an error of the transform already."""
    try:
        return survey_raw(raw_store(lake.raw_uri), start, end)
    except RawStoreError:
        return None


def _transform(lake: Lake, settled: Sequence[datetime], rules: LandingRules, left: _Left) -> TransformReport:
    """Transform what can be; hours whose objects are gone (expired, say) are left as they are."""
    try:
        known = retrying(lambda: known_landing_hours(lake, settled))
        return _transform_known(lake, known, rules, left)
    except SparkJobError as failure:
        left.add("no landing hour was transformed", failure)
    return TransformReport()


def _transform_known(lake: Lake, hours: Sequence[datetime], rules: LandingRules, left: _Left) -> TransformReport:
    """Transform hours in one go; if an object can't be read (forbidden, say), in halves, until it stands alone."""
    while hours:
        try:
            return transform_landing_hours(lake, hours, rules)
        except MissingObjectsError as missing:
            left.add(f"{_named('landing', missing.hours)} not transformed", missing)
            hours = [hour for hour in hours if hour not in missing.hours]
        except RawStoreError as unreadable:
            if len(hours) == 1:
                left.add(f"{_named('landing', hours)} not transformed", unreadable)
                break
            half = len(hours) // 2
            halves = (_transform_known(lake, part, rules, left) for part in (hours[:half], hours[half:]))
            return next(halves) + next(halves)
    return TransformReport()


def _aggregate(lake: Lake, stale: Sequence[datetime], left: _Left) -> Aggregation:
    """Make what can be."""

    def left_out(refused: UnsettledInputError | LedgerImbalanceError) -> None:
        left.add(f"{_named('event', refused.hours)} not made", refused)

    try:
        return aggregate_possible_hours(lake, stale, refused=left_out, hold_back=True)
    except SparkJobError as failure:
        left.add("no event hour was made", failure)
    return Aggregation()


def _run_later(
    lake: Lake, stage: DerivedStage[Any, Any], stale: Sequence[Any], left: _Left, *, leave: Collection[Any]
) -> DayAggregation:
    """Compute what can be; keys that need an event hour whose tables are between two commits are left out.

    Those to `leave` are not computed beside the others either.
    """
    keys = list(stale)
    job = partial(LATER_JOBS[stage], leave=leave) if leave else LATER_JOBS[stage]
    try:
        while keys:
            try:
                return job(lake, keys, hold_back=True)
            except UnsettledInputError as unsettled:
                # A run reads what feeds a key and the keys beside it.
                needing = stage.reading(stage.reading(map(stage.at, unsettled.hours)))
                waiting = needing & set(keys) or set(keys)
                left.add(f"{stage.title}s {' '.join(map(key_text, sorted(waiting)))} were not made", unsettled)
                keys = [key for key in keys if key not in waiting]
    except SparkJobError as failure:
        left.add(f"no {stage.title} was made", failure)
    return DayAggregation()


def _named(kind: str, hours: Collection[datetime]) -> str:
    return f"{kind} hours {' '.join(hour_key(hour) for hour in sorted(hours))} were"


def known_landing_hours(lake: Lake, hours: Sequence[datetime]) -> list[datetime]:
    """Return those of the (consecutive) hours that have a raw object or a row of the ledger; the others are no gaps."""
    if not hours:
        return []
    objects = landed_objects(raw_store(lake.raw_uri), hours)
    noted = {row.landing_hour for row in read_ledger(lake, LandedHour, hours[0], hours[-1] + HOUR)}
    return [hour for hour in hours if objects.get(hour) or hour in noted]
