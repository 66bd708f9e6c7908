"""A Kinesis service in this process, without HTTP: for rules that need many calls or a hand on the clock."""

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.cloud.errors import Shutdown
from local.cloud.kinesis.metrics import Metrics
from local.cloud.kinesis.service import KinesisService
from local.cloud.kinesis.streams import Streams
from local.cloud.settings import LocalCloudSettings


@dataclass
class StoredMetrics:
    """Takes the place of CloudWatch: what was stored, by metric and shard."""

    sets: dict[tuple[str, str | None], dict[str, float]] = field(default_factory=dict)

    def store(
        self, scope: Any, *, metric: str, dimensions: dict[str, str], statistics: dict[str, float], **_: Any
    ) -> None:
        self.sets[metric, dimensions.get("ShardId")] = statistics


def service_in(folder: Path, metrics: StoredMetrics | None = None, **settings: Any) -> KinesisService:
    """A service over the state in `folder`; a second one over the same folder is a restarted process."""
    given = LocalCloudSettings(state_dir=folder, **{"reshard_seconds": 0, "reshard_operation_seconds": 0} | settings)
    return KinesisService(Streams.open(given, Metrics(store=(metrics or StoredMetrics()).store)), Shutdown())


def put(service: KinesisService, stream: str, key: str, *payloads: bytes) -> list[dict[str, Any]]:
    records = [{"Data": base64.b64encode(one).decode(), "PartitionKey": key} for one in payloads]
    results: list[dict[str, Any]] = service.call("PutRecords", {"StreamName": stream, "Records": records})["Records"]
    return results


def read_shard(service: KinesisService, stream: str, shard: str) -> list[tuple[str, bytes]]:
    """(key, data) of a shard's records, from the oldest on."""
    asked = {"StreamName": stream, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
    iterator = service.call("GetShardIterator", asked)["ShardIterator"]
    found: list[tuple[str, bytes]] = []
    while iterator:
        answer = service.call("GetRecords", {"ShardIterator": iterator, "Limit": 7})
        found += [(one["PartitionKey"], base64.b64decode(one["Data"])) for one in answer["Records"]]
        iterator = answer.get("NextShardIterator") if answer["Records"] else None
    return found


def read_stream(service: KinesisService, stream: str) -> list[tuple[str, bytes]]:
    """All records as a consumer reads them: parents before children."""
    shards = service.call("ListShards", {"StreamName": stream})["Shards"]
    return [record for shard in shards for record in read_shard(service, stream, shard["ShardId"])]
