"""Job 1: the raw objects of landing hours → `received_events`, `rejected_events` and their rows of `landing_ledger`.

A set of hours is one job and one commit per table, not a loop. Each hour is a pure function of the objects under its
prefix, so a rerun gives the same rows. The data tables are committed first and the ledger last: a run that dies between
leaves the hour's version as it was, and so stale.

The objects are read once, and each line becomes a row of one of the two tables, in a file that the task itself writes
(docs/adr/003-judging-lines.md says why).
"""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from pyspark.sql import SparkSession

from contracts.data_checks import failed_checks
from contracts.names import LakeLocation
from contracts.partitions import HOUR
from contracts.tables import DATA_CHECKS, ERASED_USERS, LANDING_LEDGER, RECEIVED_EVENTS, REJECTED_EVENTS
from spark_jobs.checks.check_hours import check_landing_hours
from spark_jobs.landing.landing_counts import landing_ledger_row
from spark_jobs.landing.landing_plan import LandingHour, LandingRules, landing_plan
from spark_jobs.raw.lake_stores import raw_store
from spark_jobs.tables.commit_files import replace_hours
from spark_jobs.tables.erased_users import read_erased_users
from spark_jobs.tables.iceberg_table import current_snapshot
from spark_jobs.tables.ledger import LandingLedgerRow, read_landing_rows, write_landing_rows
from spark_jobs.tables.retries import retrying
from spark_jobs.tables.run_notes import refuse_lost_rows, run_note
from spark_jobs.tables.table_evolution import ensure_tables
from spark_jobs.tables.write_files import file_target
from spark_jobs.validation.objects import CountsByKey, write_validated
from spark_jobs.validation.privacy import Privacy
from storage.by_hour import landed_objects
from storage.object_store import ObjectStore

_TABLES = (RECEIVED_EVENTS, REJECTED_EVENTS, DATA_CHECKS, LANDING_LEDGER, ERASED_USERS)


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


def transform_landing_hours(
    spark: SparkSession, lake: LakeLocation, landing_hours: Collection[datetime], rules: LandingRules
) -> TransformReport:
    """Bring the tables up to date with the raw objects of the hours.

    Raise `OpenHourError`, `MissingObjectsError`, `RawStoreError` or `LedgerImbalanceError`; nothing is noted in the
    ledger then.
    """
    ensure_tables(spark, lake, _TABLES)
    return retrying(lambda: _transform(spark, lake, landing_hours, rules))


@dataclass(frozen=True, kw_only=True)
class _Snapshots:
    """The tables' current snapshots from before the objects were listed."""

    received: int | None
    rejected: int | None
    checks: int | None
    ledger: int | None


def _transform(
    spark: SparkSession, lake: LakeLocation, landing_hours: Collection[datetime], rules: LandingRules
) -> TransformReport:
    snapshots = _Snapshots(
        received=current_snapshot(spark, lake, RECEIVED_EVENTS),
        rejected=current_snapshot(spark, lake, REJECTED_EVENTS),
        checks=current_snapshot(spark, lake, DATA_CHECKS),
        ledger=current_snapshot(spark, lake, LANDING_LEDGER),
    )
    store = raw_store(lake.raw_uri)
    ledger = _ledger(spark, lake, landing_hours)
    kept = lake.keep_ip_addresses
    plan = landing_plan(landed_objects(store, landing_hours), ledger, rules, keep_ip_addresses=kept)
    counts = _write_events(spark, lake, store, plan.transform, snapshots)
    rows = [landing_ledger_row(hour, counts) for hour in plan.transform]
    made = (*rows, *plan.settle)
    failed = failed_checks(check_landing_hours(spark, lake, made, read_from=snapshots.checks))
    written = tuple(replace(row, failed_checks=failed[row.landing_hour]) for row in made)
    write_landing_rows(spark, lake, written, read_from=snapshots.ledger)
    return TransformReport(written=written, unchanged=plan.unchanged, unreadable=_unreadable(counts))


def _ledger(
    spark: SparkSession, lake: LakeLocation, landing_hours: Collection[datetime]
) -> Mapping[datetime, LandingLedgerRow]:
    if not landing_hours:
        return {}
    rows = read_landing_rows(spark, lake, min(landing_hours), max(landing_hours) + HOUR)
    return {row.landing_hour: row for row in rows}


def _write_events(
    spark: SparkSession,
    lake: LakeLocation,
    store: ObjectStore,
    landing_hours: Collection[LandingHour],
    snapshots: _Snapshots,
) -> CountsByKey:
    """Replace the hours of both data tables, and return the counts of every object."""
    if not landing_hours:
        return {}
    hours = [hour.landing_hour for hour in landing_hours]
    objects = [raw_object for hour in landing_hours for raw_object in hour.objects]
    run_id = uuid.uuid4().hex
    erased = read_erased_users(spark, lake) if objects else frozenset()
    privacy = Privacy(erased=erased, keep_ip_addresses=lake.keep_ip_addresses)
    received, rejected = (file_target(spark, lake, table) for table in (RECEIVED_EVENTS, REJECTED_EVENTS))
    judged = write_validated(spark, store, objects, privacy, received=received, rejected=rejected)
    figures = _figures(judged.counts)
    note = run_note(run_id, **figures)
    for table, files, read_from, rows in (
        (RECEIVED_EVENTS, judged.received, snapshots.received, figures["received"]),
        (REJECTED_EVENTS, judged.rejected, snapshots.rejected, figures["rejected"] + figures["unreadable_objects"]),
    ):
        replace_hours(spark, files, lake=lake, table=table, hours=hours, read_from=read_from, properties=note)
        refuse_lost_rows(spark, lake, table, run_id=run_id, read_from=read_from, rows=rows)
    return judged.counts


def _figures(counts: CountsByKey) -> dict[str, int]:
    """Return the run's figures, to stand in the snapshots' summaries as well."""
    every = counts.values()
    return {
        "lines": sum(of_object.lines for of_object in every),
        "received": sum(of_object.received for of_object in every),
        "rejected": sum(of_object.rejected_by_reason.total() for of_object in every),
        "unreadable_objects": sum(of_object.unreadable is not None for of_object in every),
    }


def _unreadable(counts: CountsByKey) -> tuple[UnreadableObject, ...]:
    return tuple(
        UnreadableObject(key=key, error=of_object.unreadable)
        for key, of_object in sorted(counts.items())
        if of_object.unreadable is not None
    )
