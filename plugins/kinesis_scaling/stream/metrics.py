"""CloudWatch → the minutes of a stream as the policy takes them, kept and brought up to date poll by poll.

The first poll goes back eight days, which is as far as the policy looks; later ones ask for the last quarter of an hour
again, because points come one or two minutes late and are completed later.

docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html: at most 500 metrics and 100,800 points
a call; points of 60 s are kept for 15 days.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from kinesis_scaling.errors import AwsUnavailableError, NotAllowedError
from kinesis_scaling.stream.aws_errors import translate_aws_errors
from kinesis_scaling.stream_state import MinuteSample

CALL: Final = "cloudwatch:GetMetricData"
NAMESPACE: Final = "AWS/Kinesis"
PERIOD_SECONDS: Final = 60
METRICS_PER_CALL: Final = 500
POINTS_PER_PAGE: Final = 100_800

MINUTE: Final = timedelta(minutes=1)
HISTORY: Final = timedelta(days=8)
#: A poll asks for this much again.
REFRESHED: Final = timedelta(minutes=15)
#: An older value of the age of a consumer's iterator says nothing about now.
LAG_IS_KNOWN_FOR: Final = timedelta(minutes=5)

Points = Mapping[datetime, float]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric of the stream, or of one of its shards, and the statistic to read for each minute."""

    name: str
    statistic: str
    shard_id: str | None = None


INCOMING_RECORDS: Final = Metric(name="IncomingRecords", statistic="Sum")
INCOMING_BYTES: Final = Metric(name="IncomingBytes", statistic="Sum")
THROTTLED: Final = Metric(name="WriteProvisionedThroughputExceeded", statistic="Sum")
READS: Final = Metric(name="GetRecords.Success", statistic="SampleCount")
ITERATOR_AGE: Final = Metric(name="GetRecords.IteratorAgeMilliseconds", statistic="Maximum")
METRICS: Final = (INCOMING_RECORDS, INCOMING_BYTES, THROTTLED, READS, ITERATOR_AGE)


class StreamMetrics:
    """The known minutes of one stream; `samples` are complete minutes, oldest first."""

    def __init__(self, cloudwatch: Any, stream_name: str, points_come_within: timedelta) -> None:
        self._cloudwatch = cloudwatch
        self._stream_name = stream_name
        self._points_come_within = points_come_within
        self.samples: list[MinuteSample] = []
        self.consumer_lag: timedelta | None = None

    def refresh(self, now: datetime) -> None:
        """Ask CloudWatch for what may be new by `now`; `StreamError` leaves what was known as it was."""
        end = now.replace(second=0, microsecond=0)
        # From the last known minute on, not from the last poll, so that the minutes of an outage are read after it.
        start = end - HISTORY if not self.samples else self.samples[-1].minute - REFRESHED
        points = read_points(self._cloudwatch, self._stream_name, METRICS, start, end)
        kept = [sample for sample in self.samples if end - HISTORY <= sample.minute < start]
        self.samples = kept + _samples(points, quiet_before=now - self._points_come_within)
        self.consumer_lag = _lag(points[ITERATOR_AGE], end)


def read_points(
    cloudwatch: Any, stream_name: str, metrics: Sequence[Metric], start: datetime, end: datetime
) -> dict[Metric, Points]:
    """Return the points of the minutes of `[start, end)`; raise `StreamError` if CloudWatch has not all of them."""
    found: dict[Metric, dict[datetime, float]] = {metric: {} for metric in metrics}
    for first in range(0, len(metrics), METRICS_PER_CALL):
        by_id = {f"m{number}": metric for number, metric in enumerate(metrics[first : first + METRICS_PER_CALL])}
        queries = [_query(query_id, metric, stream_name) for query_id, metric in by_id.items()]
        for result in _results(cloudwatch, stream_name, queries, start, end):
            points = found[by_id[result["Id"]]]
            for at, value in zip(result["Timestamps"], result["Values"], strict=True):
                points[at.astimezone(UTC)] = value
    return dict(found)


def _query(query_id: str, metric: Metric, stream_name: str) -> dict[str, Any]:
    dimensions = [{"Name": "StreamName", "Value": stream_name}]
    if metric.shard_id is not None:
        dimensions.append({"Name": "ShardId", "Value": metric.shard_id})
    named = {"Namespace": NAMESPACE, "MetricName": metric.name, "Dimensions": dimensions}
    return {"Id": query_id, "MetricStat": {"Metric": named, "Period": PERIOD_SECONDS, "Stat": metric.statistic}}


def _results(
    cloudwatch: Any, stream_name: str, queries: list[dict[str, Any]], start: datetime, end: datetime
) -> Iterator[dict[str, Any]]:
    """Yield the results of every page; raise `StreamError` after the last one unless they are complete."""
    request: dict[str, Any] = {
        "MetricDataQueries": queries,
        "StartTime": start,
        "EndTime": end,
        "ScanBy": "TimestampAscending",
        "MaxDatapoints": POINTS_PER_PAGE,
    }
    status: dict[str, str] = {}
    while True:
        with translate_aws_errors(CALL, stream_name):
            page = cloudwatch.get_metric_data(**request)
        for result in page["MetricDataResults"]:
            status[result["Id"]] = result["StatusCode"]
            yield result
        if not page.get("NextToken"):
            break
        request["NextToken"] = page["NextToken"]
    # A page with another page after it says PartialData; on the last one it means that points are missing.
    if "Forbidden" in status.values():
        raise NotAllowedError(f"{CALL} is not allowed for stream {stream_name} (Forbidden): grant it to Airflow's role")
    if wrong := {code for code in status.values() if code != "Complete"}:
        raise AwsUnavailableError(
            f"{CALL} for stream {stream_name} answered {', '.join(sorted(wrong))}: not all metrics are there, and what "
            "is not known is not taken for zero"
        )


def _samples(points: Mapping[Metric, Points], quiet_before: datetime) -> list[MinuteSample]:
    minutes = sorted({minute for metric in METRICS[:4] for minute in points[metric]})
    return [
        MinuteSample(
            minute=minute,
            incoming_records=points[INCOMING_RECORDS].get(minute),
            incoming_bytes=points[INCOMING_BYTES].get(minute),
            throttled_records=points[THROTTLED].get(minute, 0.0),
            reads_seen=points[READS].get(minute, 0.0) > 0 and minute + MINUTE <= quiet_before,
        )
        for minute in minutes
    ]


def _lag(ages: Points, end: datetime) -> timedelta | None:
    latest = max((minute for minute in ages if end - minute <= LAG_IS_KNOWN_FOR), default=None)
    return None if latest is None else timedelta(milliseconds=ages[latest])
