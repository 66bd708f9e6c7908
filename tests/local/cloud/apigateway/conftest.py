"""The template, deployed once for all tests of the API."""

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from local.cloud.process import LocalCloud
from tests.local.cloud.deployed_pipeline import DeployedPipeline, StreamTail, deployed


@pytest.fixture(scope="session")
def pipeline(local_cloud: LocalCloud, clients: Any) -> DeployedPipeline:
    return deployed(clients, local_cloud.endpoint_url, "apitests")


@pytest.fixture(scope="session")
def api(pipeline: DeployedPipeline) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=pipeline.api_url, timeout=40) as client:
        yield client


@pytest.fixture
def tail(pipeline: DeployedPipeline) -> StreamTail:
    return StreamTail(pipeline.clients.kinesis, pipeline.stream_name)


@pytest.fixture(scope="session")
def crowded_pipeline(local_cloud: LocalCloud, clients: Any) -> DeployedPipeline:
    """A second one, for tests that fill shards: what they use up is no one else's."""
    return deployed(clients, local_cloud.endpoint_url, "apicrowd")


@pytest.fixture(scope="session")
def crowded_api(crowded_pipeline: DeployedPipeline) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=crowded_pipeline.api_url, timeout=40) as client:
        yield client


@pytest.fixture
def crowded_tail(crowded_pipeline: DeployedPipeline) -> StreamTail:
    return StreamTail(crowded_pipeline.clients.kinesis, crowded_pipeline.stream_name)


@pytest.fixture
def event() -> dict[str, Any]:
    """A valid event; a user of its own, so that no test fills another's shard."""
    return {
        "timestamp": "2021-07-12 12:01:58.732726",
        "user_id": uuid.uuid4().hex,
        "click_id": uuid.uuid4().hex,
        "event_name": "Search",
        "additional_data": {"price": 417.97, "product_id": 557246},
    }
