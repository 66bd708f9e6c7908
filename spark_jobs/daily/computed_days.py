"""Days, and the data files with their clean events → files of the daily tables, and figures of each day.

Days of ordinary size share tasks (`day_task`); a large one is cut into parts (`cut_days`). What comes out is the same
rows and the same figures.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import pyarrow as pa

from contracts.partitions import day_number, day_of_number
from contracts.tables import DAILY_TRANSITIONS, Table
from spark_jobs.checks.id_samples import IdSample
from spark_jobs.daily import day_queries as queries
from spark_jobs.daily.cut_days import day_cut, is_large, run_cut_day
from spark_jobs.daily.daily_tables import DayFigures, transition_rows
from spark_jobs.daily.day_task import DAY_TABLES, DURATIONS, FIGURES, ID_HASHES, TRANSITIONS, DayTask, day_batches
from spark_jobs.lake.data_files import DataFile
from spark_jobs.lake.duckdb_tasks import StoredFiles, TaskResults, TaskShare, duckdb_connection, run_tasks
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.user_keys import UserKeys


@dataclass(frozen=True, kw_only=True)
class ComputedDays:
    """What was computed from the events of some days: files that no reader sees until they are committed, and figures.

    A day without events has no figures.
    """

    figures: Mapping[date, DayFigures]
    files: Mapping[Table, Sequence[DataFile]]


def run_day_tasks(lake: Lake, days: Iterable[date], files: StoredFiles) -> ComputedDays:
    """Compute the days, and write the files of each of `DAY_TABLES`; `files` are those of each day, by its number."""
    cores = lake.spark.sparkContext.defaultParallelism
    numbers = sorted(map(day_number, days))
    large = [day for day in numbers if is_large(day, files)]
    batches = tuple(day_batches([day for day in numbers if day not in large], files, cores=cores))
    task = DayTask(
        batches=batches,
        targets={table: lake.file_target(table) for table in DAY_TABLES},
        users=UserKeys(per_site=lake.events.ids_per_site),
        currency=lake.events.currency,
        share=TaskShare.of(lake.spark, len(batches)),
    )
    results = run_tasks(lake.spark, len(batches), task.results)
    # One after the other: what they write to the executors' disks meanwhile is gone before the next one begins.
    for day in large:
        results += run_cut_day(lake, day_cut(day, files, cores=cores), replace(task, batches=()))
    written = {table: results.files_of(table.name) for table in DAY_TABLES}
    written[DAILY_TRANSITIONS] = lake.write_rows(DAILY_TRANSITIONS, transition_rows(results.rows(TRANSITIONS)))
    return ComputedDays(figures=day_figures(results), files=written)


def day_figures(results: TaskResults) -> dict[date, DayFigures]:
    """Return the figures of each day that has events, added up over its parts."""
    sums: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for row in results.rows(FIGURES):
        sums[row["day"]][row["figure"]] += int(row["value"])
    medians = _medians(results.tables.get(DURATIONS, ()))
    ids = _id_samples(results)
    return {day_of_number(day): DayFigures.of(found, medians.get(day, {}), ids[day]) for day, found in sums.items()}


def _id_samples(results: TaskResults) -> Mapping[int, IdSample]:
    """Return each day's sample, of those of its parts."""
    hashes: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for row in results.rows(ID_HASHES):
        hashes[row["day"], row["function"]] += row["hashes"]
    return {day: IdSample.of(function, of_parts) for (day, function), of_parts in hashes.items()}


def _medians(durations: Sequence[pa.Table]) -> Mapping[int, Mapping[int, float]]:
    """Return by day and step the median of all parts' durations, in seconds."""
    medians: defaultdict[int, dict[int, float]] = defaultdict(dict)
    if durations:
        with duckdb_connection() as connection:
            connection.register(queries.ALL_DURATIONS, pa.concat_tables(durations))
            for day, step, seconds in connection.execute(queries.MEDIANS).fetchall():
                medians[day][step] = seconds
    return medians
