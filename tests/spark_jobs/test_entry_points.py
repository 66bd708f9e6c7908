"""What every job has in common: it finds its packages by itself, and refuses a lake that nobody made."""

import subprocess
import sys
import sysconfig
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from spark_jobs import run_aggregate_days, run_aggregate_hours, run_maintain_tables
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.session import ROOT
from tests.spark_jobs.raw_lake import arguments

pytestmark = pytest.mark.spark


@pytest.mark.parametrize(
    ("job", "asked"),
    [
        pytest.param(run_aggregate_hours, ("--event-hour", "2026-11-22T10"), id="hour"),
        pytest.param(run_aggregate_hours, ("--from", "2026-11-22T10", "--to", "2026-11-22T12"), id="hours"),
        pytest.param(run_aggregate_days, ("--day", "2026-11-22"), id="day"),
        pytest.param(run_maintain_tables, (), id="maintenance"),
    ],
)
def test_a_misspelled_database_is_refused_and_not_made(
    lake_with_tables: Lake, capsys: pytest.CaptureFixture[str], job: ModuleType, asked: tuple[str, ...]
) -> None:
    misspelled = replace(lake_with_tables, database="lkae")
    assert job.main(arguments(misspelled, *asked)) == 1
    assert "there is no table in the database 'lkae'" in capsys.readouterr().err
    assert not Path(lake_with_tables.warehouse_uri, "lkae").exists()


@pytest.mark.parametrize("entry_point", sorted(path.stem for path in (ROOT / "spark_jobs").glob("run_*.py")))
def test_an_entry_point_finds_its_packages_from_any_directory(entry_point: str, tmp_path: Path) -> None:
    """As under spark-submit; .venv itself knows where the checkout is, so nothing of it but the libraries is used."""
    shown = subprocess.run(
        [sys.executable, "-S", str(ROOT / "spark_jobs" / f"{entry_point}.py"), "--help"],
        cwd=tmp_path,
        env={"PYTHONPATH": sysconfig.get_path("purelib")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith(f"usage: {entry_point} ")
    assert "Exit codes" in " ".join(shown.stdout.split())
