"""One event hour of any size after another one of that size, computed whole or in parts: what an event costs.

    python -m benchmarks.large_hours --events 1000000 10000000
    python -m benchmarks.large_hours --events 1000000 --events-of-a-task 500000
    python -m benchmarks.large_hours --events 40000000 --cores 16 --memory 16384
    python -m benchmarks.large_hours --plan --events 40000000 3600000000

A million events of the simulator are received as job 1 does it, once. A larger hour is copies of them, each with users
and ids of its own, in as many files, written by the job's writer with every column. Then job 2 computes the hour, in a
process of its own; with `--cores` and `--memory`, as on a machine that has as much, however few cores this one has.
With `--plan` it computes nothing, and prints how the hour would be cut on clusters of some sizes.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.pipeline.__main__ import synthetic_events
from benchmarks.process_tree import cpu_seconds, run_watched
from contracts.ledger import LandingLedgerRow
from contracts.names import LakeLocation
from contracts.partitions import HOUR, day_key, day_of, hour_of_ordinal, ordinal
from contracts.rules import EVENTS_OF_A_TASK
from contracts.tables import LANDING_LEDGER, RECEIVED_EVENTS
from spark_jobs.hourly import cut_hours
from spark_jobs.hourly.aggregate_hours import aggregate_hours
from spark_jobs.hourly.received_files import received_files
from spark_jobs.lake import duckdb_tasks
from spark_jobs.lake.data_files import DataFile, FileTarget
from spark_jobs.lake.duckdb_tasks import StoredFiles
from spark_jobs.lake.evolution import ensure_tables
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.ledgers import write_ledger
from spark_jobs.lake.revision import Revision
from spark_jobs.lake.session import LocalSize, spark_session
from spark_jobs.lake.table_files import StoredFile
from spark_jobs.landing.landing_plan import LandingRules
from spark_jobs.landing.transform_events import transform_landing_hours
from spark_jobs.raw.lake_stores import raw_store
from storage.by_hour import landed_hours

_COPIED: Final = 1_000_000
_PLANNED: Final = ("events", "cores", "reads", "parts by id", "parts by user", "parts of totals")
PLANNED_CORES: Final = (2, 16, 64, 400, 1600)
#: Job 1 writes files of about so many events.
_FILE_ROWS: Final = 250_000
_COLUMNS: Final = ("events", "parts", "s", "CPU s", "CPU µs/event", "JVM MiB", "all MiB")


def main() -> None:
    """Measure each size, and print a table."""
    options = _options()
    if options.child:
        _measure(options)
    elif options.plan:
        _print_table(_PLANNED, (planned(events, cores) for events in options.events for cores in PLANNED_CORES))
    else:
        _print_table(_COLUMNS, (_row(events, options) for events in options.events))


def _print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}")
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)


def planned(events: int, cores: int) -> Sequence[str]:
    """Return how an hour is cut, and how often all cores of a cluster take a task for it, step by step."""
    files = [StoredFile(location="", rows=_FILE_ROWS)] * -(-events // _FILE_ROWS)
    cut = cut_hours.hour_cut(1, {0: files, 1: files}, cores=cores)
    tasks = (len(cut.reads), cut.parts, cut.parts, cut.totals)
    waves = [-(-count // cores) for count in tasks]
    return (
        f"{events:,}",
        str(cores),
        *(f"{count:,} in {in_turn}" for count, in_turn in zip(tasks, waves, strict=True)),
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--events-of-a-task", type=int, default=EVENTS_OF_A_TASK, help="in place of the rule")
    parser.add_argument("--cores", type=int, help="tasks side by side (default: this machine's cores)")
    parser.add_argument("--memory", type=int, help="MiB that tasks and heap may use (default: this machine's memory)")
    parser.add_argument("--plan", action="store_true", help="print how the hours would be cut, and compute nothing")
    parser.add_argument("--work", type=Path, default=Path("var/bench"), help="events are kept there for the next time")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.work = options.work.resolve()
    return options


def _row(events: int, options: argparse.Namespace) -> Sequence[str]:
    result = options.work / "large_hour.json"
    command = [sys.executable, "-m", "benchmarks.large_hours", "--child", "--events", str(events)]
    command += ["--work", str(options.work), "--events-of-a-task", str(options.events_of_a_task)]
    command += ["--cores", str(options.cores)] if options.cores else []
    command += ["--memory", str(options.memory)] if options.memory else []
    memory = run_watched(command)
    found = json.loads(result.read_text())
    return (
        f"{events:,}",
        str(found["parts"]),
        f"{found['seconds']:.0f}",
        f"{found['cpu']:.0f}",
        f"{found['cpu'] / events * 1e6:.1f}",
        f"{memory.jvm >> 20:,}",
        f"{memory.all >> 20:,}",
    )


def _measure(options: argparse.Namespace) -> None:
    """Compute one hour, and leave the figures in a file."""
    (events,) = options.events
    raw = synthetic_events(options.work / "events", _COPIED, hours=1, seed=1).raw
    location = LakeLocation(raw_uri=str(raw), warehouse_uri=str(options.work / "large_hours"), database="received")
    if options.memory:
        duckdb_tasks.machine_megabytes = lambda: int(options.memory)
    spark = spark_session("large_hours", location, size=LocalSize(cores=options.cores, heap="1g"))
    received = Lake.at(location, spark)
    hour = _received_hour(received)
    location = LakeLocation(raw_uri=str(raw), warehouse_uri=location.warehouse_uri, database=f"hour_{events}")
    lake = Lake.at(location, spark)
    _land_copies(received, lake, hour, -(-events // _COPIED))
    cut_hours.EVENTS_OF_A_TASK = options.events_of_a_task  # type: ignore[attr-defined]
    files = _files(lake)
    number, cores = ordinal(hour), spark.sparkContext.defaultParallelism
    parts = cut_hours.hour_cut(number, files, cores=cores).parts if cut_hours.is_large(number, files) else 1
    started, cpu = time.perf_counter(), cpu_seconds(os.getpid())
    aggregate_hours(lake, [hour], force=True)
    seconds, cpu = time.perf_counter() - started, cpu_seconds(os.getpid()) - cpu
    (options.work / "large_hour.json").write_text(json.dumps({"seconds": seconds, "cpu": cpu, "parts": parts}))


def _received_hour(lake: Lake) -> datetime:
    """Receive the simulator's events, unless they are there; return the event hour that has nearly all."""
    ensure_tables(lake)
    hours = landed_hours(raw_store(lake.raw_uri))
    settled = LandingRules(settled_before=max(hours) + HOUR + timedelta(days=1))
    transform_landing_hours(lake, hours, settled)
    files = _files(lake)
    return hour_of_ordinal(max(files, key=lambda number: sum(file.rows for file in files[number])))


def _files(lake: Lake) -> StoredFiles:
    """Return the files of events that happened in the hour in which they landed."""
    return received_files(lake.files_as_of(RECEIVED_EVENTS, lake.snapshot(RECEIVED_EVENTS)), (), ()).files


def _land_copies(received: Lake, lake: Lake, hour: datetime, copies: int) -> None:
    """Write copies of an hour's events to that hour and to the one before, unless they are there."""
    ensure_tables(lake)
    if lake.snapshot(RECEIVED_EVENTS):
        return
    stored = _files(received)[ordinal(hour)]
    target = lake.file_target(RECEIVED_EVENTS)
    landings = []
    files: list[DataFile] = []
    with ThreadPoolExecutor(2) as pool:
        for before in (HOUR, timedelta()):
            tasks = [(file.location, target, before, copy) for copy in range(copies) for file in stored]
            own = list(pool.map(lambda task: _copy(*task), tasks))
            files += own
            landings.append(_landing(hour - before, sum(file.rows for file in own)))
    hours = [landing.landing_hour for landing in landings]
    Revision.of(lake, RECEIVED_EVENTS).replace(RECEIVED_EVENTS, files, hours)
    write_ledger(Revision.of(lake, LANDING_LEDGER), LandingLedgerRow, landings, hours)


def _copy(location: str, target: FileTarget, before: timedelta, copy: int) -> DataFile:
    """Write a file's events again, earlier, of other users and with other ids."""
    rows = pq.ParquetFile(location.removeprefix("file:")).read()
    columns: dict[str, Any] = {name: rows.column(name) for name in rows.schema.names}
    for name in ("user_id", "click_id"):
        columns[name] = pc.binary_join_element_wise(rows.column(name), str(copy), "-")
    for name in ("event_time", "received_at"):
        columns[name] = pc.subtract(rows.column(name), pa.scalar(before, pa.duration("us")))
    hour = rows.column("landing_hour")[0].as_py() - before
    columns["landing_hour"] = pa.array([hour] * len(rows), rows.schema.field("landing_hour").type)
    return target.write(pa.table(columns), (str(ordinal(hour)), "true", day_key(day_of(hour))))


def _landing(hour: datetime, rows: int) -> LandingLedgerRow:
    return LandingLedgerRow(
        landing_hour=hour,
        input_version="copied",
        settled=True,
        objects=(),
        unreadable_objects=0,
        bytes=0,
        lines=rows,
        received=rows,
        rejected=0,
        rejected_by_reason={},
        received_by_event_hour={hour: rows},
    )


if __name__ == "__main__":
    main()
