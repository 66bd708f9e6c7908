"""Days of any size, between two days of that size, made by job 3: what an event of a day costs, and what a day does.

    python -m benchmarks.large_days --millions 1 10
    python -m benchmarks.large_days --millions 1 --days 10

A day of a million events of the simulator is received and cleaned as jobs 1 and 2 do it, once. A larger day, and each
further day, is copies of it, each copy with users and ids of its own; they come again on every day. Then job 3 makes
the days, in a process of its own that does nothing else.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.pipeline.__main__ import synthetic_events
from benchmarks.process_tree import cpu_seconds, run_watched
from contracts.ledger import EventRow
from contracts.names import LakeLocation
from contracts.partitions import DAY, HOUR, days_between, hours_of_day, ordinal
from contracts.tables import CLEAN_EVENTS, EVENT_LEDGER, HOURLY_TRAFFIC
from spark_jobs.daily.aggregate_days import aggregate_days
from spark_jobs.hourly.aggregate_hours import aggregate_hours
from spark_jobs.lake.data_files import DataFile, FileTarget
from spark_jobs.lake.duckdb_tasks import StoredFiles, by_partition, rows_in
from spark_jobs.lake.evolution import ensure_tables
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.ledgers import write_ledger
from spark_jobs.lake.revision import Revision
from spark_jobs.lake.session import LocalSize, spark_session
from spark_jobs.landing.landing_plan import LandingRules
from spark_jobs.landing.transform_events import transform_landing_hours
from spark_jobs.raw.lake_stores import raw_store
from storage.by_hour import landed_hours

#: The first day of the simulator's events, which are copied to the days behind it.
_COPIED: Final = date(2026, 11, 20)
_MILLION: Final = 1_000_000
#: So many copies of an hour are one file.
_COPIES_OF_FILE: Final = 10
_RESULT: Final = "large_days.json"
_COLUMNS: Final = ("events of a day", "days", "s", "CPU s", "CPU µs/event", "JVM MiB", "all MiB")


def main() -> None:
    """Measure each size, and print a table."""
    options = _options()
    if options.child:
        _measure(options)
        return
    print(f"| {' | '.join(_COLUMNS)} |\n|{' --- |' * len(_COLUMNS)}")
    for millions in options.millions:
        print(f"| {' | '.join(_row(millions, options))} |", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millions", type=int, nargs="+", default=[1, 10], help="of events of a day (default 1 10)")
    parser.add_argument("--days", type=int, default=1, help="days that are made together (default %(default)s)")
    parser.add_argument("--work", type=Path, default=Path("var/bench"), help="events are kept there for the next time")
    parser.add_argument("--child", choices=("write", "make"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.work = options.work.resolve()
    return options


def _row(millions: int, options: argparse.Namespace) -> Sequence[str]:
    command = [sys.executable, "-m", "benchmarks.large_days", "--millions", str(millions)]
    command += ["--work", str(options.work), "--days", str(options.days), "--child"]
    run_watched([*command, "write"])
    memory = run_watched([*command, "make"])
    found = json.loads((options.work / _RESULT).read_text())
    return (
        f"{found['events']:,}",
        str(options.days),
        f"{found['seconds']:.0f}",
        f"{found['cpu']:.0f}",
        f"{found['cpu'] / (options.days * found['events']) * 1e6:.1f}",
        f"{memory.jvm >> 20:,}",
        f"{memory.all >> 20:,}",
    )


def _measure(options: argparse.Namespace) -> None:
    """Write the events of days, unless they are there; or make the days, and leave the figures in a file."""
    (millions,) = options.millions
    raw = synthetic_events(options.work / "events", _MILLION, hours=24, seed=1).raw
    warehouse = str(options.work / "large_days")
    location = LakeLocation(raw_uri=str(raw), warehouse_uri=warehouse, database="copied")
    spark = spark_session("large_days", location, size=LocalSize(heap="1g"))
    copied = Lake.at(location, spark)
    database = f"days_{options.days}_of_{millions}_million"
    lake = Lake.at(LakeLocation(raw_uri=str(raw), warehouse_uri=warehouse, database=database), spark)
    days = list(days_between(_COPIED + DAY, _COPIED + (options.days + 1) * DAY))
    ensure_tables(lake)
    if options.child == "write":
        if not lake.snapshot(EVENT_LEDGER):
            _clean_copied(copied)
            _write_copies(copied, lake, [days[0] - DAY, *days, days[-1] + DAY], millions)
        return
    started, cpu = time.perf_counter(), cpu_seconds(os.getpid())
    made = aggregate_days(lake, days, force=True)
    figures = {"seconds": time.perf_counter() - started, "cpu": cpu_seconds(os.getpid()) - cpu}
    events = sum(row.events for row in made.written) // len(days)
    (options.work / _RESULT).write_text(json.dumps({**figures, "events": events}))


def _clean_copied(lake: Lake) -> None:
    """Receive and clean the simulator's events, unless they are there."""
    ensure_tables(lake)
    if not lake.snapshot(EVENT_LEDGER):
        hours = landed_hours(raw_store(lake.raw_uri))
        transform_landing_hours(lake, hours, LandingRules(settled_before=max(hours) + HOUR + timedelta(days=1)))
        aggregate_hours(lake, list(hours_of_day(_COPIED)))


def _write_copies(copied: Lake, lake: Lake, days: Sequence[date], copies: int) -> None:
    """Write copies of a day's clean events to other days, and what job 2 notes of them; its ledger comes last."""
    stored, target = _files(copied), lake.file_target(CLEAN_EVENTS)
    ledger: list[EventRow] = []
    files: list[DataFile] = []
    for day in days:
        for hour, of_copied in zip(hours_of_day(day), hours_of_day(_COPIED), strict=True):
            number = ordinal(of_copied)
            locations = [file.location for file in stored[number]]
            files += _copies(locations, target, hour, hour - of_copied, copies)
            clean = copies * rows_in(stored, number)
            ledger.append(EventRow(event_hour=hour, input_version="copied", received=clean, clean=clean, duplicates=0))
    hours = [row.event_hour for row in ledger]
    Revision.of(lake, CLEAN_EVENTS).replace(CLEAN_EVENTS, files, hours)
    traffic = lake.write_rows(HOURLY_TRAFFIC, [_traffic(row) for row in ledger])
    Revision.of(lake, HOURLY_TRAFFIC).replace(HOURLY_TRAFFIC, traffic, hours)
    write_ledger(Revision.of(lake, EVENT_LEDGER), EventRow, ledger, hours)


def _files(lake: Lake) -> StoredFiles:
    return by_partition(lake.files_as_of(CLEAN_EVENTS, lake.snapshot(CLEAN_EVENTS)))


def _copies(
    locations: Sequence[str], target: FileTarget, hour: datetime, later: timedelta, copies: int
) -> Iterator[DataFile]:
    """Write copies of an hour's events to a later hour, each of other users and with other ids."""
    rows = pa.concat_tables(pq.ParquetFile(location.removeprefix("file:")).read() for location in locations)
    numbers = range(copies)
    for first in numbers[::_COPIES_OF_FILE]:
        together = [_copy(rows, later, number) for number in numbers[first : first + _COPIES_OF_FILE]]
        in_order = pa.concat_tables(together).sort_by([(name, "ascending") for name in CLEAN_EVENTS.sort])
        yield target.write(in_order, (str(ordinal(hour)),))


def _copy(rows: pa.Table, later: timedelta, number: int) -> pa.Table:
    columns: dict[str, Any] = {name: rows.column(name) for name in rows.schema.names}
    for name in ("user_id", "anonymous_id"):
        columns[name] = pc.binary_join_element_wise(rows.column(name), str(number), "-")
    columns["click_id"] = pc.binary_join_element_wise(rows.column("click_id"), f"{later // DAY}-{number}", "-")
    for name in ("event_time", "received_at"):
        columns[name] = pc.add(rows.column(name), pa.scalar(later, pa.duration("us")))
    return pa.table(columns)


_NOTHING: Final = {"bigint": 0, "decimal(38,2)": Decimal(0)}


def _traffic(row: EventRow) -> tuple[Any, ...]:
    """Return an hour's row of `hourly_traffic`, of which its events alone are checked."""
    known = {"event_hour": row.event_hour, "events": row.clean}
    return tuple(known.get(column.name, _NOTHING.get(column.type)) for column in HOURLY_TRAFFIC.columns)


if __name__ == "__main__":
    main()
