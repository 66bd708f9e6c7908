"""What a stream is, apart from its records: one frozen value ↔ one JSON document on disk."""

import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from local.cloud import files
from local.cloud.emulator import Scope
from local.cloud.kinesis.shards import Shard, ShardMap

DEFAULT_RETENTION_HOURS = 24


@dataclass(frozen=True, kw_only=True)
class StreamState:
    """A stream's definition. Times are epoch seconds.

    `busy_status` (CREATING or UPDATING) holds until `busy_until`; `incarnation` tells a stream from an earlier one of
    the same name; `resize_calls` are the UpdateShardCount calls of the last 24 hours.
    """

    scope: Scope
    name: str
    incarnation: str
    created: float
    shards: ShardMap
    busy_status: str = "CREATING"
    busy_until: float = 0.0
    retention_hours: int = DEFAULT_RETENTION_HOURS
    tags: dict[str, str] = field(default_factory=dict)
    key_id: str | None = None
    shard_level_metrics: tuple[str, ...] = ()
    resize_calls: tuple[float, ...] = ()

    @property
    def arn(self) -> str:
        return f"arn:aws:kinesis:{self.scope.region}:{self.scope.account}:stream/{self.name}"

    @property
    def status(self) -> str:
        return self.busy_status if time.time() < self.busy_until else "ACTIVE"

    def busy(self, status: str, seconds: float) -> "StreamState":
        return replace(self, busy_status=status, busy_until=time.time() + seconds)


def save(path: Path, state: StreamState) -> None:
    """Durable on return."""
    files.write_json(path, asdict(state))


def load(path: Path) -> StreamState:
    """The state that `save` wrote; BrokenStateError when it is not there whole."""
    return files.read_json(path, _parse)


def _parse(document: dict[str, Any]) -> StreamState:
    shards = document.pop("shards")
    return StreamState(
        scope=Scope(**document.pop("scope")),
        shards=ShardMap(shards=tuple(Shard(**shard) for shard in shards["shards"]), next_index=shards["next_index"]),
        shard_level_metrics=tuple(document.pop("shard_level_metrics")),
        resize_calls=tuple(document.pop("resize_calls")),
        **document,
    )
