"""A set of days → `sessions`, `user_days` and the daily tables of these days, made again from `clean_events`.

One computation for all of the days, one commit per table, the ledger last, and an order of reading that keeps a run
from replacing what was made from later input: all as in `hourly.aggregate_hours`. It has two parts. What comes from
events is made for the days whose events changed: for a late event its day and the one to each side. What is told by who
was there before (new users, retention) is made for these and for each later day that looks back at a day whose set of
users is another now.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.data_checks import failed_checks
from contracts.ledger import UNFINISHED, DayRow
from contracts.names import LakeLocation
from contracts.partitions import day_key, days_between, hours_between, start_of_day
from contracts.tables import (
    CLEAN_EVENTS,
    DAILY_FUNNEL,
    DAILY_PRODUCT_STATS,
    DAILY_RETENTION,
    DAILY_TRAFFIC,
    DATA_CHECKS,
    DAY_LEDGER,
    HOURLY_TRAFFIC,
    SESSIONS,
    USER_DAYS,
    Table,
)
from contracts.versions import days_looked_back_at, event_hours_feeding
from spark_jobs.checks.check_hours import check_days
from spark_jobs.daily.clean_counts import check_clean, check_traffic
from spark_jobs.daily.cohorts import daily_retention, users_by_cohort
from spark_jobs.daily.daily_funnel import daily_funnel
from spark_jobs.daily.daily_product_stats import daily_product_stats
from spark_jobs.daily.daily_traffic import daily_traffic
from spark_jobs.daily.day_figures import DayFigures, day_figures
from spark_jobs.daily.days_to_make import DayLedgers, read_ledgers
from spark_jobs.daily.session_days import days_of_users, session_days, sessions, user_days
from spark_jobs.errors import LedgerImbalanceError
from spark_jobs.progress import progress
from spark_jobs.tables.commit_files import replace_days
from spark_jobs.tables.data_files import DataFile
from spark_jobs.tables.day_ledger import write_day_rows
from spark_jobs.tables.hour_filters import in_days, in_hour_partitions
from spark_jobs.tables.iceberg_table import current_snapshot
from spark_jobs.tables.partition_counts import rows_by_event_hour
from spark_jobs.tables.retries import TRIES, retrying
from spark_jobs.tables.run_notes import run_note
from spark_jobs.tables.schemas import column_names
from spark_jobs.tables.table_rows import rows_as_of
from spark_jobs.tables.write_files import files_of_frame, files_of_rows

TARGETS: Final = (
    SESSIONS,
    USER_DAYS,
    DAILY_FUNNEL,
    DAILY_PRODUCT_STATS,
    DAILY_TRAFFIC,
    DAILY_RETENTION,
    DATA_CHECKS,
    DAY_LEDGER,
)

#: A few dozens a day, however many users there are.
_FEW_ROWS: Final = (DAILY_FUNNEL, DAILY_TRAFFIC, DAILY_RETENTION)


@dataclass(frozen=True, kw_only=True)
class DayAggregation:
    """What a run did: ledger rows of the days made from their events, and of the later ones that were told again.

    `unchanged` are the days asked for whose input had not changed, or that never had an event; `held_back` those that
    were left, since a data check failed in an event hour that they would be made from.
    """

    made: tuple[DayRow, ...] = ()
    told_again: tuple[DayRow, ...] = ()
    unchanged: tuple[date, ...] = ()
    held_back: tuple[date, ...] = ()


def aggregate_days(
    spark: SparkSession,
    lake: LakeLocation,
    days: Iterable[date],
    *,
    force: bool = False,
    hold_back: bool = False,
    tries: int = TRIES,
) -> DayAggregation:
    """Make the days, the known days beside them, and the later days that they change: what is stale, or forced.

    Days beside that are held back by a data check are left; with `hold_back`, as for days that no person has named, so
    are those asked for.

    Raise `LedgerImbalanceError` if a day's users have not the events of its hours (then nothing was written), and a
    `ConflictError` if other runs were faster `tries` times, or the input was between two commits all the time, or a
    `DataFileError` if a file that is read is gone.
    """
    wanted = sorted(set(days))
    if not wanted:
        return DayAggregation()
    return retrying(lambda: _aggregate(spark, lake, wanted, force=force, hold_back=hold_back), tries=tries)


def _aggregate(
    spark: SparkSession, lake: LakeLocation, wanted: Sequence[date], *, force: bool, hold_back: bool
) -> DayAggregation:
    snapshots = {table: current_snapshot(spark, lake, table) for table in TARGETS}
    ledgers = read_ledgers(spark, lake, wanted)
    run = _Run(spark=spark, lake=lake, snapshots=snapshots, ledgers=ledgers)
    todo = ledgers.days_to_make(force=force)
    held_back = ledgers.held_back(todo, also_asked_for=hold_back)
    days = [day for day in todo if day not in held_back]
    made = run.make(days) if days else {}
    told_again = {day: ledgers.stored[day] for day in ledgers.days_to_tell_again(made)}
    rows = run.tell(made | told_again) if made or told_again else {}
    return DayAggregation(
        made=tuple(rows[day] for day in sorted(made)),
        told_again=tuple(rows[day] for day in sorted(told_again)),
        unchanged=tuple(day for day in wanted if day not in rows and day not in held_back),
        held_back=tuple(held_back),
    )


@dataclass(frozen=True, kw_only=True)
class _Run:
    """One attempt, with the snapshots of the targets from before the ledgers were read."""

    spark: SparkSession
    lake: LakeLocation
    snapshots: Mapping[Table, int | None]
    ledgers: DayLedgers
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def make(self, days: Sequence[date]) -> dict[date, DayRow]:
        """Make the tables that come from events; return the ledger's rows to be, without their `input_version`."""
        events = self._clean_events(days)
        progress(f"finding the sessions of {len(days)} days")
        parts = session_days(events, days).persist()
        try:
            of_users, of_sessions = days_of_users(parts, days), sessions(parts, days)
            rows = self._rows(day_figures(of_users, of_sessions, days))
            self._note_first_made([row for row in rows.values() if row.day not in self.ledgers.stored])
            note = self._note(rows.values())
            self._replace(SESSIONS, of_sessions, days, note)
            self._replace(USER_DAYS, user_days(of_users), days, note)
            self._replace(DAILY_FUNNEL, daily_funnel(of_users), days, note)
            self._replace(DAILY_PRODUCT_STATS, daily_product_stats(events, days), days, note)
        finally:
            parts.unpersist()
        return rows

    def tell(self, rows: Mapping[date, DayRow]) -> dict[date, DayRow]:
        """Make the tables that also look at the days before, then the ledger; return its rows."""
        days = sorted(rows)
        by_cohort = users_by_cohort(self._user_days_seen_from(days)).persist()
        try:
            traffic = self._of_days(HOURLY_TRAFFIC, days)
            check_traffic({day: row.events for day, row in rows.items()}, _events_by_day(traffic))
            own = by_cohort.where(F.col("day").isin(*days))
            daily, note = daily_traffic(own, self._of_days(SESSIONS, days), traffic), self._note(rows.values())
            self._replace(DAILY_TRAFFIC, daily, days, note)
            self._replace(DAILY_RETENTION, daily_retention(by_cohort, days), days, note)
        finally:
            by_cohort.unpersist()
        inputs = self.ledgers.inputs(rows)
        told = {day: replace(row, input_version=inputs[day].input_version) for day, row in rows.items()}
        results = check_days(
            self.spark,
            self.lake,
            list(told.values()),
            clean={day: inputs[day].events for day in told},
            known=self.ledgers.stored.values(),
            read_from=self.snapshots[DATA_CHECKS],
        )
        failed = failed_checks(results)
        checked = {day: replace(row, failed_checks=failed[start_of_day(day)]) for day, row in told.items()}
        self._write_ledger(checked.values())
        return checked

    def _clean_events(self, days: Sequence[date]) -> DataFrame:
        """Return the clean events of the days and of one day to each side, all from one snapshot that was checked."""
        hours = sorted({hour for day in days for hour in hours_between(*event_hours_feeding(day))})
        snapshot = current_snapshot(self.spark, self.lake, CLEAN_EVENTS)
        check_clean(
            self.ledgers.events, rows_by_event_hour(self.spark, self.lake, CLEAN_EVENTS, snapshot, hours), hours
        )
        events = rows_as_of(self.spark, self.lake, CLEAN_EVENTS, snapshot)
        return events.where(in_hour_partitions("event_time", hours))

    def _user_days_seen_from(self, days: Sequence[date]) -> DataFrame:
        seen = {seen for day in days for seen in (day, *days_between(*days_looked_back_at(day)))}
        return self._of_days(USER_DAYS, sorted(seen))

    def _of_days(self, table: Table, days: Sequence[date]) -> DataFrame:
        return self.spark.table(self.lake.table(table.name)).where(in_days(table.partitions[0], days))

    def _rows(self, figures: Mapping[date, DayFigures]) -> dict[date, DayRow]:
        inputs = self.ledgers.inputs()
        wrong = [day for day, found in figures.items() if found.events != inputs[day].events]
        if wrong:
            named = "; ".join(
                f"{day_key(day)}: {inputs[day].events} clean events, {figures[day].events} of its users"
                for day in wrong
            )
            raise LedgerImbalanceError(f"the users of a day have not its events, so nothing was written: {named}")
        return {
            day: DayRow(
                day=day,
                input_version=UNFINISHED,
                events_version=inputs[day].events_version,
                events=found.events,
                users=found.users,
                sessions=found.sessions,
                users_fingerprint=found.users_fingerprint,
            )
            for day, found in figures.items()
        }

    def _note_first_made(self, rows: Sequence[DayRow]) -> None:
        """Give days that the ledger does not know yet a row, before they have any elsewhere.

        If the run dies, and a day then loses all of its events, the ledger still knows that there are rows to remove.
        """
        if rows:
            self._write_ledger([_unfinished(row.day) for row in rows])

    def _write_ledger(self, rows: Collection[DayRow]) -> None:
        read_from, properties = self.snapshots[DAY_LEDGER], self._note(rows)
        write_day_rows(self.spark, self.lake, rows, read_from=read_from, properties=properties)

    def _note(self, rows: Collection[DayRow]) -> Mapping[str, str]:
        """Return what is noted in the snapshots of the tables."""
        return run_note(
            self.run_id,
            events=sum(row.events for row in rows),
            user_days=sum(row.users for row in rows),
            sessions=sum(row.sessions for row in rows),
        )

    def _replace(self, table: Table, frame: DataFrame, days: Sequence[date], note: Mapping[str, str]) -> None:
        progress(f"replacing {len(days)} days of {table.name}")
        replace_days(
            self.spark,
            self._files(table, frame),
            lake=self.lake,
            table=table,
            days=days,
            read_from=self.snapshots[table],
            properties=note,
        )

    def _files(self, table: Table, frame: DataFrame) -> list[DataFile]:
        if table in _FEW_ROWS:
            return files_of_rows(self.spark, self.lake, table, frame.select(*column_names(table)).collect())
        return files_of_frame(frame, self.lake, table)


def _unfinished(day: date) -> DayRow:
    return DayRow(
        day=day,
        input_version=UNFINISHED,
        events_version=UNFINISHED,
        events=0,
        users=0,
        sessions=0,
        users_fingerprint="",
    )


def _events_by_day(hourly_traffic: DataFrame) -> dict[date, int]:
    days = hourly_traffic.groupBy(F.to_date("event_hour").alias("day")).agg(F.sum("events").alias("events"))
    return {row.day: row.events for row in days.collect()}
