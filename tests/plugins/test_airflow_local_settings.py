"""What tasks read the ledger with is imported by the scheduler, which they are forked from, and by nobody else."""

import os
import subprocess
import sys

import pytest

IMPORTED = """
import sys
sys.argv = ["airflow", {component!r}]
import airflow_local_settings
print("pyiceberg.io.pyarrow" in sys.modules, "hour_ledger.store" in sys.modules, "airflow" in sys.modules)
"""


@pytest.mark.parametrize(
    ("component", "imported"),
    [
        pytest.param("scheduler", "True True False", id="scheduler"),
        pytest.param("triggerer", "False False False", id="triggerer"),
    ],
)
def test_the_scheduler_has_what_its_tasks_need_before_it_forks_them(component: str, imported: str) -> None:
    program = IMPORTED.format(component=component)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == imported
