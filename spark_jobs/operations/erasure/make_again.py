"""Landing hours that hold a user, whose raw objects were rewritten → these hours, and all behind them, made again.

Nothing is remembered between the steps: landing hours are those whose rows hold the user or whose objects are not those
of the ledger, event hours and days are those that are stale by the ledgers. So a run that was killed is continued by
the next one, wherever it stopped.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.names import LakeLocation
from contracts.partitions import HOUR, hour_key, parse_hour_key
from contracts.tables import LANDING_LEDGER
from contracts.versions import days_fed_by
from spark_jobs.daily.aggregate_days import aggregate_days
from spark_jobs.daily.days_to_make import stale_days_between
from spark_jobs.errors import LedgerImbalanceError, MissingObjectsError, UnsettledInputError
from spark_jobs.hourly.aggregate_hours import aggregate_possible_hours
from spark_jobs.hourly.event_hours import HOUR_KEY_PATTERN
from spark_jobs.hourly.hours_to_make import stale_event_hours_around
from spark_jobs.landing.landing_plan import LandingRules
from spark_jobs.landing.transform_events import transform_landing_hours
from spark_jobs.operations.erasure.objects_to_search import outdated_hours
from spark_jobs.operations.erasure.sought_users import SoughtUsers
from spark_jobs.operations.erasure.strike_rows import strike_rows
from spark_jobs.operations.erasure.users_rows import rejected_without_line, users_received, users_rejected
from spark_jobs.progress import progress
from spark_jobs.tables.day_ledger import read_day_rows

#: Hours that are made in one go, so that a run that is killed has not done all of it in vain: a week.
HOURS_AT_ONCE: Final = 7 * 24


@dataclass(frozen=True, kw_only=True)
class MadeAgain:
    """What was made: landing hours from raw, landing hours whose raw is gone (rows taken out), and what is behind.

    `problems` name event hours that could not be made again.
    """

    landing_hours: int
    struck_hours: int
    event_hours: int
    days: int
    problems: tuple[str, ...]

    def __add__(self, later: "MadeAgain") -> "MadeAgain":
        return MadeAgain(
            landing_hours=self.landing_hours + later.landing_hours,
            struck_hours=self.struck_hours + later.struck_hours,
            event_hours=self.event_hours + later.event_hours,
            days=self.days + later.days,
            problems=later.problems,
        )


def make_again(
    spark: SparkSession, lake: LakeLocation, users: SoughtUsers, more: Collection[datetime], settled_before: datetime
) -> MadeAgain:
    """Bring every table up to date with the rewritten raw objects; `settled_before` as in `LandingRules`.

    Landing hours that hold the users, or whose raw objects are not those of the ledger, are found; `more` are others
    whose raw objects were rewritten.
    """
    holding = _holding_hours(spark, lake, users)
    changed = rejected_without_line(spark, lake).hours | outdated_hours(spark, lake) | set(more)
    written = _transform(spark, lake, sorted(holding | changed), settled_before)
    left = sorted(_holding_hours(spark, lake, users)) if holding else []
    for hours in _portions(left):
        progress(f"taking rows out of {len(hours)} landing hours whose raw objects are gone")
        strike_rows(spark, lake, hours, users)
    problems: list[str] = []
    bounds = _landed_bounds(spark, lake)
    event_hours = days = 0
    if bounds is not None:
        event_hours = _make_event_hours(spark, lake, *bounds, problems)
        days = _make_days(spark, lake, *bounds)
    return MadeAgain(
        landing_hours=written,
        struck_hours=len(left),
        event_hours=event_hours,
        days=days,
        problems=tuple(problems),
    )


def _holding_hours(spark: SparkSession, lake: LakeLocation, users: SoughtUsers) -> set[datetime]:
    return users_received(spark, lake, users).hours | users_rejected(spark, lake, users).hours


def _transform(spark: SparkSession, lake: LakeLocation, hours: Sequence[datetime], settled_before: datetime) -> int:
    """Transform the hours that changed and whose objects are all there; return how many these were."""
    rules = LandingRules(settled_before=settled_before, allow_open_hour=True)
    written = 0
    for portion in _portions(hours):
        progress(f"transforming {len(portion)} landing hours again, where their raw objects changed")
        todo = list(portion)
        while todo:
            try:
                written += len(transform_landing_hours(spark, lake, todo, rules).written)
                break
            except MissingObjectsError as missing:
                todo = [hour for hour in todo if hour not in missing.hours]
    return written


def _make_event_hours(
    spark: SparkSession, lake: LakeLocation, start: datetime, end: datetime, problems: list[str]
) -> int:
    """Make every event hour that is stale; one whose input is half done, or does not add up, is left out, and named.

    Those that a data check holds back are made as well: they may hold a user.
    """

    def left_out(refused: UnsettledInputError | LedgerImbalanceError) -> None:
        named = " ".join(map(hour_key, sorted(refused.hours)))
        problems.append(f"event hours {named} were not made again: {refused}")

    made = 0
    for portion in _portions(stale_event_hours_around(spark, lake, start, end)):
        made += len(aggregate_possible_hours(spark, lake, portion, left_out=left_out).made)
    return made


def _make_days(spark: SparkSession, lake: LakeLocation, start: datetime, end: datetime) -> int:
    """Make every day that is stale; days that nobody made yet are left to their own run."""
    days = days_fed_by(start, end)
    made_before = {row.day for row in read_day_rows(spark, lake, *days)}
    stale = [day for day in stale_days_between(spark, lake, *days) if day in made_before]
    if not stale:
        return 0
    progress(f"making {len(stale)} days again")
    return len(aggregate_days(spark, lake, stale).made)


def _landed_bounds(spark: SparkSession, lake: LakeLocation) -> tuple[datetime, datetime] | None:
    """Return `[first, end)` of the landing hours that the ledger knows."""
    key = F.date_format("landing_hour", HOUR_KEY_PATTERN)
    ledger = spark.table(lake.table(LANDING_LEDGER.name))
    (row,) = ledger.agg(F.min(key).alias("first"), F.max(key).alias("last")).collect()
    return None if row["first"] is None else (parse_hour_key(row["first"]), parse_hour_key(row["last"]) + HOUR)


def _portions(hours: Collection[datetime]) -> Iterator[list[datetime]]:
    ordered = list(hours)
    for start in range(0, len(ordered), HOURS_AT_ONCE):
        yield ordered[start : start + HOURS_AT_ONCE]
