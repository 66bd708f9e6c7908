"""All points of a metric are there, or it is an error: never a hole that looks like a quiet minute."""

from datetime import UTC, datetime, timedelta

import pytest

from kinesis_scaling.errors import AwsUnavailableError, NotAllowedError
from kinesis_scaling.stream.metrics import Metric, read_points
from tests.plugins.kinesis_scaling.stream.stubbed_stream import STREAM, StubbedStream, result

START = datetime(2026, 3, 6, 11, 0, tzinfo=UTC)
END = START + timedelta(minutes=3)
RECORDS = Metric(name="IncomingRecords", statistic="Sum")
OF_SHARD = Metric(name="IncomingRecords", statistic="Sum", shard_id="shardId-000000000003")


def minute(number: int) -> datetime:
    return START + timedelta(minutes=number)


def test_the_pages_of_an_answer_are_put_together(stream: StubbedStream) -> None:
    dimensions = [{"Name": "StreamName", "Value": STREAM}]
    queries = [
        {
            "Id": f"m{number}",
            "MetricStat": {
                "Metric": {"Namespace": "AWS/Kinesis", "MetricName": "IncomingRecords", "Dimensions": of},
                "Period": 60,
                "Stat": "Sum",
            },
        }
        for number, of in enumerate((dimensions, [*dimensions, {"Name": "ShardId", "Value": OF_SHARD.shard_id}]))
    ]
    request = {
        "MetricDataQueries": queries,
        "StartTime": START,
        "EndTime": END,
        "ScanBy": "TimestampAscending",
        "MaxDatapoints": 100_800,
    }
    first = [result("m0", {minute(0): 5.0, minute(1): 6.0}, "PartialData"), result("m1", {minute(0): 1.0})]
    stream.answers("get_metric_data", {"MetricDataResults": first, "NextToken": "more"}, request)
    stream.answers(
        "get_metric_data", {"MetricDataResults": [result("m0", {minute(2): 7.0})]}, {**request, "NextToken": "more"}
    )

    found = read_points(stream.cloudwatch, STREAM, [RECORDS, OF_SHARD], START, END)

    assert found == {RECORDS: {minute(0): 5.0, minute(1): 6.0, minute(2): 7.0}, OF_SHARD: {minute(0): 1.0}}


def test_five_hundred_metrics_are_asked_for_at_a_time(stream: StubbedStream) -> None:
    metrics = [Metric(name="IncomingBytes", statistic="Sum", shard_id=f"shardId-{number:012}") for number in range(501)]
    stream.answers("get_metric_data", {"MetricDataResults": [result(f"m{n}", {START: float(n)}) for n in range(500)]})
    stream.answers("get_metric_data", {"MetricDataResults": [result("m0", {START: 500.0})]})

    found = read_points(stream.cloudwatch, STREAM, metrics, START, END)

    assert [found[metric][START] for metric in metrics] == [float(number) for number in range(501)]


@pytest.mark.parametrize("status", ["PartialData", "InternalError"])
def test_an_answer_that_is_not_complete_is_an_error_that_may_pass(stream: StubbedStream, status: str) -> None:
    stream.answers("get_metric_data", {"MetricDataResults": [result("m0", {minute(0): 5.0}, status)]})

    with pytest.raises(AwsUnavailableError, match=f"answered {status}.*not taken for zero"):
        read_points(stream.cloudwatch, STREAM, [RECORDS], START, END)


def test_a_metric_that_is_forbidden_is_a_missing_right(stream: StubbedStream) -> None:
    stream.answers("get_metric_data", {"MetricDataResults": [result("m0", {}, "Forbidden")]})

    with pytest.raises(NotAllowedError, match="grant it"):
        read_points(stream.cloudwatch, STREAM, [RECORDS], START, END)


def test_a_missing_right_is_named(stream: StubbedStream) -> None:
    stream.refuses("get_metric_data", "AccessDenied", "not authorized to perform: cloudwatch:GetMetricData", 403)

    with pytest.raises(NotAllowedError, match=rf"cloudwatch:GetMetricData is not allowed for stream {STREAM}.*grant"):
        read_points(stream.cloudwatch, STREAM, [RECORDS], START, END)


@pytest.mark.parametrize(("code", "status"), [("Throttling", 400), ("InternalServiceFault", 500)])
def test_what_passes_by_itself_is_told_apart(stream: StubbedStream, code: str, status: int) -> None:
    stream.refuses("get_metric_data", code, status=status)

    with pytest.raises(AwsUnavailableError, match=code):
        read_points(stream.cloudwatch, STREAM, [RECORDS], START, END)
