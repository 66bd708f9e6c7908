"""A second witness on larger data: DuckDB makes the same rows of each table behind `received_events` by its own SQL."""

import subprocess
import sys
from pathlib import Path

import pytest
from crawleruseragents import is_crawler

from contracts.stages import TABLES
from spark_jobs.hourly.aggregate_hours import aggregate_hours
from spark_jobs.lake.evolution import ensure_tables
from spark_jobs.lake.lake import Lake
from spark_jobs.landing.transform_events import transform_landing_hours
from spark_jobs.operations.events_file import export_tables
from spark_jobs.raw.lake_stores import raw_store
from storage.by_hour import landed_hours
from tests.spark_jobs.specification.packed_run import SETTLED, run_later_jobs
from tests.spark_jobs.specification.witness import Witness

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[3]


def simulator(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "simulator", *arguments], cwd=ROOT, check=True, capture_output=True)


def witnessed(lake: Lake, out: Path) -> Witness:
    """Make every table of what lies under the lake's raw prefix, and let the witness make them, too."""
    ensure_tables(lake)
    transformed = transform_landing_hours(lake, landed_hours(raw_store(lake.raw_uri)), SETTLED)
    hours = {hour for row in transformed.written for hour in row.received_by_event_hour}
    aggregate_hours(lake, hours)
    run_later_jobs(lake, hours)
    export_tables(lake, TABLES, out)
    return Witness(out, is_crawler)


def test_both_make_the_same_tables_of_days_with_every_defect(lake: Lake, tmp_path: Path) -> None:
    span = ("--from", "2026-11-02T00", "--to", "2026-11-05T00", "--events", "100000")
    defects = ("--defects", "default", "--duplicates", "0.05", "--late", "0.02")
    simulator("history", "--raw", lake.raw_uri, *span, *defects, "--quiet")
    witness = witnessed(lake, tmp_path / "tables")
    assert witness.all_differences() == {}
    assert witness.empty_tables() == {"identity_links"}, "the simulator's visitors have one id each"
    assert witness.count("clean_events") > 80_000
