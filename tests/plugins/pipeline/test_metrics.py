"""What is put where the alarms look: of an hour that is right, and of one that is not."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from contracts.ledger import LandingRow
from contracts.metrics import DIMENSION, NAMESPACE, Metric
from contracts.names import LakeLocation
from contracts.partitions import HOUR
from pipeline import metrics
from pipeline.failed_checks import failing_at_once
from pipeline.lake_status.checks import DataCheckError, LedgerError, LedgerImbalanceError

LAKE = LakeLocation(raw_uri="s3://r", warehouse_uri="s3://w", database="clickstream_test")
TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
ROW = LandingRow(
    landing_hour=TEN,
    input_version="v1",
    settled=True,
    unreadable_objects=0,
    lines=10,
    received=8,
    rejected=2,
    received_by_event_hour={TEN: 8},
)


@dataclass
class FakeCloudWatch:
    """Keeps what was put."""

    put: list[dict[str, Any]] = field(default_factory=list)

    def put_metric_data(self, **request: Any) -> None:
        self.put.append(request)

    @property
    def values(self) -> dict[str, float]:
        return {one["MetricName"]: one["Value"] for request in self.put for one in request["MetricData"]}


@pytest.fixture
def cloudwatch(monkeypatch: pytest.MonkeyPatch) -> FakeCloudWatch:
    fake = FakeCloudWatch()
    monkeypatch.setattr("pipeline.metrics.boto3.client", lambda _service: fake)
    return fake


def test_an_hour_that_is_right_says_how_far_behind_its_tables_are_and_what_was_rejected(
    cloudwatch: FakeCloudWatch,
) -> None:
    metrics.put_metrics(LAKE, metrics.settled(ROW, TEN + HOUR + timedelta(minutes=5)))
    (request,) = cloudwatch.put
    assert request["Namespace"] == NAMESPACE
    assert all(one["Dimensions"] == [{"Name": DIMENSION, "Value": LAKE.database}] for one in request["MetricData"])
    assert cloudwatch.values == {"SettledHours": 1.0, "SecondsBehind": 300.0, "RejectedShare": 0.2}


def test_of_an_empty_hour_nothing_was_rejected() -> None:
    assert metrics.settled(replace(ROW, lines=0, received=0, rejected=0), TEN + HOUR)[Metric.REJECTED_SHARE] == 0


@pytest.mark.parametrize(
    ("error", "metric"),
    [(LedgerImbalanceError("10 ≠ 9"), Metric.UNBALANCED_HOURS), (DataCheckError("too few"), Metric.FAILED_CHECKS)],
)
def test_a_ledger_that_does_not_hold_is_counted_and_fails_at_once(
    cloudwatch: FakeCloudWatch, monkeypatch: pytest.MonkeyPatch, error: LedgerError, metric: Metric
) -> None:
    monkeypatch.setattr("pipeline.failed_checks._leave_to_decide", lambda *_: None)
    with pytest.raises(AirflowFailException, match=str(error)), failing_at_once(LAKE, {}):
        raise error
    assert cloudwatch.values == {metric: 1.0}


def test_another_error_is_no_matter_of_the_ledgers(cloudwatch: FakeCloudWatch) -> None:
    with pytest.raises(KeyError), failing_at_once(LAKE, {}):
        raise KeyError
    assert cloudwatch.put == []
