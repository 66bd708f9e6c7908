"""The document → its object beside the warehouse's prefix, and metrics of it → CloudWatch."""

import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from contracts.live_document import DOCUMENT_NAME, LIVE_PREFIX, LiveDocument
from contracts.metrics import DIMENSION, NAMESPACE, Metric
from live.errors import LiveStorageError
from live.minutes import MINUTE
from storage.location import open_store

_REMEDY: Final = "check CLICKSTREAM_WAREHOUSE_URI, the credentials, and the right to write below live/ in its bucket"


class DocumentPublisher:
    """Writes each document in the place of the one before: an object appears whole or not at all."""

    def __init__(self, warehouse_uri: str) -> None:
        self._store = open_store(warehouse_uri, error=LiveStorageError, remedy=_REMEDY).beside(LIVE_PREFIX)

    def publish(self, document: LiveDocument) -> None:
        """Write the document; raise `LiveStorageError`."""
        self._store.put(DOCUMENT_NAME, document.to_json())


class MetricsPublisher:
    """Puts the metrics of each minute once, when its objects should be there; CloudWatch's refusal is told, no more.

    A service that was started again puts a minute a second time, with the same values: look at the maximum.
    """

    def __init__(self, database: str) -> None:
        self._dimensions = [{"Name": DIMENSION, "Value": database}]
        self._put_until: datetime | None = None

    def publish(self, document: LiveDocument, *, minute: datetime) -> None:
        """Put the metrics of a minute of the document, unless they were put."""
        if self._put_until is not None and minute <= self._put_until:
            return
        data = [
            {"MetricName": metric, "Value": float(value), "Timestamp": minute, "Dimensions": self._dimensions}
            for metric, value in metrics(document, minute).items()
        ]
        try:
            _client().put_metric_data(Namespace=NAMESPACE, MetricData=data)
        except (BotoCoreError, ClientError, ValueError) as error:
            print(f"live: can't put metrics to CloudWatch: {error}", file=sys.stderr)
        self._put_until = minute


def metrics(document: LiveDocument, minute: datetime) -> Mapping[Metric, float]:
    """Return the metrics of a minute of the document; a minute without lines has no rejected share."""
    at = (minute - document.first_minute) // MINUTE
    events = document.all_names.events[at]
    rejected = sum(rejections.lines[at] for rejections in document.rejections)
    values: dict[Metric, float] = {Metric.LIVE_EVENTS: events}
    if events + rejected:
        values[Metric.LIVE_REJECTED_SHARE] = rejected / (events + rejected)
    fresh = document.freshness
    if fresh.delivering is not None and fresh.reading is not None:
        values[Metric.LIVE_SECONDS_BEHIND] = fresh.delivering + fresh.reading
    return values


def _client() -> Any:
    return boto3.client("cloudwatch")
