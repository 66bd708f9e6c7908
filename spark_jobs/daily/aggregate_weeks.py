"""A set of weeks → `weekly_traffic` of these weeks, from `user_days` and `daily_traffic` of their days.

What counts events or sessions is a sum over days, and so are new users: a user is new at most once in a week. The
users of a week are no sum; tasks count them from the files of `user_days`. One commit per table, the ledger last, and
an order of reading that keeps a run from replacing what was computed from later input: all as in `aggregate_days`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from typing import Any, Final

from contracts.data_checks import VOLUME_WEEKS, Figure, failed_checks
from contracts.ledger import UNFINISHED, DayRow
from contracts.partitions import day_key, day_number, day_of_number, hours_of_day, start_of
from contracts.stages import DAYS, WEEKS, WeekRow
from contracts.tables import DAILY_TRAFFIC, DATA_CHECKS, USER_DAYS, Table
from contracts.tables.weekly import WEEK_LEDGER, WEEKLY_TRAFFIC
from spark_jobs.checks.check_hours import check_keys
from spark_jobs.checks.figures import volume_figure
from spark_jobs.checks.file_figures import NO_FILES, FiguresByHour
from spark_jobs.daily.daily_tables import known_sum
from spark_jobs.daily.day_queries import user_days
from spark_jobs.errors import UnsettledInputError
from spark_jobs.lake.data_files import local_copies
from spark_jobs.lake.duckdb_tasks import (
    Result,
    TaskShare,
    by_partition,
    dealt_out,
    duckdb_connection,
    run_tasks,
)
from spark_jobs.lake.filters import Condition, partitions_of_days
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.ledgers import Aggregated, known_inputs, read_ledger, write_ledger
from spark_jobs.lake.retries import TRIES, retrying
from spark_jobs.lake.revision import Revision
from spark_jobs.lake.table_files import StoredFile
from spark_jobs.lake.user_keys import UserKeys
from spark_jobs.progress import progress

WeekAggregation = Aggregated[date, WeekRow]

#: Columns of `daily_traffic` that are added up.
_SUMS: Final = (
    *("events", "new_users", "sessions", "converted_sessions"),
    *("purchases", "revenue", "refunds", "refunded", "purchases_in_other_currency"),
)
_USERS: Final = "users"
_NAMED_AT_MOST: Final = 10


def aggregate_weeks(
    lake: Lake, weeks: Iterable[date], *, force: bool = False, hold_back: bool = False, tries: int = TRIES
) -> WeekAggregation:
    """Compute the weeks, named by their Mondays, but those whose stored version is the current one, unless forced.

    With `hold_back`, as for weeks that no person has named, leave those that a failed data check holds back.

    Raise a `ConflictError` if other runs were faster `tries` times, or the input was between two commits all the time,
    or a `DataFileError` if a file that is read is gone.
    """
    wanted = sorted(set(weeks))
    if not wanted:
        return WeekAggregation()
    return retrying(lambda: _aggregate(lake, wanted, force=force, hold_back=hold_back), tries=tries)


def _aggregate(lake: Lake, wanted: Sequence[date], *, force: bool, hold_back: bool) -> WeekAggregation:
    base = Revision.of(lake, WEEKLY_TRAFFIC, DATA_CHECKS, WEEK_LEDGER)
    inputs, stored = known_inputs(lake, WEEKS, wanted[0] - VOLUME_WEEKS * WEEKS.step, wanted[-1] + WEEKS.step)
    changed = [
        week
        for week in wanted
        if week in inputs and (force or week not in stored or stored[week].input_version != inputs[week].input_version)
    ]
    held_back = [week for week in changed if hold_back and inputs[week].held_back]
    todo = {week: inputs[week].input_version for week in changed if week not in held_back}
    return WeekAggregation(
        written=_replace(base, todo, stored) if todo else (),
        unchanged=tuple(week for week in wanted if week not in changed),
        held_back=tuple(held_back),
    )


def _replace(base: Revision, versions: Mapping[date, str], stored: Mapping[date, WeekRow]) -> tuple[WeekRow, ...]:
    """Compute and commit the weeks, from the versions of their input; return their rows of the ledger."""
    lake, weeks = base.lake, list(versions)
    days = [day for week in weeks for day in DAYS.between(week, week + WEEKS.step)]
    progress(f"computing {len(weeks)} weeks")
    wanted = set(days)
    ledger = {row.day: row for row in read_ledger(lake, DayRow, days[0], days[-1] + DAYS.step) if row.day in wanted}
    daily = {row["day"]: row for row in lake.rows(DAILY_TRAFFIC, _in(DAILY_TRAFFIC, days), "day", *_SUMS)}
    check_daily_traffic(ledger.values(), daily)
    users = distinct_users(lake, days)
    rows = [
        WeekRow(
            week=week,
            input_version=version,
            events=sum(row.events for row in ledger.values() if WEEKS.at(row.day) == week),
            users=users[week],
            sessions=sum(row.sessions for row in ledger.values() if WEEKS.at(row.day) == week),
        )
        for week, version in versions.items()
    ]
    traffic = [
        _traffic_row(week, users[week], [of_day for day, of_day in daily.items() if WEEKS.at(day) == week])
        for week in weeks
        if users[week]
    ]
    figures = {"events": sum(row.events for row in rows)}
    new = [week for week in weeks if week not in stored]
    if new:  # if the run dies, and a week then loses all of its events, the ledger still knows that it had a row
        write_ledger(base, WeekRow, [replace(row, input_version=UNFINISHED) for row in rows if row.week in new], new)
    base.replace_days(WEEKLY_TRAFFIC, lake.write_rows(WEEKLY_TRAFFIC, traffic), weeks, figures=figures)
    check_figures = partial(_check_figures, ledger.values())
    results = check_keys(base, WEEKS, rows, check_figures, {WEEKLY_TRAFFIC: ()}, known=stored.values())
    failed = failed_checks(results)
    checked = tuple(replace(row, failed_checks=failed[start_of(row.week)]) for row in rows)
    write_ledger(base, WeekRow, checked, weeks, figures=figures)
    return checked


def _in(table: Table, days: Iterable[date]) -> Condition:
    return partitions_of_days(table.partitions[0], days)


def _traffic_row(week: date, users: int, days: Sequence[Mapping[str, Any]]) -> tuple[Any, ...]:
    """Return a week's row of `weekly_traffic`, from the rows of its days in `daily_traffic`."""
    sums: dict[str, Any] = {name: known_sum([day[name] for day in days]) for name in _SUMS}
    conversion = sums["converted_sessions"] / sums["sessions"] if sums["sessions"] else None
    values = {
        **sums,
        "week": week,
        "users": users,
        "returning_users": users - sums["new_users"],
        "conversion": conversion,
    }
    return tuple(values[column.name] for column in WEEKLY_TRAFFIC.columns)


def check_daily_traffic(ledger: Iterable[DayRow], daily: Mapping[date, Mapping[str, Any]]) -> None:
    """Raise `UnsettledInputError` unless `daily_traffic` has as many events of each day as the ledger says."""
    differing = [row.day for row in ledger if row.events != (daily[row.day]["events"] if row.day in daily else 0)]
    if differing:
        raise UnsettledInputError(
            f"daily_traffic and day_ledger disagree in {', '.join(map(day_key, differing[:_NAMED_AT_MOST]))}; an "
            "aggregation of these days is still running, or died: run it again",
            hours=[hour for day in differing for hour in hours_of_day(day)],
        )


def _check_figures(
    ledger: Iterable[DayRow], row: WeekRow, files: FiguresByHour, volumes: Mapping[datetime, int]
) -> Mapping[str, Figure]:
    """Return the figure of each check of a week; `ledger` are the rows of its days, among others."""
    of_days = sum(day.events for day in ledger if WEEKS.at(day.day) == row.week)
    written = files.get((WEEKLY_TRAFFIC.name, start_of(row.week)), NO_FILES).rows
    return {
        "events_lost": Figure(value=of_days - row.events, detail=f"{of_days} in its days, {row.events} in the week"),
        "rows_lost": Figure(value=bool(row.events) - written, detail=f"{row.events} events, {written} rows"),
        "events_of_usual": volume_figure(start_of(row.week), row.events, volumes),
    }


def distinct_users(lake: Lake, days: Iterable[date]) -> Counter[date]:
    """Return the distinct users of each week that has some of the days."""
    files: defaultdict[int, list[StoredFile]] = defaultdict(list)
    for day, of_day in by_partition(lake.files(USER_DAYS, _in(USER_DAYS, days))).items():
        files[day_number(WEEKS.at(day_of_number(day)))] += of_day
    cores = lake.spark.sparkContext.defaultParallelism
    batches = dealt_out(files, files, cores=cores)
    task = WeekTask(
        batches=tuple(tuple(file.location for week in batch for file in files[week]) for batch in batches),
        users=UserKeys(per_site=lake.events.ids_per_site),
        share=TaskShare.of(lake.spark, len(batches)),
    )
    found = run_tasks(lake.spark, len(batches), task.results)
    return Counter({row["week"]: row["users"] for row in found.rows(_USERS)})


@dataclass(frozen=True, kw_only=True)
class WeekTask:
    """What a Spark task needs, pickled into it: for each batch of weeks, the files of `user_days`."""

    batches: tuple[tuple[str, ...], ...]
    users: UserKeys
    share: TaskShare

    def results(self, number: int) -> Iterator[Result]:
        """Yield the distinct users of a batch's weeks."""
        with local_copies(self.batches[number]) as paths, duckdb_connection(self.share) as connection:
            counted = connection.execute(
                f"SELECT date_trunc('week', day)::DATE AS week, count(DISTINCT user_id) AS users "  # noqa: S608
                f"FROM {user_days(paths, self.users)} GROUP BY week"
            )
            yield _USERS, counted.to_arrow_table()
