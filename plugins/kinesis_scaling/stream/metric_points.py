"""Metrics of a stream → their points by minute, asked of CloudWatch in one call, however many pages the answer has.

docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html: at most 500 metrics and 100,800 points
a call; points of 60 s are kept for 15 days.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from kinesis_scaling.errors import AwsUnavailableError, NotAllowedError
from kinesis_scaling.stream.aws_errors import explained

CALL: Final = "cloudwatch:GetMetricData"
NAMESPACE: Final = "AWS/Kinesis"
PERIOD_SECONDS: Final = 60
METRICS_PER_CALL: Final = 500
POINTS_PER_PAGE: Final = 100_800

Points = Mapping[datetime, float]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric of the stream, or of one of its shards, and which statistic of each minute is wanted."""

    name: str
    statistic: str
    shard_id: str | None = None


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
    request: dict[str, Any] = {
        "MetricDataQueries": queries,
        "StartTime": start,
        "EndTime": end,
        "ScanBy": "TimestampAscending",
        "MaxDatapoints": POINTS_PER_PAGE,
    }
    status: dict[str, str] = {}
    while True:
        with explained(CALL, stream_name):
            page = cloudwatch.get_metric_data(**request)
        for result in page["MetricDataResults"]:
            status[result["Id"]] = result["StatusCode"]
            yield result
        if not page.get("NextToken"):
            break
        request["NextToken"] = page["NextToken"]
    # PartialData is what a page says that has another after it; on the last one it means that points are missing.
    if "Forbidden" in status.values():
        raise NotAllowedError(f"{CALL} is not allowed for stream {stream_name} (Forbidden): grant it to Airflow's role")
    if wrong := {code for code in status.values() if code != "Complete"}:
        raise AwsUnavailableError(
            f"{CALL} for stream {stream_name} answered {', '.join(sorted(wrong))}: not all metrics are there, and what "
            "is not known is not taken for zero"
        )
