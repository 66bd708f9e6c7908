"""One local cloud per test run, and AWS clients that hold its answers against botocore's models."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from local.cloud.process import LocalCloud
from tests.local.cloud.service_model import check_every_answer


class Clients:
    """boto3 clients of one cloud; those of our own services check every answer."""

    def __init__(self, cloud: LocalCloud, **config: Any) -> None:
        self._config = Config(**config)
        environment = cloud.environment()
        self._session = boto3.Session(
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=environment["AWS_REGION"],
        )
        self._endpoint_url = cloud.endpoint_url

    def __getattr__(self, service: str) -> Any:
        client = self._session.client(service, endpoint_url=self._endpoint_url, config=self._config)
        if service in ("kinesis", "firehose", "athena"):
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
