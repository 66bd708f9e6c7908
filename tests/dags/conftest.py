"""The DAGs, parsed once for all tests of them: that takes some seconds. And a real Airflow, which takes a minute.

Each module has an Airflow of its own, which ends with it: one that idles takes a fifth of a core from what comes next.
"""

import base64
import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import boto3
import pytest

from local.airflow import AirflowApi, LocalAirflow
from local.cloud.process import LocalCloud
from tests.airflow_home import PIPELINE_ENVIRONMENT, ROOT, set_up_airflow_home

set_up_airflow_home()

from airflow.dag_processing.dagbag import DagBag  # noqa: E402
from airflow.sdk import DAG  # noqa: E402

from pipeline.lake_status.store import LedgerStore, open_ledger  # noqa: E402
from tests.dags.airflow_runs import DAGS, LAKE  # noqa: E402


@pytest.fixture(scope="session")
def dag_bag() -> Iterator[DagBag]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in PIPELINE_ENVIRONMENT.items():
            patch.setenv(name, value)
        yield DagBag(ROOT / "dags")


@pytest.fixture(scope="session")
def dags(dag_bag: DagBag) -> dict[str, DAG]:
    return dict(dag_bag.dags)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hours")


@pytest.fixture(scope="module")
def cloud_environment(folder: Path) -> Iterator[dict[str, str]]:
    """A local cloud with two buckets and a database, as the variables by which AWS clients find it."""
    cloud = LocalCloud(folder / "cloud").start()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in cloud.environment().items():
            patch.setenv(name, value)
        for bucket in ("raw", "warehouse"):
            boto3.client("s3").create_bucket(Bucket=bucket)
        boto3.client("glue").create_database(DatabaseInput={"Name": LAKE.database})
    yield cloud.environment()
    cloud.stop()


@pytest.fixture(scope="module")
def secret_variables() -> Mapping[str, str]:
    """What only Airflow's processes know, drawn for this run, so that no text holds one by chance.

    The local cloud takes any secret of AWS's.
    """
    return {
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(64),
        "AWS_SECRET_ACCESS_KEY": secrets.token_hex(20),
    }


@pytest.fixture(scope="module")
def airflow(
    folder: Path, cloud_environment: dict[str, str], secret_variables: Mapping[str, str]
) -> Iterator[LocalAirflow]:
    """Airflow with the DAGs, in which Spark's jobs are those of fake_spark_submit.py."""
    program = folder / "bin" / "spark-submit"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {ROOT}/tests/dags/fake_spark_submit.py "$@"\n')
    program.chmod(0o755)
    environment = {
        **cloud_environment,
        **secret_variables,
        "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
        "JOBS_DONE": str(folder / "jobs_done"),
        "CLICKSTREAM_ENVIRONMENT": "test",
        "CLICKSTREAM_RAW_URI": LAKE.raw_uri,
        "CLICKSTREAM_WAREHOUSE_URI": LAKE.warehouse_uri,
        "CLICKSTREAM_DATABASE": LAKE.database,
    }
    with LocalAirflow(folder / "airflow", environment=environment, unpause=DAGS, spark_slots=2) as airflow:
        yield airflow


@pytest.fixture(scope="module")
def cloud(cloud_environment: dict[str, str]) -> Iterator[None]:
    """Point this process's AWS clients at the local cloud."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in cloud_environment.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def api(airflow: LocalAirflow, cloud: None) -> AirflowApi:
    return airflow.api


@pytest.fixture(scope="module")
def ledger(cloud: None) -> LedgerStore:
    return open_ledger(LAKE)
