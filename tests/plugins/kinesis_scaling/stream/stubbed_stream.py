"""AWS's answers about one stream, for botocore's Stubber: both sides are held to AWS's own service models."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.stub import Stubber

STREAM = "clickstream-test-events"
NOW = datetime(2026, 3, 6, 12, 0, 30, tzinfo=UTC)
ARN = f"arn:aws:kinesis:us-east-1:123456789012:stream/{STREAM}"
WIDTH = 2**128


def client(service: str) -> Any:
    return boto3.client(service, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")


class StubbedStream:
    """Kinesis and CloudWatch as told; an unexpected call, or one that was expected and is not made, is an error."""

    def __init__(self) -> None:
        self.kinesis, self.cloudwatch = client("kinesis"), client("cloudwatch")
        self._stubbers = {"kinesis": Stubber(self.kinesis), "cloudwatch": Stubber(self.cloudwatch)}
        for stubber in self._stubbers.values():
            stubber.activate()

    def all_were_called(self) -> None:
        for stubber in self._stubbers.values():
            stubber.assert_no_pending_responses()

    def answers(self, call: str, answer: Mapping[str, Any], expected: Mapping[str, Any] | None = None) -> None:
        service = "cloudwatch" if call == "get_metric_data" else "kinesis"
        self._stubbers[service].add_response(call, dict(answer), None if expected is None else dict(expected))

    def refuses(
        self, call: str, code: str, message: str = "as recorded", status: int = 400, *, repeats: int = 0
    ) -> None:
        service = "cloudwatch" if call == "get_metric_data" else "kinesis"
        self._stubbers[service].add_client_error(
            call,
            service_error_code=code,
            service_message=message,
            http_status_code=status,
            response_meta={"RetryAttempts": repeats},
        )

    def summary(
        self, open_shards: int, status: str = "ACTIVE", mode: str = "PROVISIONED", shard_level: Sequence[str] = ()
    ) -> None:
        found = {
            "StreamName": STREAM,
            "StreamARN": ARN,
            "StreamStatus": status,
            "StreamModeDetails": {"StreamMode": mode},
            "RetentionPeriodHours": 24,
            "StreamCreationTimestamp": datetime(2026, 1, 1, tzinfo=UTC),
            "EnhancedMonitoring": [{"ShardLevelMetrics": list(shard_level)}] if shard_level else [{}],
            "EncryptionType": "NONE",
            "OpenShardCount": open_shards,
            "ConsumerCount": 0,
        }
        self.answers("describe_stream_summary", {"StreamDescriptionSummary": found}, {"StreamName": STREAM})

    def limits(self, shard_limit: int = 500, open_shards: int = 10) -> None:
        found = {
            "ShardLimit": shard_limit,
            "OpenShardCount": open_shards,
            "OnDemandStreamCount": 0,
            "OnDemandStreamCountLimit": 10,
        }
        self.answers("describe_limits", found, {})

    def tags(self, tags: Mapping[str, str]) -> None:
        found = [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
        self.answers("list_tags_for_stream", {"Tags": found, "HasMoreTags": False}, {"StreamName": STREAM})

    def tag_is_written(self, key: str, value: str) -> None:
        self.answers("add_tags_to_stream", {}, {"StreamName": STREAM, "Tags": {key: value}})

    def shards(self, *widths: int) -> None:
        """Open shards of these parts of the key space, in order; `shardId-…0` is the first."""
        unit, start, found = WIDTH // sum(widths), 0, []
        for number, width in enumerate(widths):
            end = WIDTH - 1 if number == len(widths) - 1 else start + unit * width - 1
            found.append(
                {
                    "ShardId": f"shardId-{number:012}",
                    "HashKeyRange": {"StartingHashKey": str(start), "EndingHashKey": str(end)},
                    "SequenceNumberRange": {"StartingSequenceNumber": "1"},
                }
            )
            start = end + 1
        self.answers("list_shards", {"Shards": found}, {"StreamName": STREAM, "ShardFilter": {"Type": "AT_LATEST"}})


def result(query_id: str, points: Mapping[datetime, float], status: str = "Complete") -> dict[str, Any]:
    """One metric of GetMetricData's answer."""
    return {
        "Id": query_id,
        "Label": query_id,
        "Timestamps": list(points),
        "Values": list(points.values()),
        "StatusCode": status,
    }
