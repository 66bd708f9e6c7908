"""Another session gap, set in its one place, gives the tables that the specification gives for it, or is refused.

Each test imports a copy of the contracts with another gap, in a process of its own.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
DECLARED = "SESSION_GAP: Final = timedelta(minutes=30)"
COMPARED = """
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
import tests.conftest  # hypothesis has no deadline
from tests.specification import sessions
from tests.spark_jobs import reference_tables

sessions.GAP = reference_tables.GAP = timedelta(minutes={minutes})

from tests.spark_jobs.hourly import test_hour_task
from tests.spark_jobs.specification import test_hour_queries

test_hour_queries.STREAMS = 40
with TemporaryDirectory() as folder:
    test_hour_queries.test_the_queries_make_every_hour_as_specified(
        Path(folder), "EUR", per_site=False, own_programs=()
    )
test_hour_task.test_batches_of_any_hours_are_what_the_reference_says()
"""


def run(folder: Path, gap: str, program: str) -> "subprocess.CompletedProcess[str]":
    """Run a program with contracts that declare this gap."""
    shutil.copytree(ROOT / "contracts", folder / "contracts", ignore=shutil.ignore_patterns("__pycache__"))
    rules = folder / "contracts" / "rules.py"
    text = rules.read_text(encoding="utf-8")
    assert DECLARED in text
    rules.write_text(text.replace(DECLARED, f"SESSION_GAP: Final = {gap}"), encoding="utf-8")
    path = os.pathsep.join(map(str, (folder, ROOT, ROOT / "plugins")))
    return subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("minutes", [90, 150])
def test_hours_look_back_as_far_as_the_gap_asks_for(tmp_path: Path, minutes: int) -> None:
    done = run(tmp_path, f"timedelta(minutes={minutes})", COMPARED.format(minutes=minutes))
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("gap", ["timedelta(days=1)", "timedelta(0)"])
def test_a_gap_that_a_days_sessions_cant_have_is_refused_at_import(tmp_path: Path, gap: str) -> None:
    done = run(tmp_path, gap, "import contracts.rules")
    assert "RuleError: SESSION_GAP is " in done.stderr
    assert "less than a day" in done.stderr
