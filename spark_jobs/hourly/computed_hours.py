"""Event hours, and the data files with their received events → what as many tasks as it takes computed from them.

Hours of ordinary size share tasks (`hour_task`); a large one is cut into parts (`cut_hours`). What comes out is the
same rows and the same counts.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from heapq import nsmallest

import pyarrow as pa

from contracts.mistaken_names import NAMES_LOOKED_AT
from contracts.partitions import hour_of_ordinal, ordinal
from contracts.rules import BOT_EVENTS_AT_ONCE, BOT_EVENTS_PER_HOUR
from contracts.tables import Table
from spark_jobs.checks.figures import HourCounts
from spark_jobs.hourly import hour_queries as queries
from spark_jobs.hourly.cut_hours import hour_cut, is_large, run_cut_hour
from spark_jobs.hourly.hour_task import (
    COUNTS,
    HOUR_TABLES,
    MISTAKEN_NAMES,
    PURCHASES,
    TOP_NAMES,
    HourTask,
    hour_batches,
)
from spark_jobs.lake.data_files import DataFile
from spark_jobs.lake.duckdb_tasks import StoredFiles, TaskResults, TaskShare, run_tasks
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.user_keys import UserKeys


@dataclass(frozen=True, kw_only=True)
class ComputedHours:
    """What was computed from some hours: files that no reader sees until they are committed, and counts.

    An hour without events has no counts.
    """

    counts: Mapping[datetime, HourCounts]
    files: Mapping[Table, Sequence[DataFile]]


def run_hour_tasks(lake: Lake, hours: Sequence[datetime], files: StoredFiles) -> ComputedHours:
    """Compute the hours, and write the files of each of `HOUR_TABLES`; `files` are those of each hour, by number."""
    cores = lake.spark.sparkContext.defaultParallelism
    large = [hour for hour in sorted(map(ordinal, hours)) if files.get(hour) and is_large(hour, files)]
    cut = {hour_of_ordinal(hour) for hour in large}
    batches = tuple(hour_batches([hour for hour in hours if hour not in cut], files, cores=cores))
    task = HourTask(
        batches=batches,
        targets={table: lake.file_target(table) for table in HOUR_TABLES},
        hourly=queries.HOURLY,
        events_per_hour=BOT_EVENTS_PER_HOUR,
        events_at_once=BOT_EVENTS_AT_ONCE,
        settings=lake.events,
        users=UserKeys(per_site=lake.events.ids_per_site),
        share=TaskShare.of(lake.spark, len(batches)),
    )
    results = run_tasks(lake.spark, len(batches), task.results)
    # One after the other: what they write to the executors' disks meanwhile is gone before the next one begins.
    for hour in large:
        results += run_cut_hour(lake, hour_cut(hour, files, cores=cores), replace(task, batches=()))
    return ComputedHours(
        counts=hour_counts(results, task), files={table: results.files_of(table.name) for table in HOUR_TABLES}
    )


def hour_counts(results: TaskResults, task: HourTask) -> dict[datetime, HourCounts]:
    """Return the counts of each hour, added up over its parts, if it has several."""
    counts: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for row in results.rows(COUNTS):
        counts[row.pop("hour")].update(row)
    purchases: defaultdict[int, Counter[str | None]] = defaultdict(Counter)
    for row in results.rows(PURCHASES):
        purchases[row["hour"]][row["currency"]] += row["purchases"]
    names: defaultdict[int, dict[str, int]] = defaultdict(dict)
    for row in (*results.rows(MISTAKEN_NAMES), *_mistaken_of_parts(results, task)):
        names[row["hour"]][row["event_name"]] = row["events"]
    return {
        hour_of_ordinal(hour): HourCounts(**found, purchases=dict(purchases[hour]), mistaken_names=names[hour])
        for hour, found in counts.items()
    }


def _mistaken_of_parts(results: TaskResults, task: HourTask) -> list[dict[str, object]]:
    """Return what tasks of whole hours find out among the most frequent names of each."""
    by_hour: defaultdict[int, list[dict[str, object]]] = defaultdict(list)
    for row in results.rows(TOP_NAMES):
        by_hour[row["hour"]].append(row)
    most = [
        row
        for rows in by_hour.values()
        for row in nsmallest(NAMES_LOOKED_AT, rows, key=lambda row: (-row["events"], row["event_name"]))  # type: ignore[operator]
    ]
    return task.mistaken(pa.Table.from_pylist(most)).to_pylist() if most else []
