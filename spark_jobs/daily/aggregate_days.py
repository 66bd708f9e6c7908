"""Job 3: a set of days → `sessions`, `user_days` and the daily tables of these days, from `clean_events`.

One computation for all of the days, one commit per table, the ledger last, and an order of reading that keeps a run
from replacing what was computed from later input: all as in `hourly.aggregate_hours`. It has two parts. The tables that
come from events are computed for the days whose events changed: for a late event its day and the one to each side. The
tables that also look back at the users of earlier days (new users, retention) are computed for these days and for each
later day that looks back at a day whose set of users is another now.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.data_checks import failed_checks
from contracts.ledger import UNFINISHED, DayRow, EventRow
from contracts.partitions import day_key, days_between, hour_key, hours_between, hours_of_day, start_of_day
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
from spark_jobs.daily.daily_tables import (
    DayFigures,
    daily_funnel,
    daily_product_stats,
    daily_retention,
    daily_traffic,
    day_figures,
    users_by_cohort,
)
from spark_jobs.daily.day_ledgers import DayLedgers, read_ledgers
from spark_jobs.daily.user_sessions import days_of_users, session_days, sessions, user_days
from spark_jobs.errors import LedgerImbalanceError, UnsettledInputError
from spark_jobs.lake.data_files import DataFile
from spark_jobs.lake.filters import in_hour_partitions
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.ledgers import rows_by_event_hour, write_ledger
from spark_jobs.lake.retries import TRIES, retrying
from spark_jobs.lake.revision import Revision
from spark_jobs.lake.types import column_names
from spark_jobs.progress import progress

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

#: These tables have a few dozen rows a day, however many users there are: the driver writes them.
_FEW_ROWS: Final = (DAILY_FUNNEL, DAILY_TRAFFIC, DAILY_RETENTION)

#: One task writes this many rows of users or sessions as quickly as several, and in fewer files.
_ROWS_PER_TASK: Final = 100_000

_NAMED_AT_MOST: Final = 10


@dataclass(frozen=True, kw_only=True)
class DayAggregation:
    """What a run did: ledger rows of the days computed from their events, and of the later ones that were refreshed.

    `unchanged` are the days asked for whose input had not changed, or that never had an event; `held_back` those that
    were left, since a data check failed in an event hour that they would be computed from.
    """

    written: tuple[DayRow, ...] = ()
    refreshed: tuple[DayRow, ...] = ()
    unchanged: tuple[date, ...] = ()
    held_back: tuple[date, ...] = ()


def aggregate_days(
    lake: Lake, days: Iterable[date], *, force: bool = False, hold_back: bool = False, tries: int = TRIES
) -> DayAggregation:
    """Compute the days, the known days beside them, and the later days that they change: what is stale, or forced.

    Days beside that are held back by a data check are left; with `hold_back`, as for days that no person has named, so
    are those asked for.

    Raise `LedgerImbalanceError` if a day's users have not the events of its hours (then nothing was written), and a
    `ConflictError` if other runs were faster `tries` times, or the input was between two commits all the time, or a
    `DataFileError` if a file that is read is gone.
    """
    wanted = sorted(set(days))
    if not wanted:
        return DayAggregation()
    return retrying(lambda: _aggregate(lake, wanted, force=force, hold_back=hold_back), tries=tries)


def _aggregate(lake: Lake, wanted: Sequence[date], *, force: bool, hold_back: bool) -> DayAggregation:
    base = Revision.of(lake, *TARGETS)
    ledgers = read_ledgers(lake, wanted)
    run = _Run(base=base, ledgers=ledgers)
    todo = ledgers.days_to_compute(force=force)
    held_back = ledgers.held_back(todo, also_asked_for=hold_back)
    days = [day for day in todo if day not in held_back]
    computed = run.replace_event_tables(days) if days else {}
    refreshed = {day: ledgers.stored[day] for day in ledgers.days_to_refresh(computed)}
    rows = run.refresh_lookback_tables(computed | refreshed) if computed or refreshed else {}
    return DayAggregation(
        written=tuple(rows[day] for day in sorted(computed)),
        refreshed=tuple(rows[day] for day in sorted(refreshed)),
        unchanged=tuple(day for day in wanted if day not in rows and day not in held_back),
        held_back=tuple(held_back),
    )


@dataclass(frozen=True, kw_only=True)
class _Run:
    """One attempt, whose revision began before the ledgers were read."""

    base: Revision
    ledgers: DayLedgers

    def replace_event_tables(self, days: Sequence[date]) -> dict[date, DayRow]:
        """Replace the tables that come from events; return the ledger's rows to be, without their `input_version`."""
        events = self._clean_events(days)
        progress(f"finding the sessions of {len(days)} days")
        parts = session_days(events, days).persist()
        try:
            users, starts = days_of_users(parts, days), sessions(parts, days)
            rows = self._rows(day_figures(users, starts, days))
            self._note_new_days([row for row in rows.values() if row.day not in self.ledgers.stored])
            figures = _figures(rows.values())
            self._replace(SESSIONS, _in_few_tasks(starts, figures["sessions"]), days, figures)
            self._replace(USER_DAYS, _in_few_tasks(user_days(users), figures["user_days"]), days, figures)
            self._replace(DAILY_FUNNEL, daily_funnel(users), days, figures)
            self._replace(DAILY_PRODUCT_STATS, daily_product_stats(events, days), days, figures)
        finally:
            parts.unpersist()
        return rows

    def refresh_lookback_tables(self, rows: Mapping[date, DayRow]) -> dict[date, DayRow]:
        """Replace the tables that also look at the days before, then the ledger's rows; return these."""
        lake, days, figures = self.base.lake, sorted(rows), _figures(rows.values())
        by_cohort = users_by_cohort(self._user_days_seen_from(days)).persist()
        try:
            traffic = lake.read_days(HOURLY_TRAFFIC, days)
            check_traffic({day: row.events for day, row in rows.items()}, _events_by_day(traffic))
            of_days = by_cohort.where(F.col("day").isin(*days))
            self._replace(DAILY_TRAFFIC, daily_traffic(of_days, lake.read_days(SESSIONS, days), traffic), days, figures)
            self._replace(DAILY_RETENTION, daily_retention(by_cohort, days), days, figures)
        finally:
            by_cohort.unpersist()
        inputs = self.ledgers.inputs(rows)
        current = {day: replace(row, input_version=inputs[day].input_version) for day, row in rows.items()}
        clean = {day: inputs[day].events for day in current}
        results = check_days(self.base, list(current.values()), clean=clean, known=self.ledgers.stored.values())
        failed = failed_checks(results)
        checked = {day: replace(row, failed_checks=failed[start_of_day(day)]) for day, row in current.items()}
        write_ledger(self.base, DayRow, list(checked.values()), days, figures=figures)
        return checked

    def _clean_events(self, days: Sequence[date]) -> DataFrame:
        """Return the clean events of the days and of one day to each side, all from one snapshot that was checked."""
        lake = self.base.lake
        hours = sorted({hour for day in days for hour in hours_between(*event_hours_feeding(day))})
        snapshot = lake.snapshot(CLEAN_EVENTS)
        check_clean(self.ledgers.events, rows_by_event_hour(lake, CLEAN_EVENTS, snapshot, hours), hours)
        return lake.read_as_of(CLEAN_EVENTS, snapshot).where(in_hour_partitions("event_time", hours))

    def _user_days_seen_from(self, days: Sequence[date]) -> DataFrame:
        seen = {seen for day in days for seen in (day, *days_between(*days_looked_back_at(day)))}
        return self.base.lake.read_days(USER_DAYS, seen)

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

    def _note_new_days(self, rows: Sequence[DayRow]) -> None:
        """Give days that the ledger does not know yet a row, before they have any in another table.

        If the run dies, and a day then loses all of its events, the ledger still knows that there are rows to remove.
        """
        if rows:
            unfinished = [_unfinished(row.day) for row in rows]
            write_ledger(self.base, DayRow, unfinished, [row.day for row in rows], figures=_figures(unfinished))

    def _replace(self, table: Table, frame: DataFrame, days: Sequence[date], figures: Mapping[str, int]) -> None:
        progress(f"replacing {len(days)} days of {table.name}")
        self.base.replace_days(table, self._files(table, frame), days, figures=figures)

    def _files(self, table: Table, frame: DataFrame) -> list[DataFile]:
        lake = self.base.lake
        if table in _FEW_ROWS:
            return lake.write_rows(table, frame.select(*column_names(table)).collect())
        return lake.write_frame(table, frame)


def _in_few_tasks(frame: DataFrame, rows: int) -> DataFrame:
    """Return a frame in no more tasks than its rows are worth: each task writes a file of its own for every day."""
    return frame.coalesce(max(rows // _ROWS_PER_TASK, 1))


def _figures(rows: Collection[DayRow]) -> Mapping[str, int]:
    """Return what the snapshots of the tables note of the run."""
    return {
        "events": sum(row.events for row in rows),
        "user_days": sum(row.users for row in rows),
        "sessions": sum(row.sessions for row in rows),
    }


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


def check_clean(noted: Iterable[EventRow], counted: Mapping[datetime, int], hours: Iterable[datetime]) -> None:
    """Raise `UnsettledInputError` unless each of the hours has as many clean events as the event ledger says."""
    clean = {row.event_hour: row.clean for row in noted}
    differing = [hour for hour in hours if counted.get(hour, 0) != clean.get(hour, 0)]
    if differing:
        named = ", ".join(
            f"{hour_key(hour)} has {counted.get(hour, 0)}, noted {clean.get(hour, 0)}"
            for hour in differing[:_NAMED_AT_MOST]
        )
        raise UnsettledInputError(
            f"clean_events and event_ledger disagree in {len(differing)} event hours ({named}); an aggregation of them "
            "is still running, or died: run it again",
            hours=differing,
        )


def check_traffic(events: Mapping[date, int], counted: Mapping[date, int]) -> None:
    """Raise `UnsettledInputError` unless `hourly_traffic` has as many events of each day as the day's users have."""
    differing = [day for day, expected in events.items() if counted.get(day, 0) != expected]
    if differing:
        named = ", ".join(
            f"{day_key(day)} has {counted.get(day, 0)}, counted {events[day]}" for day in differing[:_NAMED_AT_MOST]
        )
        raise UnsettledInputError(
            f"hourly_traffic and clean_events disagree in {len(differing)} days ({named}); an aggregation of their "
            "event hours is still running, or died: run it again",
            hours=[hour for day in differing for hour in hours_of_day(day)],
        )
