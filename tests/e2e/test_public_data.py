"""A third party's data set through `make run`: its own figures come out."""

import csv
import gzip
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest

from benchmarks.public_data import CONVERTERS

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "tests" / "data" / "retentioneering_ecom.csv.gz"

pytestmark = [pytest.mark.e2e, pytest.mark.spark, pytest.mark.timeout(900)]


def column(out: Path, table: str, sql: str) -> list[tuple[Any, ...]]:
    """Return what DuckDB finds in one of the run's Parquet tables, named `rows` in the query."""
    with duckdb.connect() as connection:
        connection.execute(f"CREATE VIEW rows AS SELECT * FROM '{out}/tables/{table}/*.parquet'")
        return connection.execute(sql).fetchall()


def test_the_figures_of_retentioneering_come_out(tmp_path: Path) -> None:
    events, out = tmp_path / "events.jsonl.gz", tmp_path / "out"
    subprocess.run(
        [sys.executable, "-m", "benchmarks.public_data", "retentioneering", str(SOURCE), str(events)],
        cwd=ROOT,
        check=True,
    )
    done = subprocess.run(
        ["make", "--no-print-directory", "run", f"INPUT={events}", f"OUT={out}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]

    with gzip.open(SOURCE, "rt", newline="") as lines:
        rows = list(csv.DictReader(lines))
    by_name = Counter(CONVERTERS["retentioneering"](number, row)["event_name"] for number, row in enumerate(rows))
    assert by_name["Search"] == 4_011
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["lines"], summary["clean"], summary["duplicates"], summary["rejected"]) == (31_106, 31_106, 0, {})
    counted = column(out, "hourly_event_counts", "SELECT event_name, sum(events) FROM rows GROUP BY event_name")
    assert {name: int(events) for name, events in counted} == by_name
    assert column(out, "clean_events", "SELECT count(DISTINCT user_id) FROM rows") == [(600,)]
    # A gap of more than 30 minutes starts a session: as many as the data set's own session ids.
    assert column(out, "hourly_traffic", "SELECT sum(sessions_started) FROM rows") == [(3_605,)]
    assert column(out, "hourly_traffic", "SELECT sum(purchases), sum(purchases_without_price) FROM rows") == [
        (470, 470)
    ]
