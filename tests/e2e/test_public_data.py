"""Third parties' data sets through `make run`: their own figures come out, and a wrong one is an error."""

import subprocess
from pathlib import Path

import duckdb
import pytest

from benchmarks.public_figures import DATA_SETS, figures

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.e2e, pytest.mark.spark, pytest.mark.timeout(900)]


def make_run(*variables: str) -> "subprocess.CompletedProcess[str]":
    command = ["make", "--no-print-directory", "run", *variables]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def retentioneering(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return the directory that a run over the data set in this repository filled, and what it printed."""
    out = tmp_path_factory.mktemp("public") / "out"
    done = make_run("DATA=retentioneering", f"OUT={out}")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return out, done.stdout


def test_the_figures_of_retentioneering_come_out(retentioneering: tuple[Path, str]) -> None:
    _, printed = retentioneering
    assert "DIFFERS" not in printed
    assert "figures agree" in printed


def test_a_figure_that_differs_is_found(retentioneering: tuple[Path, str], tmp_path: Path) -> None:
    out, _ = retentioneering
    for table in (out / "tables").iterdir():
        (tmp_path / table.name).mkdir()
        source, target = table / f"{table.name}.parquet", tmp_path / table.name / "rows.parquet"
        condition = "user_id <> (SELECT min(user_id) FROM rows)" if table.name == "user_days" else "true"
        duckdb.execute(
            f"COPY (WITH rows AS (FROM '{source}') SELECT * FROM rows WHERE {condition}) TO '{target}' (FORMAT parquet)"
        )
    differing = [figure for figure in figures(tmp_path, DATA_SETS["retentioneering"]) if not figure.agrees]
    assert [(figure.name, figure.ours, figure.expected) for figure in differing] == [("users (user_days)", 599, 600)]


def test_a_data_set_that_may_not_be_shipped_asks_for_its_folder(tmp_path: Path) -> None:
    done = make_run("DATA=rees46", f"OUT={tmp_path}/out")
    assert done.returncode != 0
    assert "rees46 is not part of this repository: name the folder of its events.csv.gz" in done.stderr
