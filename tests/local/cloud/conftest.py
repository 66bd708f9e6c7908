"""One local cloud per test run, and AWS clients that hold its answers against botocore's models."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.cloud.process import LocalCloud
from tests.local.cloud.service_model import check_every_answer


class Clients:
    """boto3 clients of one cloud; those of our own services check every answer."""

    def __init__(self, cloud: LocalCloud, **config: Any) -> None:
        self._cloud = cloud
        self._config = config

    def __getattr__(self, service: str) -> Any:
        client = self._cloud.client(service, **self._config)
        if service in ("kinesis", "firehose", "athena", "emr-serverless"):
            check_every_answer(client)
        setattr(self, service, client)
        return client


@pytest.fixture(scope="session")
def local_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("local_cloud")
    with LocalCloud(Path(folder), arguments=("--reshard-seconds", "0.2")) as cloud:
        yield cloud


@pytest.fixture(scope="session")
def clients(local_cloud: LocalCloud) -> Any:
    return Clients(local_cloud)


@pytest.fixture
def clients_of() -> Any:
    """Clients of another cloud than the run's."""
    return Clients


@pytest.fixture
def name() -> Any:
    """A name that no other test uses."""
    return f"test-{uuid.uuid4().hex[:12]}"
