"""A file of events → every table, on this machine alone: written as raw objects, transformed, aggregated, exported.

It is the pipeline without HTTP and Airflow: the simulator writes the raw objects, since that is its job, as a program
of its own; then the jobs run as they always do, over all landing hours at once, in one Spark session. At the end DuckDB
merges each table's data files to one Parquet file, for readers that know no catalog: a range of hours has thousands.
"""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import duckdb

from contracts.event_settings import DEFAULTS, EventSettings
from contracts.names import LakeLocation
from contracts.partitions import HOUR, day_key, day_of, hour_of
from contracts.rules import ALLOWED_CLOCK_SKEW
from contracts.stages import DAYS, EVENT_HOURS, TABLES, Stage
from contracts.tables import Column, ColumnType, Table
from spark_jobs.daily.aggregate_days import DayAggregation
from spark_jobs.errors import LedgerImbalanceError, SparkJobError
from spark_jobs.hourly.aggregate_hours import Aggregation, aggregate_hours
from spark_jobs.lake.data_files import local_copies
from spark_jobs.lake.evolution import ensure_tables
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.session import ROOT
from spark_jobs.landing.landing_plan import LandingRules
from spark_jobs.landing.transform_events import TransformReport, UnreadableObject, transform_landing_hours
from spark_jobs.operations.out_directory import OutDirectory
from spark_jobs.operations.stage_jobs import LATER_JOBS
from spark_jobs.raw.lake_stores import raw_store
from storage.by_hour import landed_hours

_DUCKDB_TYPES: Final[Mapping[ColumnType, str]] = {
    "string": "VARCHAR",
    "binary": "BLOB",
    "timestamp": "TIMESTAMPTZ",
    "date": "DATE",
    "boolean": "BOOLEAN",
    "bigint": "BIGINT",
    "double": "DOUBLE",
    "decimal(18,2)": "DECIMAL(18,2)",
    "decimal(38,2)": "DECIMAL(38,2)",
    "array<string>": "VARCHAR[]",
    "map<string,bigint>": "MAP(VARCHAR, BIGINT)",
}


def export_tables(lake: Lake, tables: Iterable[Table], directory: Path) -> None:
    """Write each table to `directory/<table>/<table>.parquet`; one without rows has the columns all the same."""
    with duckdb.connect() as connection:
        for table in tables:
            target = directory / table.name / f"{table.name}.parquet"
            target.parent.mkdir(parents=True, exist_ok=True)
            with local_copies(file.location for file in lake.files(table)) as files:
                connection.execute(_copy(table, files, target))


def _copy(table: Table, files: list[str], target: Path) -> str:
    order = f" ORDER BY {', '.join(table.sort)}" if table.sort and table.name != "clean_events" else ""
    rows = f"{_from_files(table, files)}{order}" if files else _no_rows(table)
    return f"COPY ({rows}) TO {_quoted(str(target))} (FORMAT parquet, COMPRESSION zstd)"


def _from_files(table: Table, files: list[str]) -> str:
    columns = ", ".join(f"{_cast(column, column.name)}" for column in table.columns)
    listed = ", ".join(map(_quoted, files))
    return f"SELECT {columns} FROM read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"  # noqa: S608


def _no_rows(table: Table) -> str:
    return f"SELECT {', '.join(_cast(column, 'NULL') for column in table.columns)} WHERE false"


def _cast(column: Column, value: str) -> str:
    return f"CAST({value} AS {_DUCKDB_TYPES[column.type]}) AS {column.name}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


#: Clocks that were reset show 1970, 1980 or 2000; clickstreams that somebody still analyses are younger.
FIRST_PLAUSIBLE_YEAR: Final = 2001
_NAMED_AT_MOST: Final = 5


@dataclass(frozen=True, kw_only=True)
class ImplausibleDays:
    """Events by day: before the first plausible year, and after now."""

    past: Mapping[date, int]
    future: Mapping[date, int]

    def __bool__(self) -> bool:
        return bool(self.past or self.future)

    def by_key(self) -> dict[str, int]:
        """Return the events of each day by its key, in order."""
        return {day_key(day): events for day, events in sorted({**self.past, **self.future}.items())}

    def warning(self) -> str:
        """Return a sentence that counts the events and names the days."""
        parts = [
            f"{sum(days.values()):,} {when} ({_named(days)})"
            for days, when in ((self.past, f"before {FIRST_PLAUSIBLE_YEAR}"), (self.future, "after now"))
            if days
        ]
        return (
            f"WARNING: events whose clock can't be right: {' and '.join(parts)}. They are received and in every table, "
            "since a bare event's own time is all that tells its day; leave these days out of what you compare"
        )


def implausible_days(received: Iterable[Mapping[datetime, int]], now: datetime) -> ImplausibleDays:
    """Return the implausible days of events counted by hour, as the landing ledger has them."""
    past: Counter[date] = Counter()
    future: Counter[date] = Counter()
    last = hour_of(now + ALLOWED_CLOCK_SKEW)
    for by_hour in received:
        for hour, events in by_hour.items():
            if hour.year < FIRST_PLAUSIBLE_YEAR:
                past[day_of(hour)] += events
            elif hour > last:
                future[day_of(hour)] += events
    return ImplausibleDays(past=past, future=future)


def _named(days: Mapping[date, int]) -> str:
    named = [f"{day_key(day)}: {days[day]:,}" for day in sorted(days)[:_NAMED_AT_MOST]]
    more = [f"and {len(days) - _NAMED_AT_MOST:,} more days"] if len(days) > _NAMED_AT_MOST else []
    return ", ".join([*named, *more])


DATABASE: Final = "clickstream"


class InputFileError(SparkJobError):
    """The file of events can't be laid down; the simulator has said why."""


@dataclass(frozen=True, kw_only=True)
class EventsFileReport:
    """What became of the file's lines; `seconds` by step, in order."""

    lines: int
    received: int
    rejected: Mapping[str, int]
    unread: Mapping[str, int]
    unreadable: tuple[UnreadableObject, ...]
    duplicates: int
    clean: int
    event_hours: int
    days: int
    implausible: ImplausibleDays
    seconds: Mapping[str, float]

    @property
    def is_mostly_rejected(self) -> bool:
        """Whether more lines were rejected than received, or none was received: then it is not a file of events."""
        return not self.received or sum(self.rejected.values()) > self.received


@dataclass(kw_only=True)
class Steps:
    """Times the steps, and says on stderr which one runs: most take longer than a person waits in silence."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str, doing: str) -> Iterator[None]:
        """Time what happens within."""
        print(f"{doing} …", file=sys.stderr, flush=True)
        started = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - started, 2)


@dataclass(frozen=True, kw_only=True)
class ProcessedFile:
    """The tables that a file became, still open for a look, and what is to be reported."""

    lake: Lake
    report: EventsFileReport


def process_events_file(input_file: Path, out: OutDirectory, settings: EventSettings = DEFAULTS) -> ProcessedFile:
    """Fill an output directory, prepared, from a file of events; raise `SparkJobError` if that can't be done."""
    steps = Steps()
    with steps.step("lay_down", f"laying {input_file} down as raw objects"):
        lines = _lay_down(input_file, out.raw)
    location = LakeLocation(
        raw_uri=str(out.raw),
        warehouse_uri=str(out.warehouse),
        database=DATABASE,
        events=settings,
    )
    with steps.step("start_spark", "starting Spark"):
        lake = Lake.open("events_file", location)
        ensure_tables(lake)
    hours = landed_hours(raw_store(lake.raw_uri))
    with steps.step("transform", f"transforming {lines:,} lines in {len(hours):,} landing hours"):
        transformed = transform_landing_hours(lake, hours, _all_settled(hours))
    event_hours = sorted({hour for row in transformed.written for hour in row.received_by_event_hour})
    with steps.step("aggregate", f"aggregating {len(event_hours):,} event hours"):
        aggregated = aggregate_hours(lake, event_hours)
    runs: dict[Stage[Any, Any], Any] = {EVENT_HOURS: aggregated}
    for stage, job in LATER_JOBS.items():
        keys = sorted({stage.at(row.key) for row in runs[stage.source].written})
        with steps.step(f"aggregate_{stage.name}s", f"aggregating {len(keys):,} {stage.title}s"):
            runs[stage] = job(lake, keys)
    with steps.step("export", f"writing {len(TABLES)} tables as Parquet"):
        export_tables(lake, TABLES, out.tables)
    report = _report(transformed, aggregated, runs[DAYS], steps.seconds)
    if lines != report.lines and not report.unreadable:
        raise LedgerImbalanceError(f"{input_file} has {lines} lines, but {report.lines} were read from its raw objects")
    return ProcessedFile(lake=lake, report=report)


def _lay_down(input_file: Path, raw: Path) -> int:
    """Return the number of lines that were laid down as raw objects; bare events are put in envelopes."""
    command = [sys.executable, "-m", "simulator", "replay", str(input_file.resolve()), "--raw", str(raw), "--json"]
    replay = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=False)
    if replay.returncode != 0:
        raise InputFileError(f"{input_file} could not be laid down as raw objects; the reason is above")
    return int(json.loads(replay.stdout)["lines"])


def _all_settled(hours: Sequence[datetime]) -> LandingRules:
    """Return rules by which a finished file's hours are settled, whatever the clock says."""
    return LandingRules(settled_before=max(hours, default=datetime.now(UTC)) + HOUR)


def _report(
    transformed: TransformReport, aggregated: Aggregation, days: DayAggregation, seconds: Mapping[str, float]
) -> EventsFileReport:
    rejected: Counter[str] = Counter()
    unread: Counter[str] = Counter()
    for row in transformed.written:
        rejected.update(row.rejected_by_reason)
        unread.update(row.unread_by_field)
    return EventsFileReport(
        lines=sum(row.lines for row in transformed.written),
        received=sum(row.received for row in transformed.written),
        rejected=dict(rejected.most_common()),
        unread=dict(unread.most_common()),
        unreadable=transformed.unreadable,
        duplicates=sum(row.duplicates for row in aggregated.written),
        clean=sum(row.clean for row in aggregated.written),
        event_hours=len(aggregated.written),
        days=len(days.written),
        implausible=implausible_days([row.received_by_event_hour for row in transformed.written], datetime.now(UTC)),
        seconds=seconds,
    )
