"""A file of events → every table, on this machine alone: laid down as raw objects, transformed, aggregated, exported.

It is the pipeline without HTTP and Airflow: the simulator lays the file down, since that is its trade, as a program of
its own; then the jobs run as they always do, over all landing hours at once, in one Spark session.
"""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pyspark.sql import SparkSession

from contracts.names import LakeLocation
from contracts.partitions import HOUR, day_of
from contracts.tables import TABLES
from spark_jobs.daily.aggregate_days import DayAggregation, aggregate_days
from spark_jobs.errors import LedgerImbalanceError, SparkJobError
from spark_jobs.hourly.aggregate_hours import Aggregation, aggregate_hours
from spark_jobs.landing.landing_plan import LandingRules
from spark_jobs.landing.transform_events import TransformReport, UnreadableObject, transform_landing_hours
from spark_jobs.operations.implausible_days import ImplausibleDays, implausible_days
from spark_jobs.operations.out_directory import OutDirectory
from spark_jobs.raw.lake_stores import raw_store
from spark_jobs.session import ROOT, spark_session
from spark_jobs.tables.export_tables import export_tables
from spark_jobs.tables.table_evolution import ensure_tables
from storage.by_hour import landed_hours

DATABASE: Final = "clickstream"


class InputFileError(SparkJobError):
    """The file of events can't be laid down; the simulator has said why."""


@dataclass(frozen=True, kw_only=True)
class EventsFileReport:
    """What became of the file's lines; `seconds` by step, in order."""

    lines: int
    received: int
    rejected: Mapping[str, int]
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

    spark: SparkSession
    lake: LakeLocation
    report: EventsFileReport


def process_events_file(input_file: Path, out: OutDirectory, *, keep_ip_addresses: bool = False) -> ProcessedFile:
    """Fill an output directory, prepared, from a file of events; raise `SparkJobError` if that can't be done."""
    steps = Steps()
    with steps.step("lay_down", f"laying {input_file} down as raw objects"):
        lines = _lay_down(input_file, out.raw)
    lake = LakeLocation(
        raw_uri=str(out.raw),
        warehouse_uri=str(out.warehouse),
        database=DATABASE,
        keep_ip_addresses=keep_ip_addresses,
    )
    with steps.step("start_spark", "starting Spark"):
        spark = spark_session("events_file", lake)
        ensure_tables(spark, lake)
    hours = landed_hours(raw_store(lake.raw_uri))
    with steps.step("transform", f"transforming {lines:,} lines in {len(hours):,} landing hours"):
        transformed = transform_landing_hours(spark, lake, hours, _all_settled(hours))
    event_hours = sorted({hour for row in transformed.written for hour in row.received_by_event_hour})
    with steps.step("aggregate", f"aggregating {len(event_hours):,} event hours"):
        aggregated = aggregate_hours(spark, lake, event_hours)
    days = sorted({day_of(row.event_hour) for row in aggregated.made})
    with steps.step("aggregate_days", f"aggregating {len(days):,} days"):
        aggregated_days = aggregate_days(spark, lake, days)
    with steps.step("export", f"writing {len(TABLES)} tables as Parquet"):
        export_tables(spark, lake, TABLES, out.tables)
    report = _report(transformed, aggregated, aggregated_days, steps.seconds)
    if lines != report.lines and not report.unreadable:
        raise LedgerImbalanceError(f"{input_file} has {lines} lines, but {report.lines} were read from its raw objects")
    return ProcessedFile(spark=spark, lake=lake, report=report)


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
    for row in transformed.written:
        rejected.update(row.rejected_by_reason)
    return EventsFileReport(
        lines=sum(row.lines for row in transformed.written),
        received=sum(row.received for row in transformed.written),
        rejected=dict(rejected.most_common()),
        unreadable=transformed.unreadable,
        duplicates=sum(row.duplicates for row in aggregated.made),
        clean=sum(row.clean for row in aggregated.made),
        event_hours=len(aggregated.made),
        days=len(days.made),
        implausible=implausible_days([row.received_by_event_hour for row in transformed.written], datetime.now(UTC)),
        seconds=seconds,
    )
