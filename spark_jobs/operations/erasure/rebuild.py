"""Landing hours whose raw objects were rewritten → these hours, and all that is computed from them, rebuilt.

Nothing is remembered between the steps: the landing hours are those whose rows have the users or whose objects are not
those of the ledger, and the event hours and days are those that are stale by the ledgers. So the next run continues a
run that was killed, wherever it stopped.

Landing hours whose raw objects have expired can't be rebuilt: the users' rows are deleted from them. There the ledger
is corrected first, where every other job writes it last: the rows that are still there are the only sign that there is
work to do, so the run after a killed one finds them and does it all again. Meanwhile the hour's rows and its ledger
disagree, which keeps event hours from being computed from it.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.ledger import LandingLedgerRow
from contracts.partitions import HOUR, hour_key, parse_hour_key
from contracts.rejections import RejectionReason
from contracts.stages import EVENT_HOURS
from contracts.staleness import stale_keys
from contracts.tables import LANDING_LEDGER, RECEIVED_EVENTS, REJECTED_EVENTS
from contracts.versions import erased_landing_version
from spark_jobs.errors import LedgerImbalanceError, MissingObjectsError, UnsettledInputError
from spark_jobs.hourly.aggregate_hours import aggregate_possible_hours
from spark_jobs.lake.filters import HOUR_KEY_PATTERN
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.ledgers import known_inputs, read_ledger, stale_between, write_ledger
from spark_jobs.lake.retries import retrying
from spark_jobs.lake.revision import Revision
from spark_jobs.landing.landing_plan import LandingRules
from spark_jobs.landing.transform_events import transform_landing_hours
from spark_jobs.operations.erasure.rewrite import outdated_hours
from spark_jobs.operations.erasure.user_matching import (
    SoughtUsers,
    rejected_lines,
    theirs,
    users_rows,
)
from spark_jobs.operations.stage_jobs import LATER_JOBS
from spark_jobs.progress import progress

#: Counted apart in the ledger: it is an object, not a line.
_NO_LINE: Final = RejectionReason.UNREADABLE_OBJECT


def delete_rows(lake: Lake, hours: Collection[datetime], users: SoughtUsers) -> None:
    """Take the users' rows out of landing hours, and correct the ledger; each hour gets a version of its own."""
    if hours:
        retrying(lambda: _delete(lake, hours, users))


def _delete(lake: Lake, hours: Collection[datetime], users: SoughtUsers) -> None:
    base = Revision.of(lake, RECEIVED_EVENTS, REJECTED_EVENTS, LANDING_LEDGER)
    received = lake.read_hours(RECEIVED_EVENTS, hours).where(~theirs(users))
    rejections = lake.read_hours(REJECTED_EVENTS, hours)
    rejected = rejected_lines(rejections, users, held=False)
    expired = set(hours) - _counted(rejections, F.col("rejection_reason")).keys()
    corrected = _corrected(lake, hours, received, rejected, expired)
    write_ledger(base, LandingLedgerRow, corrected, [row.landing_hour for row in corrected])
    for table, frame in ((REJECTED_EVENTS, rejected), (RECEIVED_EVENTS, received)):
        base.replace(table, lake.write_frame(table, frame), hours)


def _corrected(
    lake: Lake,
    hours: Collection[datetime],
    received: DataFrame,
    rejected: DataFrame,
    expired: Collection[datetime],
) -> list[LandingLedgerRow]:
    """Return the ledger's rows with what will be left; an hour that no run ever noted has none.

    Of `expired` hours no rejection is left in the table, if they had any: these stay counted as they were.
    """
    by_event_hour = _counted(received, F.date_format("event_time", HOUR_KEY_PATTERN))
    by_reason = _counted(rejected.where(F.col("rejection_reason") != str(_NO_LINE)), F.col("rejection_reason"))
    unread = _counted(received.withColumn("field", F.explode("unread_fields")), F.col("field"))
    noted = read_ledger(lake, LandingLedgerRow, min(hours), max(hours) + HOUR)
    by_reason.update(
        {row.landing_hour: Counter(row.rejected_by_reason) for row in noted if row.landing_hour in expired}
    )
    return [
        replace(
            row,
            input_version=erased_landing_version(row.input_version),
            lines=by_event_hour[row.landing_hour].total() + by_reason[row.landing_hour].total(),
            received=by_event_hour[row.landing_hour].total(),
            rejected=by_reason[row.landing_hour].total(),
            rejected_by_reason=dict(sorted(by_reason[row.landing_hour].items())),
            unread_by_field=dict(sorted(unread[row.landing_hour].items())),
            received_by_event_hour={
                parse_hour_key(key): count for key, count in sorted(by_event_hour[row.landing_hour].items())
            },
        )
        for row in noted
        if row.landing_hour in hours
    ]


def _counted(rows: DataFrame, what: Column) -> defaultdict[datetime, Counter[str]]:
    counted: defaultdict[datetime, Counter[str]] = defaultdict(Counter)
    key = F.date_format("landing_hour", HOUR_KEY_PATTERN).alias("hour_key")
    for row in rows.groupBy(key, what.alias("what")).count().collect():
        counted[parse_hour_key(row.hour_key)][row.what] = row["count"]
    return counted


#: Hours that are made in one go, so that a run that is killed has not done all of it in vain: a week.
HOURS_AT_ONCE: Final = 7 * 24


@dataclass(frozen=True, kw_only=True)
class Rebuilt:
    """What was made: landing hours from raw, landing hours whose raw is gone (rows taken out), and what is behind.

    That is counted by the stage's name in `computed`; `problems` name event hours that could not be made again.
    """

    landing_hours: int
    corrected_hours: int
    computed: Counter[str]
    problems: tuple[str, ...]

    def __add__(self, later: "Rebuilt") -> "Rebuilt":
        return Rebuilt(
            landing_hours=self.landing_hours + later.landing_hours,
            corrected_hours=self.corrected_hours + later.corrected_hours,
            computed=self.computed + later.computed,
            problems=later.problems,
        )


def rebuild(lake: Lake, users: SoughtUsers, more: Collection[datetime], settled_before: datetime) -> Rebuilt:
    """Bring every table up to date with the rewritten raw objects; `settled_before` as in `LandingRules`.

    Landing hours that hold the users, or whose raw objects are not those of the ledger, are found; `more` are others
    whose raw objects were rewritten.
    """
    found = users_rows(lake, users)
    changed = found.without_line.hours | outdated_hours(lake) | set(more)
    written = _transform(lake, sorted(found.hours | changed), settled_before)
    left = sorted(users_rows(lake, users).hours) if found.hours else []
    for hours in _portions(left):
        progress(f"taking rows out of {len(hours)} landing hours whose raw objects are gone")
        delete_rows(lake, hours, users)
    problems: list[str] = []
    bounds = _landed_bounds(lake)
    computed: Counter[str] = Counter()
    if bounds is not None:
        computed[EVENT_HOURS.name] = _make_event_hours(lake, *bounds, problems)
        computed += _make_later(lake, *bounds)
    return Rebuilt(
        landing_hours=written,
        corrected_hours=len(left),
        computed=computed,
        problems=tuple(problems),
    )


def _transform(lake: Lake, hours: Sequence[datetime], settled_before: datetime) -> int:
    """Transform the hours that changed and whose objects are all there; return how many these were."""
    rules = LandingRules(settled_before=settled_before, allow_open_hour=True)
    written = 0
    for portion in _portions(hours):
        progress(f"transforming {len(portion)} landing hours again, where their raw objects changed")
        todo = list(portion)
        while todo:
            try:
                written += len(transform_landing_hours(lake, todo, rules).written)
                break
            except MissingObjectsError as missing:
                todo = [hour for hour in todo if hour not in missing.hours]
    return written


def _make_event_hours(lake: Lake, start: datetime, end: datetime, problems: list[str]) -> int:
    """Make every event hour that is stale; one whose input is half done, or does not add up, is left out, and named.

    Those that a data check holds back are made as well: they may hold a user.
    """

    def left_out(refused: UnsettledInputError | LedgerImbalanceError) -> None:
        named = " ".join(map(hour_key, sorted(refused.hours)))
        problems.append(f"event hours {named} were not made again: {refused}")

    made = 0
    for portion in _portions(stale_between(lake, EVENT_HOURS, *EVENT_HOURS.fed_by_landing(start, end))):
        made += len(aggregate_possible_hours(lake, portion, refused=left_out).written)
    return made


def _make_later(lake: Lake, start: datetime, end: datetime) -> Counter[str]:
    """Make every day that is stale, and what is made from it; what nobody made yet is left to its own run."""
    made: Counter[str] = Counter()
    for stage, job in LATER_JOBS.items():
        inputs, stored = known_inputs(lake, stage, *stage.fed_by_landing(start, end))
        stale = [key for key in stale_keys(inputs, stored.values()) if key in stored]
        if stale:
            progress(f"making {len(stale)} {stage.title}s again")
            made[stage.name] = len(job(lake, stale).written)
    return made


def _landed_bounds(lake: Lake) -> tuple[datetime, datetime] | None:
    """Return `[first, end)` of the landing hours that the ledger knows."""
    key = F.date_format("landing_hour", HOUR_KEY_PATTERN)
    ledger = lake.read(LANDING_LEDGER)
    (row,) = ledger.agg(F.min(key).alias("first"), F.max(key).alias("last")).collect()
    return None if row["first"] is None else (parse_hour_key(row["first"]), parse_hour_key(row["last"]) + HOUR)


def _portions(hours: Collection[datetime]) -> Iterator[list[datetime]]:
    ordered = list(hours)
    for start in range(0, len(ordered), HOURS_AT_ONCE):
        yield ordered[start : start + HOURS_AT_ONCE]
