"""CloudWatch → what the API and the stream accepted, hour by hour of a day.

One call has a day: four metrics, of which each costs the same for an hour as for a day. A day that is over is asked
for once; one that is open once in a minute, however many look. That CloudWatch has nothing, or may not be asked, is no
error of the view: the day says so.

docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html: sums of hours are kept for 455 days.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from threading import Lock
from time import monotonic
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from contracts.names import API_STAGE, EnvironmentNames
from contracts.partitions import DAY, HOUR, start_of_day
from pages.lake.once import Believed

#: What changes still is asked for again after so many seconds.
BELIEVED_SECONDS: Final = 60.0
KEPT_DAYS: Final = 500
#: Points come some minutes late; a day is not asked for again once it is over for so long.
POINTS_COME_WITHIN: Final = HOUR
_KEPT_BY_CLOUDWATCH: Final = timedelta(days=455)
_REFUSED: Final = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")


@dataclass(frozen=True, kw_only=True)
class AcceptedHour:
    """Sums of an hour by the clock of AWS; None where CloudWatch has no point.

    `requests` are all that came to the API, of which it `refused` some by a 4xx and `failed` at some by a 5xx;
    `records` are in the stream, each with lines of one visitor.
    """

    requests: int | None = None
    refused: int | None = None
    failed: int | None = None
    records: int | None = None


@dataclass(frozen=True, kw_only=True)
class AcceptedDay:
    """The hours of a day of which CloudWatch has points; if it could not be asked, the `problem` and its `remedy`."""

    hours: Mapping[datetime, AcceptedHour] = field(default_factory=dict)
    problem: str = ""
    remedy: str = ""

    @property
    def version(self) -> str:
        """Return what differs once anything of it does."""
        return hashlib.sha256(repr((list(self.hours.items()), self.problem)).encode()).hexdigest()

    def sum_of(self, name: str) -> int | None:
        """Return a sum over the hours; None if no hour has it."""
        known = [getattr(hour, name) for hour in self.hours.values() if getattr(hour, name) is not None]
        return sum(known) if known else None


class AcceptedReader:
    """Asks CloudWatch for days of one environment; `clock` says which days are over."""

    def __init__(
        self,
        names: EnvironmentNames,
        *,
        cloudwatch: Any = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        seconds: Callable[[], float] = monotonic,
    ) -> None:
        # A person waits, and the rest of the view is there already.
        waiting = Config(connect_timeout=2, read_timeout=4, retries={"total_max_attempts": 2, "mode": "standard"})
        self._cloudwatch = cloudwatch or boto3.client("cloudwatch", config=waiting)
        self._queries = list(_queries(names))
        self._clock = clock
        self._seconds = seconds
        self._lock = Lock()
        self._settled: OrderedDict[date, AcceptedDay] = OrderedDict()
        self._open: OrderedDict[date, Believed[AcceptedDay]] = OrderedDict()

    def of(self, day: date) -> AcceptedDay:
        """Return what CloudWatch has of a day."""
        now = self._clock()
        if not now - _KEPT_BY_CLOUDWATCH < start_of_day(day) + DAY or start_of_day(day) > now:
            return AcceptedDay()
        with self._lock:
            kept = self._settled.get(day)
            if kept is not None:
                return kept
            asked = self._open.setdefault(day, self._asked_for(day))
            _shorten(self._open)
        found = asked.now()
        if not found.problem and now >= start_of_day(day) + DAY + POINTS_COME_WITHIN:
            with self._lock:
                self._settled[day] = found
                _shorten(self._settled)
        return found

    def _asked_for(self, day: date) -> Believed[AcceptedDay]:
        return Believed(partial(self._ask, day), BELIEVED_SECONDS, clock=self._seconds)

    def _ask(self, day: date) -> AcceptedDay:
        start = start_of_day(day)
        pages = self._cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=self._queries, StartTime=start, EndTime=start + DAY, ScanBy="TimestampAscending"
        )
        try:
            results = [result for page in pages for result in page["MetricDataResults"]]
        except ClientError as error:
            if error.response["Error"]["Code"] in _REFUSED:
                return _forbidden(str(error))
            return _away(str(error))
        except BotoCoreError as error:
            return _away(str(error))
        return _day_of(results)


def _shorten(days: "OrderedDict[date, Any]") -> None:
    while len(days) > KEPT_DAYS:
        days.popitem(last=False)


def _queries(names: EnvironmentNames) -> Iterator[dict[str, Any]]:
    of_api = {"ApiName": names.api, "Stage": API_STAGE}
    of_stream = {"StreamName": names.event_stream}
    # Which statistic is the number is in docs.aws.amazon.com/apigateway/latest/developerguide/ under
    # api-gateway-metrics-and-dimensions.html.
    for name, namespace, metric, statistic, dimensions in (
        ("requests", "AWS/ApiGateway", "Count", "SampleCount", of_api),
        ("refused", "AWS/ApiGateway", "4XXError", "Sum", of_api),
        ("failed", "AWS/ApiGateway", "5XXError", "Sum", of_api),
        ("records", "AWS/Kinesis", "IncomingRecords", "Sum", of_stream),
    ):
        named = {
            "Namespace": namespace,
            "MetricName": metric,
            "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
        }
        period = HOUR // timedelta(seconds=1)
        yield {"Id": name, "MetricStat": {"Metric": named, "Period": period, "Stat": statistic}}


def _day_of(results: Sequence[Mapping[str, Any]]) -> AcceptedDay:
    # A page with another one after it says PartialData; what counts is the last one of each metric.
    status = {result["Id"]: result["StatusCode"] for result in results}
    if "Forbidden" in status.values():
        return _forbidden("Forbidden")
    if wrong := sorted(set(status.values()) - {"Complete"}):
        return _away(", ".join(wrong))
    sums: dict[datetime, dict[str, int]] = {}
    for result in results:
        for at, value in zip(result["Timestamps"], result["Values"], strict=True):
            sums.setdefault(at.astimezone(UTC), {})[result["Id"]] = round(value)
    return AcceptedDay(hours={hour: AcceptedHour(**of_hour) for hour, of_hour in sorted(sums.items())})


def _forbidden(said: str) -> AcceptedDay:
    return AcceptedDay(
        problem=f"This Airflow may not ask CloudWatch what the API accepted: {said}.",
        remedy="Give cloudwatch:GetMetricData to its role; the stack's role of Airflow has it (docs/deployment.md).",
    )


def _away(said: str) -> AcceptedDay:
    return AcceptedDay(
        problem=f"CloudWatch does not say what the API accepted: {said}.",
        remedy="It is asked again in a minute. All that stands below is from the tables, and does not need it.",
    )
