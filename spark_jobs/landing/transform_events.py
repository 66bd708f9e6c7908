"""Job 1: the raw objects of landing hours → `received_events`, `rejected_events` and their rows of `landing_ledger`.

A set of hours is one job and one commit per table, not a loop. Each hour is a pure function of the objects under its
prefix, so a rerun gives the same rows. The data tables are committed first and the ledger last: a run that dies between
leaves the hour's version as it was, and so stale.

The objects are read once, and each line becomes a row of one of the two tables, in a file that the task itself writes
(docs/adr/003-judging-lines.md says why).
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

from contracts.data_checks import failed_checks
from contracts.ledger import LandingLedgerRow
from contracts.partitions import HOUR, hour_key
from contracts.tables import DATA_CHECKS, ERASED_USERS, LANDING_LEDGER, RECEIVED_EVENTS, REJECTED_EVENTS
from spark_jobs.checks.check_hours import check_landing_hours
from spark_jobs.errors import LedgerImbalanceError
from spark_jobs.lake.erased_users import read_erased_users
from spark_jobs.lake.evolution import ensure_tables
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.ledgers import read_ledger, write_ledger
from spark_jobs.lake.retries import retrying
from spark_jobs.lake.revision import Revision
from spark_jobs.landing.landing_plan import LandingHour, LandingRules, landing_plan
from spark_jobs.raw.lake_stores import raw_store
from spark_jobs.validation.object_lines import ObjectCounts
from spark_jobs.validation.objects import CountsByKey, write_validated
from spark_jobs.validation.privacy import Privacy
from storage.by_hour import landed_objects
from storage.object_store import ObjectStore

_TABLES = (RECEIVED_EVENTS, REJECTED_EVENTS, DATA_CHECKS, LANDING_LEDGER)

_Counted = TypeVar("_Counted", str, int)


@dataclass(frozen=True, kw_only=True)
class UnreadableObject:
    """An object that could not be read, and why."""

    key: str
    error: str


@dataclass(frozen=True, kw_only=True)
class TransformReport:
    """What a run did: the ledger's rows that it wrote, the hours that needed nothing, and objects it could not read."""

    written: tuple[LandingLedgerRow, ...] = ()
    unchanged: tuple[datetime, ...] = ()
    unreadable: tuple[UnreadableObject, ...] = ()

    def __add__(self, later: "TransformReport") -> "TransformReport":
        return TransformReport(
            written=self.written + later.written,
            unchanged=self.unchanged + later.unchanged,
            unreadable=self.unreadable + later.unreadable,
        )


def transform_landing_hours(lake: Lake, landing_hours: Collection[datetime], rules: LandingRules) -> TransformReport:
    """Bring the tables up to date with the raw objects of the hours.

    Raise `OpenHourError`, `MissingObjectsError`, `RawStoreError` or `LedgerImbalanceError`; nothing is noted in the
    ledger then.
    """
    ensure_tables(lake, (*_TABLES, ERASED_USERS))
    return retrying(lambda: _transform(lake, landing_hours, rules))


def _transform(lake: Lake, landing_hours: Collection[datetime], rules: LandingRules) -> TransformReport:
    base = Revision.of(lake, *_TABLES)
    store = raw_store(lake.raw_uri)
    landed, ledger = landed_objects(store, landing_hours), _ledger(lake, landing_hours)
    plan = landing_plan(landed, ledger, rules, lake.events)
    counts = _write_events(base, store, plan.transform)
    rows = (*(landing_ledger_row(hour, counts) for hour in plan.transform), *plan.settle)
    failed = failed_checks(check_landing_hours(base, rows))
    written = tuple(replace(row, failed_checks=failed[row.landing_hour]) for row in rows)
    write_ledger(base, LandingLedgerRow, written, [row.landing_hour for row in written])
    return TransformReport(written=written, unchanged=plan.unchanged, unreadable=_unreadable(counts))


def _ledger(lake: Lake, landing_hours: Collection[datetime]) -> Mapping[datetime, LandingLedgerRow]:
    if not landing_hours:
        return {}
    rows = read_ledger(lake, LandingLedgerRow, min(landing_hours), max(landing_hours) + HOUR)
    return {row.landing_hour: row for row in rows}


def _write_events(base: Revision, store: ObjectStore, landing_hours: Collection[LandingHour]) -> CountsByKey:
    """Replace the hours of both data tables, and return the counts of every object."""
    if not landing_hours:
        return {}
    lake = base.lake
    hours = [hour.landing_hour for hour in landing_hours]
    objects = [raw_object for hour in landing_hours for raw_object in hour.objects]
    erased = read_erased_users(lake) if objects else frozenset()
    privacy = Privacy(settings=lake.events, erased=erased)
    received, rejected = (lake.file_target(table) for table in (RECEIVED_EVENTS, REJECTED_EVENTS))
    judged = write_validated(lake.spark, store, objects, privacy, received=received, rejected=rejected)
    figures = _figures(judged.counts)
    for table, files, rows in (
        (RECEIVED_EVENTS, judged.received, figures["received"]),
        (REJECTED_EVENTS, judged.rejected, figures["rejected"] + figures["unreadable_objects"]),
    ):
        base.replace(table, files, hours, figures=figures)
        base.refuse_lost_rows(table, rows)
    return judged.counts


def _figures(counts: CountsByKey) -> dict[str, int]:
    """Return the run's figures, to stand in the snapshots' summaries as well."""
    every = counts.values()
    return {
        "lines": sum(counted.lines for counted in every),
        "received": sum(counted.received for counted in every),
        "rejected": sum(counted.rejected_by_reason.total() for counted in every),
        "unreadable_objects": sum(counted.unreadable is not None for counted in every),
    }


def _unreadable(counts: CountsByKey) -> tuple[UnreadableObject, ...]:
    return tuple(
        UnreadableObject(key=key, error=counted.unreadable)
        for key, counted in sorted(counts.items())
        if counted.unreadable is not None
    )


def landing_ledger_row(hour: LandingHour, counts: CountsByKey) -> LandingLedgerRow:
    """Return the row of an hour that was transformed; raise `LedgerImbalanceError` if a line or an object is lost."""
    objects = [_counted(hour, raw_object.key, counts) for raw_object in hour.objects]
    reasons = _sum(one.rejected_by_reason for one in objects)
    event_hours = _sum(one.event_hours for one in objects)
    row = LandingLedgerRow(
        landing_hour=hour.landing_hour,
        input_version=hour.input_version,
        settled=hour.settled,
        objects=tuple(raw_object.key for raw_object in hour.objects),
        unreadable_objects=sum(one.unreadable is not None for one in objects),
        bytes=sum(raw_object.size for raw_object in hour.objects),
        lines=sum(one.lines for one in objects),
        received=sum(one.received for one in objects),
        rejected=reasons.total(),
        rejected_by_reason=dict(sorted(reasons.items())),
        unread_by_field=dict(sorted(_sum(one.unread_by_field for one in objects).items())),
        received_by_event_hour={
            datetime.fromtimestamp(seconds, UTC): rows for seconds, rows in sorted(event_hours.items())
        },
    )
    _refuse_imbalance(row)
    return row


def _counted(hour: LandingHour, key: str, counts: CountsByKey) -> ObjectCounts:
    try:
        return counts[key]
    except KeyError:
        raise LedgerImbalanceError(f"{key} of landing hour {hour_key(hour.landing_hour)} was not read") from None


def _sum(counters: Iterable[Counter[_Counted]]) -> Counter[_Counted]:
    total: Counter[_Counted] = Counter()
    for counter in counters:
        total.update(counter)
    return total


def _refuse_imbalance(row: LandingLedgerRow) -> None:
    if row.lines != row.received + row.rejected:
        raise LedgerImbalanceError(
            f"landing hour {hour_key(row.landing_hour)} has {row.lines} lines, but {row.received} received "
            f"+ {row.rejected} rejected; nothing was noted in the ledger, so the hour stays stale"
        )
    if row.received != sum(row.received_by_event_hour.values()):
        raise LedgerImbalanceError(
            f"landing hour {hour_key(row.landing_hour)} received {row.received} events, but its event hours have "
            f"{sum(row.received_by_event_hour.values())}"
        )
