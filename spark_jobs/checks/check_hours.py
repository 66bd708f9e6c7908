"""Hours and days that a run has just written → their rows of `data_checks`, committed before their rows of the ledger.

A reader that finds an hour in the ledger finds its checks, and knows by the `input_version` that they are of that run.
A check that does not hold fails no job: it stops the hour from being published, or warns, which is up to the reader.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from contracts.data_checks import CheckResult, Figure, judge
from contracts.ledger import UNFINISHED, DayRow, EventRow, LandingLedgerRow, Row
from contracts.partitions import start_of
from contracts.stages import DAYS, EVENT_HOURS, LANDING_HOURS, Stage
from contracts.tables import DATA_CHECKS, Table
from spark_jobs.checks import figures
from spark_jobs.checks.file_figures import FiguresByHour, file_figures
from spark_jobs.lake.revision import Revision, TablePart

#: A row of the ledger, the figures of its tables' files and the volumes of other weeks → the figure of each check.
FiguresOf = Callable[[Row, FiguresByHour, figures.Volumes], Mapping[str, Figure]]


def check_landing_hours(base: Revision, rows: Collection[LandingLedgerRow]) -> list[CheckResult]:
    """Check landing hours whose tables are written, and note the results."""
    return check_keys(base, LANDING_HOURS, rows, figures.landing_figures, figures.LANDING_MEASURED)


def check_event_hours(
    base: Revision,
    rows: Collection[EventRow],
    *,
    counts: Mapping[datetime, figures.HourCounts],
    hours: Collection[datetime],
) -> list[CheckResult]:
    """Check event hours whose tables are written, and note the results: those of `hours` without a row have none.

    `counts` are what the run counted in the hours that have events.
    """
    nothing = figures.HourCounts()

    def found(row: EventRow, files: FiguresByHour, volumes: figures.Volumes) -> Mapping[str, Figure]:
        counted = counts.get(row.event_hour, nothing)
        return {
            **figures.event_hour_figures(row, files, volumes, counted),
            **figures.currency_figures(counted.purchases, base.lake.events.currency),
        }

    return check_keys(base, EVENT_HOURS, rows, found, figures.EVENT_HOUR_MEASURED, emptied=hours)


def check_days(
    base: Revision,
    rows: Collection[DayRow],
    *,
    clean: Mapping[date, int],
    ids: Mapping[date, Figure],
    known: Iterable[DayRow],
) -> list[CheckResult]:
    """Check days whose tables are written, and note the results.

    `clean` are the clean events of each day's hours, `ids` what samples say of repeated ids, and `known` the ledger's
    rows of the weeks before.
    """

    def found(row: DayRow, files: FiguresByHour, volumes: figures.Volumes) -> Mapping[str, Figure]:
        return figures.day_check_figures(row, clean[row.day], ids[row.day], files, volumes)

    return check_keys(base, DAYS, rows, found, figures.DAY_MEASURED, known=known)


def check_keys(
    base: Revision,
    stage: Stage[Any, Any],
    rows: Collection[Row],
    figures_of: FiguresOf[Row],
    measured: Mapping[Table, Sequence[str]],
    *,
    known: Iterable[Row] | None = None,
    emptied: Collection[date] = (),
) -> list[CheckResult]:
    """Check what the ledger's rows describe, whose tables are written, and note the results.

    `measured` are the columns of which the figures ask the tables' files, `known` the ledger's rows of the weeks
    before, if they were read already. Keys of `emptied` without a row have no results afterwards.
    """
    starts = [start_of(row.key) for row in rows]
    results = []
    if rows:
        files = file_figures(base.lake, measured, starts)
        if known is None:
            volumes = figures.read_volumes(base.lake, stage.row_type.LEDGER, stage.volume, starts)
        else:
            finished = (row for row in known if row.input_version != UNFINISHED)
            volumes = {start_of(row.key): getattr(row, stage.volume) for row in finished}
        volumes = {**volumes, **{start_of(row.key): getattr(row, stage.volume) for row in rows}}
        results = [
            result
            for row in rows
            for result in judge(
                stage.checks,
                figures_of(row, files, volumes),
                stage=stage.name,
                checked_from=start_of(row.key),
                input_version=row.input_version,
            )
        ]
    if keys := {*starts, *map(start_of, emptied)}:
        write_results(base, results, stage=stage.name, hours=sorted(keys))
    return results


def write_results(base: Revision, results: Iterable[CheckResult], *, stage: str, hours: Collection[datetime]) -> None:
    """Replace the results of one stage of certain hours; results of other stages belong to other runs."""
    tuples = [
        (
            result.checked_from,
            result.stage,
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
    base.replace(DATA_CHECKS, files, hours, part=TablePart(column="stage", value=stage))
