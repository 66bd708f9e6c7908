"""`make bench`: all contenders build the same tables, and the printed ratios are relative to ours."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.pipeline.contender import Figures
from benchmarks.pipeline.report import Benchmark, Result, Written, as_table
from benchmarks.process_tree import PeakMemory

ROOT = Path(__file__).resolve().parents[2]
#: Some of them are late, too late, from the future and sent twice.
EVENTS = 5_000


def result(contender: str, seconds: float, same_rows: int | None) -> Result:
    return Result(
        contender=contender,
        figures=Figures(session_start=1.0, first_hour=2.0, seconds=[seconds], cpu_seconds=[seconds]),
        memory=PeakMemory(all=0, jvm=0),
        written=Written(files=0, bytes=0),
        same_rows=same_rows,
    )


def ratios(*results: Result) -> dict[str, str]:
    """Return what stands under `ours is ×`, by contender."""
    size = {"events": 1, "first_hour_events": 1, "objects": 1, "compressed_bytes": 1}
    table = as_table(Benchmark(command="bench", machine="m", results=results, **size))
    rows = [[cell.strip() for cell in text.split("|")[1:-1]] for text in table.splitlines() if text.startswith("|")]
    assert rows[0][2] == "ours is ×"
    return {row[0]: row[2] for row in rows[2:]}


@pytest.mark.parametrize("in_order", [True, False], ids=["ours first", "ours last"])
def test_every_contender_is_measured_by_ours(in_order: bool) -> None:
    results = [result("ours", 2.0, None), result("plain_pyspark", 5.0, 100)]
    assert ratios(*(results if in_order else results[::-1])) == {"ours": "1.00", "plain_pyspark": "2.50"}


def test_without_ours_there_is_no_ratio() -> None:
    assert ratios(result("duckdb_script", 1.0, None), result("plain_pyspark", 5.0, None)) == {
        "duckdb_script": "",
        "plain_pyspark": "",
    }


@pytest.mark.e2e
@pytest.mark.timeout(900)
def test_every_contender_builds_our_tables(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    size = ["--events", str(EVENTS), "--rounds", "1"]
    command = [sys.executable, "-m", "benchmarks.pipeline", *size, "--work", str(tmp_path), "--json", str(figures)]
    subprocess.run(command, cwd=ROOT, check=True)
    results = json.loads(figures.read_text())["results"]
    compared = {result["contender"]: result["same_rows"] for result in results}
    assert compared.pop("ours") is None
    assert sorted(compared) == ["duckdb_script", "plain_pyspark", "polars_script"]
    assert all(rows > 2 * EVENTS for rows in compared.values())
