"""Rules between the numbers of an environment and what jobs and DAGs rely on."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from contracts.partitions import LONGEST_DELIVERY
from infra.settings import ENVIRONMENTS, EnvironmentSettings

COMPOSE = Path(__file__).resolve().parents[2] / "docker-compose.yaml"


@pytest.mark.parametrize("settings", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_no_stream_keeps_records_longer_than_one_object_may_span(settings: EnvironmentSettings) -> None:
    assert timedelta(hours=settings.stream.retention_hours) <= LONGEST_DELIVERY


def test_docker_compose_gives_airflow_the_buffer_interval_of_the_local_stack() -> None:
    (seconds,) = re.findall(r'CLICKSTREAM_BUFFER_SECONDS: "(\d+)"', COMPOSE.read_text())
    assert int(seconds) == ENVIRONMENTS["local"].delivery.buffer_seconds
