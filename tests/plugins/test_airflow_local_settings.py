"""Who loads what DAG files and tasks import: the processes from which theirs are forked, and none else of Airflow."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.airflow_home import PIPELINE_ENVIRONMENT, ROOT

#: Where Spark runs on this machine.
OF_DAGS: Final = {"pipeline.lake_status.derived", "pipeline.stage_tasks", "pipeline.local_spark"}
OF_TASKS: Final = OF_DAGS | {"pyiceberg.io.pyarrow"}
ON_EMR: Final = OF_TASKS - {"pipeline.local_spark"} | {"pipeline.emr_serverless"}
_LOADED: Final = f"import sys, airflow_local_settings; print(*{OF_TASKS | ON_EMR} & sys.modules.keys())"
#: A file of the package that describes AWS's services is opened only if it is not in memory.
_NEW: Final = """
import os, sys
import airflow_local_settings
import airflow.sdk
from contracts.names import LakeLocation
os.environ.update(AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b", AWS_DEFAULT_REGION="eu-central-1")
before, opened = set(sys.modules), []
sys.addaudithook(lambda event, given: opened.append(str(given[0])) if event == "open" else None)
import transform_events
from pipeline.lake_status.store import open_ledger
open_ledger(LakeLocation(raw_uri="s3://raw/raw", warehouse_uri="s3://warehouse/warehouse", database="none"))
print(*sorted(set(sys.modules) - before), *(path for path in opened if "botocore" in path))
"""

pytestmark = pytest.mark.airflow


def printed(folder: Path, program: str, service: str, **variables: str) -> list[str]:
    """Return what a program prints, word by word, as a service of Airflow."""
    done = subprocess.run(
        [sys.executable, "-c", program, service],
        env={
            "AIRFLOW_HOME": str(folder),
            "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}:{ROOT / 'dags'}",
            **PIPELINE_ENVIRONMENT,
            **variables,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()[-1].split()


@pytest.mark.parametrize(
    ("service", "spark", "loaded"),
    [
        ("scheduler", "local", OF_TASKS),
        ("scheduler", "emr-serverless", ON_EMR),
        ("dag-processor", "local", OF_DAGS),
        ("api-server", "local", set()),
    ],
)
def test_who_forks_loads_what_its_children_import(tmp_path: Path, service: str, spark: str, loaded: set[str]) -> None:
    assert set(printed(tmp_path, _LOADED, service, CLICKSTREAM_SPARK=spark)) == loaded


def test_a_task_loads_nothing_but_its_dag_and_opens_no_description_of_a_service(tmp_path: Path) -> None:
    assert printed(tmp_path, _NEW, "scheduler") == ["transform_events"]
