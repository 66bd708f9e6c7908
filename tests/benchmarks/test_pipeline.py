"""`make bench` at its smallest: what it measures still runs, and all contenders still make the same tables."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.e2e


@pytest.mark.timeout(900)
def test_every_contender_makes_our_tables(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    size = ["--events", "20000", "--rounds", "1"]
    command = [sys.executable, "-m", "benchmarks.pipeline", *size, "--work", str(tmp_path), "--json", str(figures)]
    subprocess.run(command, cwd=ROOT, check=True)
    results = json.loads(figures.read_text())["results"]
    compared = {result["contender"]: result["same_rows"] for result in results}
    assert compared.pop("ours") is None
    assert sorted(compared) == ["duckdb_script", "plain_pyspark", "polars_script"]
    assert all(rows > 2 * 20_000 for rows in compared.values())
