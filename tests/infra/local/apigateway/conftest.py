"""The template, deployed once for all tests of the API."""

import uuid

import httpx
import pytest

from tests.infra.local.deployed_pipeline import StreamTail, deployed


@pytest.fixture(scope="session")
def pipeline(local_cloud, clients):
    return deployed(clients, local_cloud.endpoint_url, "apitests")


@pytest.fixture(scope="session")
def api(pipeline):
    with httpx.Client(base_url=pipeline.api_url, timeout=40) as client:
        yield client


@pytest.fixture
def tail(pipeline):
    return StreamTail(pipeline.clients.kinesis, pipeline.stream_name)


@pytest.fixture
def event():
    """A valid event; a user of its own, so that no test fills another's shard."""
    return {
        "timestamp": "2021-07-12 12:01:58.732726",
        "user_id": uuid.uuid4().hex,
        "click_id": uuid.uuid4().hex,
        "event_name": "Search",
        "additional_data": {"price": 417.97, "product_id": 557246},
    }
