"""A range of landing hours → everything in and behind it that is stale, made again, in one session.

The level-triggered safety net: it asks what is there and what it was made from, never what happened. So it finds late
objects, events that a paused consumer lost, and what a run left undone that died.

What it needs may be between two commits of another run. It waits a little, and then looks at everything again: what the
other has not noted by then is stale, so this run makes it, whether the other is slow or dead.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Final

from contracts.ledger import LandedHour
from contracts.names import LakeLocation
from contracts.partitions import DAY, HOUR, day_key, day_of, hour_key, hours_between, start_of_day
from contracts.raw_survey import RawSurvey, survey_raw
from contracts.rules import DAYS_LOOKED_BACK_AT
from contracts.versions import days_fed_by
from spark_jobs.daily.aggregate_days import DayAggregation, aggregate_days
from spark_jobs.daily.day_ledgers import awaited_by_stale_days, days_needing
from spark_jobs.errors import (
    LedgerImbalanceError,
    MissingObjectsError,
    RawStoreError,
    SparkJobError,
    UnsettledInputError,
)
from spark_jobs.hourly.aggregate_hours import Aggregation, aggregate_possible_hours, stale_hours_around
from spark_jobs.lake.evolution import ensure_tables
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.ledgers import read_ledger
from spark_jobs.lake.retries import retrying
from spark_jobs.landing.landing_plan import LandingRules
from spark_jobs.landing.transform_events import TransformReport, transform_landing_hours
from spark_jobs.raw.lake_stores import raw_store
from storage.by_hour import landed_objects

#: So often a run looks at everything, if what it needs was between two commits.
PASSES: Final = 3


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """What a run did; `errors` say which landing hours, event hours and days could not be made, and why.

    What is held back by a data check is no error of this run: whoever made the hour in which it failed says so.
    `open_days` are stale and left as they are, each until another is over and settled: itself, or the day after.
    """

    transformed: TransformReport
    aggregated: Aggregation
    days: DayAggregation
    open_hours: tuple[datetime, ...]
    open_days: Mapping[date, date]
    errors: tuple[str, ...]
    survey: RawSurvey | None

    def after(self, before: "Reconciliation") -> "Reconciliation":
        """Return what both passes did, and what this one left."""
        hours = {row.event_hour: row for row in (*before.aggregated.written, *self.aggregated.written)}
        days = {row.day: row for row in (*before.days.written, *self.days.written)}
        told = {row.day: row for row in (*before.days.refreshed, *self.days.refreshed) if row.day not in days}
        unreadable = dict.fromkeys((*before.transformed.unreadable, *self.transformed.unreadable))
        return replace(
            self,
            transformed=replace(
                self.transformed,
                written=before.transformed.written + self.transformed.written,
                unreadable=tuple(unreadable),
            ),
            aggregated=replace(self.aggregated, written=tuple(hours[hour] for hour in sorted(hours))),
            days=replace(
                self.days,
                written=tuple(days[day] for day in sorted(days)),
                refreshed=tuple(told[day] for day in sorted(told)),
            ),
        )


@dataclass(kw_only=True)
class _Left:
    """What a pass could not make: sentences that say why, and whether some of it was between two commits."""

    errors: list[str] = field(default_factory=list)
    unsettled: bool = False

    def add(self, what: str, reason: SparkJobError) -> None:
        self.errors.append(f"{what}: {reason}")
        self.unsettled = self.unsettled or isinstance(reason, UnsettledInputError)


def reconcile_hours(lake: Lake, start: datetime, end: datetime, settled_before: datetime) -> Reconciliation:
    """Transform the stale landing hours of `[start, end)` that are settled, then make every due event hour and day.

    An hour that can't be made does not keep others from it; nothing is raised that concerns some hours only.
    """
    ensure_tables(lake)
    done, left = _reconcile_once(lake, start, end, settled_before)
    for _ in range(PASSES - 1):
        if not left.unsettled:
            break
        again, left = _reconcile_once(lake, start, end, settled_before)
        done = again.after(done)
    return done


def _reconcile_once(
    lake: Lake, start: datetime, end: datetime, settled_before: datetime
) -> tuple[Reconciliation, _Left]:
    hours = list(hours_between(start, end))
    settled = [hour for hour in hours if hour + HOUR <= settled_before]
    left = _Left()
    transformed = _transform(lake, settled, LandingRules(settled_before=settled_before), left)
    survey = _survey(lake, start, end)
    aggregated = _aggregate(lake, retrying(lambda: stale_hours_around(lake, start, end)), left)
    waiting = {day_of(hour) for hour in aggregated.held_back}
    stale = retrying(lambda: awaited_by_stale_days(lake, *_days_touched(start, end)))
    open_days = {day: other for day, other in stale.items() if other and start_of_day(other + DAY) > settled_before}
    left_behind = [day for day in stale if day not in open_days and day not in waiting]
    days = _aggregate_days(lake, left_behind, left)
    made = {row.day for row in days.written}
    done = Reconciliation(
        transformed=transformed,
        aggregated=aggregated,
        days=days,
        open_hours=tuple(hours[len(settled) :]),
        open_days={day: other for day, other in open_days.items() if day not in made},
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


def _days_touched(start: datetime, end: datetime) -> tuple[date, date]:
    """Return `[first, end)` of the days of which the landing hours can change what is said of events or of users."""
    first, fed_end = days_fed_by(start, end)
    return first, fed_end + DAYS_LOOKED_BACK_AT * DAY


def _aggregate_days(lake: Lake, stale: Sequence[date], left: _Left) -> DayAggregation:
    """Make what can be; days that need an event hour whose tables are between two commits are left out."""
    days = list(stale)
    try:
        while days:
            try:
                return aggregate_days(lake, days, hold_back=True)
            except UnsettledInputError as unsettled:
                waiting = days_needing(unsettled.hours) & set(days) or set(days)
                left.add(f"days {' '.join(map(day_key, sorted(waiting)))} were not made", unsettled)
                days = [day for day in days if day not in waiting]
    except SparkJobError as failure:
        left.add("no day was made", failure)
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
