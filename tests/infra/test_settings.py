"""Rules between the numbers of an environment and what jobs rely on."""

from datetime import timedelta

import pytest

from contracts.partitions import LONGEST_DELIVERY
from infra.settings import ENVIRONMENTS, EnvironmentSettings


@pytest.mark.parametrize("settings", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_no_stream_keeps_records_longer_than_one_object_may_span(settings: EnvironmentSettings) -> None:
    assert timedelta(hours=settings.retention_hours) <= LONGEST_DELIVERY
