"""The DAGs, parsed once for all tests of them: that takes some seconds."""

from collections.abc import Iterator

import pytest

from tests.airflow_home import PIPELINE_ENVIRONMENT, ROOT, set_up_airflow_home

set_up_airflow_home()

from airflow.dag_processing.dagbag import DagBag  # noqa: E402
from airflow.sdk import DAG  # noqa: E402


@pytest.fixture(scope="session")
def dag_bag() -> Iterator[DagBag]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in PIPELINE_ENVIRONMENT.items():
            patch.setenv(name, value)
        yield DagBag(ROOT / "dags")


@pytest.fixture(scope="session")
def dags(dag_bag: DagBag) -> dict[str, DAG]:
    return dict(dag_bag.dags)
