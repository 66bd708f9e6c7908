"""What a DAG found of a lake → CloudWatch, where the template's alarms look at it (`infra/monitoring.py`)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

import boto3

from contracts.ledger import LandingRow
from contracts.metrics import DIMENSION, NAMESPACE, Metric
from contracts.names import LakeLocation
from contracts.partitions import HOUR
from pipeline.lake_status.checks import DataCheckError, LedgerError


def put_metrics(lake: LakeLocation, values: Mapping[Metric, float]) -> None:
    """Put values of this moment; the role of Airflow needs cloudwatch:PutMetricData."""
    dimensions = [{"Name": DIMENSION, "Value": lake.database}]
    data = [{"MetricName": metric, "Value": float(value), "Dimensions": dimensions} for metric, value in values.items()]
    boto3.client("cloudwatch").put_metric_data(Namespace=NAMESPACE, MetricData=data)


def settled(row: LandingRow, now: datetime) -> dict[Metric, float]:
    """Return the metrics of a landing hour that was found right at `now`."""
    return {
        Metric.SETTLED_HOURS: 1,
        Metric.SECONDS_BEHIND: (now - row.landing_hour - HOUR).total_seconds(),
        Metric.REJECTED_SHARE: row.rejected / row.lines if row.lines else 0,
    }


@contextmanager
def failures_counted(lake: LakeLocation) -> Iterator[None]:
    """Count a `LedgerError` as what it is, and pass it on."""
    try:
        yield
    except LedgerError as error:
        failed = isinstance(error, DataCheckError)
        put_metrics(lake, {Metric.FAILED_CHECKS if failed else Metric.UNBALANCED_HOURS: 1})
        raise
