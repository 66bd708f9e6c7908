"""Third parties' data sets through `make run`: their own figures come out, and a wrong one is an error."""

import gzip
import os
import subprocess
from pathlib import Path
from typing import Final

import duckdb
import pytest
from crawleruseragents import is_crawler

from benchmarks.public_figures import DATA_SETS, figures
from tests.benchmarks.rees46_rows import FIGURES, ROWS
from tests.spark_jobs.specification.witness import Witness

ROOT: Final = Path(__file__).resolve().parents[2]
#: Names the folder of the real REES46 month's `events.csv.gz`, which may not be part of this repository.
REES46_FOLDER: Final = "CLICKSTREAM_REES46_FOLDER"

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


def test_a_second_witness_makes_the_same_tables_of_it(retentioneering: tuple[Path, str]) -> None:
    out, _ = retentioneering
    witness = Witness(out / "tables", is_crawler)
    assert witness.count("clean_events") == 31_106
    assert witness.all_differences() == {}
    unnamed = {"hourly_product_stats", "daily_product_stats", "identity_links"}
    assert witness.empty_tables() == unnamed, "the source names neither products nor browsers"


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


def test_rows_in_the_format_of_rees46_come_out_with_their_revenue_and_funnel(tmp_path: Path) -> None:
    (tmp_path / "events.csv.gz").write_bytes(gzip.compress(ROWS.encode()))
    done = make_run("DATA=rees46", f"FOLDER={tmp_path}", f"OUT={tmp_path}/out")
    assert "DIFFERS" in done.stdout, done.stderr[-3000:]  # from the figures of the real month
    ours = list(figures(tmp_path / "out" / "tables", FIGURES))
    assert [figure for figure in ours if not figure.agrees] == []
    assert len(ours) == 18


@pytest.mark.skipif(REES46_FOLDER not in os.environ, reason=f"{REES46_FOLDER} does not name the data set's folder")
def test_the_figures_of_rees46_come_out(tmp_path: Path) -> None:
    done = make_run("DATA=rees46", f"FOLDER={os.environ[REES46_FOLDER]}", f"OUT={tmp_path}/out")
    assert "figures agree" in done.stdout, done.stdout[-3000:] + done.stderr[-3000:]
