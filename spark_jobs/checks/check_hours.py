"""Hours and days that a run has just made → their rows of `data_checks`, committed before their rows of the ledger.

So whoever finds an hour in the ledger finds its checks, and knows by the `input_version` that they are of that run. A
check that does not hold fails no job: it stops the hour from being published, or warns, which is the reader's to do.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime

from pyspark.sql import SparkSession

from contracts.data_checks import DAY_CHECKS, EVENT_HOUR_CHECKS, LANDING_HOUR_CHECKS, CheckResult, Stage, judge
from contracts.ledger import UNFINISHED, DayRow, EventRow
from contracts.names import LakeLocation
from contracts.partitions import start_of_day
from contracts.tables import DATA_CHECKS, EVENT_LEDGER, LANDING_LEDGER
from spark_jobs.checks import day_check_figures as of_days
from spark_jobs.checks import event_hour_figures as of_event_hours
from spark_jobs.checks import landing_figures as of_landing_hours
from spark_jobs.checks.file_figures import file_figures
from spark_jobs.checks.volume import read_volumes
from spark_jobs.tables.commit_files import replace_hours
from spark_jobs.tables.ledger import LandingLedgerRow
from spark_jobs.tables.replaced_hours import TablePart
from spark_jobs.tables.write_files import files_of_rows


def check_landing_hours(
    spark: SparkSession, lake: LakeLocation, rows: Collection[LandingLedgerRow], *, read_from: int | None
) -> list[CheckResult]:
    """Check landing hours whose tables are made, and note the results; `read_from` as in `replace_hours`."""
    if not rows:
        return []
    hours = [row.landing_hour for row in rows]
    files = file_figures(spark, lake, of_landing_hours.MEASURED, hours)
    known = read_volumes(spark, lake, LANDING_LEDGER, "lines", hours)
    volumes = {**known, **{row.landing_hour: row.lines for row in rows}}
    results = [
        result
        for row in rows
        for result in judge(
            LANDING_HOUR_CHECKS,
            of_landing_hours.landing_figures(row, files, volumes),
            checked_from=row.landing_hour,
            input_version=row.input_version,
        )
    ]
    write_results(spark, lake, results, stage=Stage.LANDING_HOUR, hours=hours, read_from=read_from)
    return results


def check_event_hours(
    spark: SparkSession,
    lake: LakeLocation,
    rows: Collection[EventRow],
    *,
    of_hour_before: Mapping[datetime, int],
    hours: Collection[datetime],
    read_from: int | None,
) -> list[CheckResult]:
    """Check event hours whose tables are made, and note the results: of `hours` those without a row have none.

    `of_hour_before` counts, by hour, the events whose `click_id` the hour before has as well.
    """
    made = [row.event_hour for row in rows]
    files = file_figures(spark, lake, of_event_hours.MEASURED, made) if rows else {}
    known = read_volumes(spark, lake, EVENT_LEDGER, "clean", made) if rows else {}
    volumes = {**known, **{row.event_hour: row.clean for row in rows}}
    results = [
        result
        for row in rows
        for result in judge(
            EVENT_HOUR_CHECKS,
            of_event_hours.event_hour_figures(row, files, volumes, of_hour_before.get(row.event_hour, 0)),
            checked_from=row.event_hour,
            input_version=row.input_version,
        )
    ]
    write_results(spark, lake, results, stage=Stage.EVENT_HOUR, hours=hours, read_from=read_from)
    return results


def check_days(
    spark: SparkSession,
    lake: LakeLocation,
    rows: Collection[DayRow],
    *,
    clean: Mapping[date, int],
    known: Iterable[DayRow],
    read_from: int | None,
) -> list[CheckResult]:
    """Check days whose tables are made, and note the results.

    `clean` are the clean events of each day's hours, `known` the ledger's rows of the weeks before.
    """
    if not rows:
        return []
    starts = [start_of_day(row.day) for row in rows]
    files = file_figures(spark, lake, of_days.MEASURED, starts)
    volumes = {start_of_day(row.day): row.events for row in (*known, *rows) if row.events_version != UNFINISHED}
    results = [
        result
        for row in rows
        for result in judge(
            DAY_CHECKS,
            of_days.day_check_figures(row, clean[row.day], files, volumes),
            checked_from=start_of_day(row.day),
            input_version=row.input_version,
        )
    ]
    write_results(spark, lake, results, stage=Stage.DAY, hours=starts, read_from=read_from)
    return results


def write_results(
    spark: SparkSession,
    lake: LakeLocation,
    results: Iterable[CheckResult],
    *,
    stage: Stage,
    hours: Collection[datetime],
    read_from: int | None,
) -> None:
    """Replace the results of one stage of certain hours; other stages of the same hours are other runs'."""
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
    replace_hours(
        spark,
        files_of_rows(spark, lake, DATA_CHECKS, tuples),
        lake=lake,
        table=DATA_CHECKS,
        hours=hours,
        read_from=read_from,
        part=TablePart(column="stage", value=stage.value),
    )
