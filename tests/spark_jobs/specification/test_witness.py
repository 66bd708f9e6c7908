"""A second witness on larger data: DuckDB makes the same rows of every hourly and daily table, by SQL of its own."""

import csv
import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest
from crawleruseragents import is_crawler
from pyspark.sql import SparkSession

from benchmarks.public_data import converted
from contracts.names import LakeLocation
from contracts.tables import TABLES, table_named
from spark_jobs.daily.aggregate_days import aggregate_days
from spark_jobs.hourly.aggregate_hours import aggregate_hours
from spark_jobs.landing.transform_events import transform_landing_hours
from spark_jobs.raw.raw_objects import all_landed_objects, raw_store
from spark_jobs.tables.export_tables import export_tables
from spark_jobs.tables.table_io import ensure_tables
from tests.spark_jobs.specification.packed_run import SETTLED
from tests.spark_jobs.specification.witness import WITNESSED, Witness

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.timeout(1800)]

ROOT = Path(__file__).resolve().parents[3]
SOURCE = ROOT / "tests" / "data" / "retentioneering_ecom.csv.gz"


def simulator(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "simulator", *arguments], cwd=ROOT, check=True, capture_output=True)


def witnessed(spark: SparkSession, lake: LakeLocation, out: Path) -> Witness:
    """Make every table of what lies under the lake's raw prefix, and let the witness make them, too."""
    ensure_tables(spark, lake)
    transformed = transform_landing_hours(spark, lake, list(all_landed_objects(raw_store(lake.raw_uri))), SETTLED)
    hours = {hour for row in transformed.written for hour in row.received_by_event_hour}
    aggregate_hours(spark, lake, hours)
    aggregate_days(spark, lake, {hour.date() for hour in hours})
    export_tables(spark, lake, TABLES, out)
    return Witness(out, is_crawler)


def assert_no_difference(witness: Witness) -> None:
    found = {name: witness.differences(table_named(name)) for name in WITNESSED}
    assert {name: rows for name, rows in found.items() if rows} == {}
    assert all(witness.count(name) for name in WITNESSED)


def test_both_make_the_same_tables_of_a_public_data_set(
    spark: SparkSession, lake: LakeLocation, tmp_path: Path
) -> None:
    events = tmp_path / "events.jsonl"
    with gzip.open(SOURCE, "rt", newline="") as rows:
        events.write_text(
            "".join(json.dumps(event) + "\n" for event in converted("retentioneering", csv.DictReader(rows)))
        )
    simulator("replay", str(events), "--raw", lake.raw_uri)
    witness = witnessed(spark, lake, tmp_path / "tables")
    assert_no_difference(witness)
    assert witness.count("clean_events") == 31_106


def test_both_make_the_same_tables_of_a_week_with_every_defect(
    spark: SparkSession, lake: LakeLocation, tmp_path: Path
) -> None:
    span = ("--from", "2026-11-02T00", "--to", "2026-11-09T00", "--events", "250000")
    defects = ("--defects", "default", "--duplicates", "0.05", "--late", "0.02")
    simulator("history", "--raw", lake.raw_uri, *span, *defects, "--quiet")
    witness = witnessed(spark, lake, tmp_path / "tables")
    assert_no_difference(witness)
    assert witness.count("clean_events") > 200_000
