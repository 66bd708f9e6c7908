"""Job 3: a set of days → `sessions`, `user_days` and the daily tables of these days, from `clean_events`.

One computation for all of the days, one commit per table, the ledger last, and an order of reading that keeps a run
from replacing what was computed from later input: all as in `hourly.aggregate_hours`. It has two parts. The tables that
come from events are computed for the days whose events changed: for a late event its day and the one to each side. The
tables that also look back at the users of earlier days (new users, retention) are computed for these days and for each
later day that looks back at a day whose set of users is another now.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from typing import Final

from contracts.data_checks import failed_checks
from contracts.ledger import UNFINISHED, DayLedgerRow, EventRow
from contracts.partitions import (
    HOUR,
    day_key,
    day_number,
    day_of,
    days_between,
    hour_key,
    hour_of_ordinal,
    hours_between,
    hours_of_day,
    start_of_day,
)
from contracts.tables import (
    CLEAN_EVENTS,
    DAILY_FUNNEL,
    DAILY_RETENTION,
    DAILY_TRAFFIC,
    DATA_CHECKS,
    DAY_LEDGER,
    HOURLY_TRAFFIC,
    USER_DAYS,
    Table,
)
from contracts.versions import days_looked_back_at, event_hours_feeding
from spark_jobs.checks.check_hours import check_days
from spark_jobs.daily.cohort_task import run_cohort_tasks
from spark_jobs.daily.computed_days import run_day_tasks
from spark_jobs.daily.daily_tables import (
    DayFigures,
    DaySessions,
    DayTraffic,
    Row,
    funnel_rows,
    retention_rows,
    traffic_by_day,
    traffic_rows,
)
from spark_jobs.daily.day_plan import DayPlan, read_ledgers
from spark_jobs.daily.day_task import DAY_TABLES
from spark_jobs.errors import LedgerImbalanceError, UnsettledInputError
from spark_jobs.lake.data_files import DataFile
from spark_jobs.lake.duckdb_tasks import StoredFiles, by_partition, rows_in
from spark_jobs.lake.filters import between, partitions_of_days
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.ledgers import Aggregated, write_ledger
from spark_jobs.lake.retries import TRIES, retrying
from spark_jobs.lake.revision import Revision
from spark_jobs.lake.table_files import StoredFile
from spark_jobs.progress import progress

TARGETS: Final = (*DAY_TABLES, DAILY_FUNNEL, DAILY_TRAFFIC, DAILY_RETENTION, DATA_CHECKS, DAY_LEDGER)

_NAMED_AT_MOST: Final = 10


DayAggregation = Aggregated[date, DayLedgerRow]


def aggregate_days(
    lake: Lake,
    days: Iterable[date],
    *,
    force: bool = False,
    hold_back: bool = False,
    leave: Collection[date] = (),
    tries: int = TRIES,
) -> DayAggregation:
    """Compute the days, the known days beside them, and the later days that they change: what is stale, or forced.

    Days beside that are held back by a data check are left, and those to `leave`; with `hold_back`, as for days that no
    person has named, so are those asked for that a check holds back.

    Raise `LedgerImbalanceError` if a day's users have not the events of its hours (then nothing was written), and a
    `ConflictError` if other runs were faster `tries` times, or the input was between two commits all the time, or a
    `DataFileError` if a file that is read is gone.
    """
    wanted = sorted(set(days))
    if not wanted:
        return DayAggregation()
    return retrying(lambda: _aggregate(lake, wanted, force=force, hold_back=hold_back, leave=leave), tries=tries)


def _aggregate(
    lake: Lake, wanted: Sequence[date], *, force: bool, hold_back: bool, leave: Collection[date]
) -> DayAggregation:
    base = Revision.of(lake, *TARGETS)
    ledgers = read_ledgers(lake, wanted)
    run = _Run(base=base, ledgers=ledgers)
    todo = [day for day in ledgers.days_to_compute(force=force) if day in wanted or day not in leave]
    held_back = ledgers.held_back(todo, also_asked_for=hold_back)
    days = [day for day in todo if day not in held_back]
    computed = run.replace_event_tables(days) if days else {}
    refreshed = ledgers.days_to_refresh(run.ledger_rows(computed))
    rows = run.refresh_lookback_tables(computed, refreshed) if computed or refreshed else {}
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
    ledgers: DayPlan

    def replace_event_tables(self, days: Sequence[date]) -> dict[date, DayFigures]:
        """Replace the tables that come from events; return what each of the days came to."""
        files = self._clean_files(days)
        progress(f"computing {len(days)} days")
        computed = run_day_tasks(self.base.lake, days, files)
        figures = {day: computed.figures.get(day, DayFigures()) for day in days}
        self._refuse_lost_events(figures)
        noted = _figures(self.ledger_rows(figures).values())
        self._note_new_days([day for day in days if day not in self.ledgers.stored])
        for table in DAY_TABLES:
            self._replace(table, computed.files[table], days, noted)
        self._replace(DAILY_FUNNEL, self._written(DAILY_FUNNEL, funnel_rows(figures)), days, noted)
        return figures

    def refresh_lookback_tables(
        self, computed: Mapping[date, DayFigures], refreshed: Collection[date]
    ) -> dict[date, DayLedgerRow]:
        """Replace the tables that also look at the days before, then the ledger's rows; return these."""
        lake = self.base.lake
        rows = self.ledger_rows(computed) | {day: self.ledgers.stored[day] for day in refreshed}
        days = sorted(rows)
        noted = _figures(rows.values())
        of_days = partitions_of_days(HOURLY_TRAFFIC.partitions[0], days)
        hours = lake.rows(HOURLY_TRAFFIC, of_days, "event_hour", *_fields(DayTraffic))
        traffic = traffic_by_day(hours)
        check_traffic({day: row.events for day, row in rows.items()}, traffic)
        users = run_cohort_tasks(lake, self._user_day_files(days))
        sessions = {day: figures.sessions for day, figures in computed.items()} | self._stored_sessions(refreshed)
        rows_of_traffic = traffic_rows(users, sessions, traffic, days)
        self._replace(DAILY_TRAFFIC, self._written(DAILY_TRAFFIC, rows_of_traffic), days, noted)
        self._replace(DAILY_RETENTION, self._written(DAILY_RETENTION, retention_rows(users, days)), days, noted)
        inputs = self.ledgers.inputs(rows)
        current = {day: replace(row, input_version=inputs[day].input_version) for day, row in rows.items()}
        clean = {day: inputs[day].rows for day in current}
        ids = self.ledgers.repeated_ids(current)
        results = check_days(
            self.base, list(current.values()), clean=clean, ids=ids, known=self.ledgers.stored.values()
        )
        failed = failed_checks(results)
        checked = {day: replace(row, failed_checks=failed[start_of_day(day)]) for day, row in current.items()}
        write_ledger(self.base, DayLedgerRow, list(checked.values()), days, figures=noted)
        return checked

    def _clean_files(self, days: Sequence[date]) -> StoredFiles:
        """Return the files of the days and of one day to each side, by day, all of one snapshot that was checked."""
        lake = self.base.lake
        hours = sorted({hour for day in days for hour in hours_between(*event_hours_feeding(day))})
        by_hour = by_partition(lake.files(CLEAN_EVENTS, between("event_time", hours[0], hours[-1] + HOUR)))
        check_clean(self.ledgers.events, {hour_of_ordinal(hour): rows_in(by_hour, hour) for hour in by_hour}, hours)
        by_day: defaultdict[int, list[StoredFile]] = defaultdict(list)
        for hour, files in by_hour.items():
            by_day[day_number(day_of(hour_of_ordinal(hour)))] += files
        return by_day

    def _user_day_files(self, days: Sequence[date]) -> StoredFiles:
        """Return the files of the users of the days and of all days that these look back at."""
        seen = {seen for day in days for seen in (day, *days_between(*days_looked_back_at(day)))}
        return by_partition(self.base.lake.files(USER_DAYS, partitions_of_days(USER_DAYS.partitions[0], seen)))

    def _stored_sessions(self, days: Collection[date]) -> dict[date, DaySessions]:
        """Return the sessions of days whose events, and so whose sessions, are the same."""
        if not days:
            return {}
        of_days = partitions_of_days(DAILY_TRAFFIC.partitions[0], days)
        stored = self.base.lake.rows(DAILY_TRAFFIC, of_days, "day", *_fields(DaySessions))
        return {row.pop("day"): DaySessions(**row) for row in stored}

    def _refuse_lost_events(self, figures: Mapping[date, DayFigures]) -> None:
        inputs = self.ledgers.inputs()
        wrong = [day for day, found in figures.items() if found.events != inputs[day].rows]
        if wrong:
            named = "; ".join(
                f"{day_key(day)}: {inputs[day].rows} clean events, {figures[day].events} of its users" for day in wrong
            )
            raise LedgerImbalanceError(f"the users of a day have not its events, so nothing was written: {named}")

    def ledger_rows(self, computed: Mapping[date, DayFigures]) -> dict[date, DayLedgerRow]:
        """Return the ledger's rows of days, without their `input_version`."""
        inputs = self.ledgers.inputs()
        return {
            day: DayLedgerRow(
                day=day,
                input_version=UNFINISHED,
                events_version=inputs[day].source_version,
                events=found.events,
                users=found.users,
                sessions=found.session_rows,
                users_fingerprint=found.users_fingerprint,
                id_sample=found.ids.stored() if found.ids else None,
            )
            for day, found in computed.items()
        }

    def _note_new_days(self, days: Collection[date]) -> None:
        """Give days that the ledger does not know yet a row, before they have any in another table.

        If the run dies, and a day then loses all of its events, the ledger still knows that there are rows to remove.
        """
        if days:
            unfinished = [
                DayLedgerRow(
                    day=day,
                    input_version=UNFINISHED,
                    events_version=UNFINISHED,
                    events=0,
                    users=0,
                    sessions=0,
                    users_fingerprint="",
                )
                for day in days
            ]
            write_ledger(self.base, DayLedgerRow, unfinished, days, figures=_figures(unfinished))

    def _written(self, table: Table, rows: Sequence[Row]) -> list[DataFile]:
        return self.base.lake.write_rows(table, rows)

    def _replace(
        self, table: Table, files: Collection[DataFile], days: Sequence[date], figures: Mapping[str, int]
    ) -> None:
        progress(f"replacing {len(days)} days of {table.name}")
        self.base.replace_days(table, files, days, figures=figures)


def _figures(rows: Collection[DayLedgerRow]) -> Mapping[str, int]:
    """Return what the snapshots of the tables note of the run."""
    return {
        "events": sum(row.events for row in rows),
        "user_days": sum(row.users for row in rows),
        "sessions": sum(row.sessions for row in rows),
    }


def _fields(row_type: type) -> list[str]:
    return [field.name for field in fields(row_type)]


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


def check_traffic(events: Mapping[date, int], traffic: Mapping[date, DayTraffic]) -> None:
    """Raise `UnsettledInputError` unless `hourly_traffic` has as many events of each day as the day's users have."""
    counted = {day: traffic.get(day, DayTraffic()).events for day in events}
    differing = [day for day, expected in events.items() if counted[day] != expected]
    if differing:
        named = ", ".join(
            f"{day_key(day)} has {counted[day]}, counted {events[day]}" for day in differing[:_NAMED_AT_MOST]
        )
        raise UnsettledInputError(
            f"hourly_traffic and clean_events disagree in {len(differing)} days ({named}); an aggregation of their "
            "event hours is still running, or died: run it again",
            hours=[hour for day in differing for hour in hours_of_day(day)],
        )
