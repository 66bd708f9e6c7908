"""`make sql OUT=dir`: the tables that `make run` wrote, without a cloud."""

import subprocess
from pathlib import Path

import duckdb
import pytest

from local.lake_shell.__main__ import main

ROOT = Path(__file__).resolve().parents[3]


def write_table(out: Path, name: str, rows: str) -> None:
    folder = out / "tables" / name
    folder.mkdir(parents=True, exist_ok=True)
    duckdb.execute(f"COPY ({rows}) TO '{folder}/{name}.parquet'")


def test_what_make_run_wrote_is_asked_by_the_tables_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_table(tmp_path, "daily_funnel", "SELECT 1 AS step, TIMESTAMPTZ '2026-11-22 08:00:00+00' AS at")
    assert main(["--run", str(tmp_path), "--format", "csv", "--query", "FROM daily_funnel"]) == 0
    assert capsys.readouterr().out == "step,at\n1,2026-11-22 08:00:00+00:00\n"
    write_table(tmp_path, "daily_funnel", "SELECT 2 AS step")
    assert main(["--run", str(tmp_path), "--format", "csv", "--query", "SELECT step FROM daily_funnel"]) == 0
    assert capsys.readouterr().out == "step\n2\n"


def test_a_table_that_the_run_does_not_have_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_table(tmp_path, "daily_funnel", "SELECT 1 AS step")
    assert main(["--run", str(tmp_path), "--query", "FROM scaling_decisions"]) == 1
    assert "No job has made scaling_decisions yet." in capsys.readouterr().err
    assert main(["--run", str(tmp_path), "--query", "SELECT * FROM daily_funnel FOR VERSION AS OF 1"]) == 1
    assert "what make run wrote has no earlier commits" in capsys.readouterr().err


def test_a_folder_that_no_run_has_filled_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--run", str(tmp_path), "--query", "SELECT 1"]) == 1
    assert f"{tmp_path} has no tables: name the folder that make run" in capsys.readouterr().err


def test_make_passes_sql_on_as_it_was_typed(tmp_path: Path) -> None:
    write_table(tmp_path, "daily_funnel", """SELECT '{"event": {"name": "Search"}}'::JSON AS line""")
    query = """SELECT line->>'$.event.name' AS name, '"' AS quote, 'a$history' AS dollar FROM daily_funnel"""
    made = ["make", "--no-print-directory", "--assume-old=setup", "sql", f"OUT={tmp_path}", f"QUERY={query}"]
    done = subprocess.run(made, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Search" in done.stdout
    assert "a$history" in done.stdout
