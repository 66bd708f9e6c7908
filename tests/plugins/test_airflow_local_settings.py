"""Who loads what tasks import: the scheduler, from which they are forked, and no other process of Airflow."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.airflow_home import ROOT

TASK_IMPORTS = {"pipeline.lake_status.derived", "pipeline.lake_status.hours"}
_LOADED = f"import sys, airflow_local_settings; print(*{TASK_IMPORTS} & sys.modules.keys())"

pytestmark = pytest.mark.airflow


@pytest.mark.parametrize(
    ("service", "loaded"), [("scheduler", TASK_IMPORTS), ("api-server", set()), ("dag-processor", set())]
)
def test_only_the_scheduler_loads_what_tasks_import(tmp_path: Path, service: str, loaded: set[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LOADED, service],
        env={"AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(done.stdout.split()) == loaded
