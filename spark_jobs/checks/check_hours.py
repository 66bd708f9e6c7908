"""Hours and days that a run has just written → their rows of `data_checks`, committed before their rows of the ledger.

A reader that finds an hour in the ledger finds its checks, and knows by the `input_version` that they are of that run.
A check that does not hold fails no job: it stops the hour from being published, or warns, which is up to the reader.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime

from contracts.data_checks import DAY_CHECKS, EVENT_HOUR_CHECKS, LANDING_HOUR_CHECKS, CheckResult, Stage, judge
from contracts.ledger import UNFINISHED, DayRow, EventRow, LandingLedgerRow
from contracts.partitions import start_of_day
from contracts.tables import DATA_CHECKS, EVENT_LEDGER, LANDING_LEDGER
from spark_jobs.checks import figures
from spark_jobs.checks.file_figures import file_figures
from spark_jobs.lake.revision import Revision, TablePart


def check_landing_hours(base: Revision, rows: Collection[LandingLedgerRow]) -> list[CheckResult]:
    """Check landing hours whose tables are written, and note the results."""
    if not rows:
        return []
    hours = [row.landing_hour for row in rows]
    files = file_figures(base.lake, figures.LANDING_MEASURED, hours)
    known = figures.read_volumes(base.lake, LANDING_LEDGER, "lines", hours)
    volumes = {**known, **{row.landing_hour: row.lines for row in rows}}
    results = [
        result
        for row in rows
        for result in judge(
            LANDING_HOUR_CHECKS,
            figures.landing_figures(row, files, volumes),
            checked_from=row.landing_hour,
            input_version=row.input_version,
        )
    ]
    write_results(base, results, stage=Stage.LANDING_HOUR, hours=hours)
    return results


def check_event_hours(
    base: Revision,
    rows: Collection[EventRow],
    *,
    of_hour_before: Mapping[datetime, int],
    hours: Collection[datetime],
) -> list[CheckResult]:
    """Check event hours whose tables are written, and note the results: those of `hours` without a row have none.

    `of_hour_before` counts, by hour, the events whose `click_id` the hour before has as well.
    """
    written = [row.event_hour for row in rows]
    files = file_figures(base.lake, figures.EVENT_HOUR_MEASURED, written) if rows else {}
    known = figures.read_volumes(base.lake, EVENT_LEDGER, "clean", written) if rows else {}
    volumes = {**known, **{row.event_hour: row.clean for row in rows}}
    results = [
        result
        for row in rows
        for result in judge(
            EVENT_HOUR_CHECKS,
            figures.event_hour_figures(row, files, volumes, of_hour_before.get(row.event_hour, 0)),
            checked_from=row.event_hour,
            input_version=row.input_version,
        )
    ]
    write_results(base, results, stage=Stage.EVENT_HOUR, hours=hours)
    return results


def check_days(
    base: Revision, rows: Collection[DayRow], *, clean: Mapping[date, int], known: Iterable[DayRow]
) -> list[CheckResult]:
    """Check days whose tables are written, and note the results.

    `clean` are the clean events of each day's hours, `known` the ledger's rows of the weeks before.
    """
    if not rows:
        return []
    starts = [start_of_day(row.day) for row in rows]
    files = file_figures(base.lake, figures.DAY_MEASURED, starts)
    volumes = {start_of_day(row.day): row.events for row in (*known, *rows) if row.events_version != UNFINISHED}
    results = [
        result
        for row in rows
        for result in judge(
            DAY_CHECKS,
            figures.day_check_figures(row, clean[row.day], files, volumes),
            checked_from=start_of_day(row.day),
            input_version=row.input_version,
        )
    ]
    write_results(base, results, stage=Stage.DAY, hours=starts)
    return results


def write_results(base: Revision, results: Iterable[CheckResult], *, stage: Stage, hours: Collection[datetime]) -> None:
    """Replace the results of one stage of certain hours; results of other stages belong to other runs."""
    tuples = [
        (
            result.checked_from,
            result.stage.value,
            result.check_name,
            result.severity.value,
            result.passed,
            None if result.observed is None else float(result.observed),
            result.expected,
            result.detail,
            result.input_version,
        )
        for result in results
    ]
    files = base.lake.write_rows(DATA_CHECKS, tuples)
    base.replace(DATA_CHECKS, files, hours, part=TablePart(column="stage", value=stage.value))
