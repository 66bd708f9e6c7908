"""What happened to a stream → AWS/Kinesis metrics in CloudWatch, one statistic set per metric and minute.

Later samples update the current minute's set in place, so a million puts leave one datum per minute. Shard-level
metrics are written only where enhanced monitoring is on; on AWS they cost money.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from local.cloud import emulator

SHARD_LEVEL = (
    "IncomingBytes",
    "IncomingRecords",
    "OutgoingBytes",
    "OutgoingRecords",
    "WriteProvisionedThroughputExceeded",
    "ReadProvisionedThroughputExceeded",
    "IteratorAgeMilliseconds",
)
_NAMESPACE = "AWS/Kinesis"
_UNITS = {"Bytes": "Bytes", "Milliseconds": "Milliseconds"}


@dataclass(frozen=True, kw_only=True)
class _Key:
    scope: emulator.Scope
    stream: str
    shard: str | None
    metric: str


@dataclass(kw_only=True)
class Metrics:
    """Turns samples into statistic sets; `store` takes a set that changes until its minute ends."""

    store: Callable[..., None] = emulator.add_statistic_set
    _current: dict[_Key, tuple[int, dict[str, float]]] = field(default_factory=dict)

    def add(self, scope: emulator.Scope, stream: str, shard: str | None, samples: Mapping[str, float]) -> None:
        """Add one sample to each metric of a stream, or of one of its shards."""
        for metric, value in samples.items():
            self._add(_Key(scope=scope, stream=stream, shard=shard, metric=metric), value)

    def _add(self, key: _Key, value: float) -> None:
        minute = int(time.time() // 60) * 60
        started, statistics = self._current.get(key, (0, {}))
        if started == minute:
            statistics["SampleCount"] += 1
            statistics["Sum"] += value
            statistics["Minimum"] = min(statistics["Minimum"], value)
            statistics["Maximum"] = max(statistics["Maximum"], value)
            return
        statistics = {"SampleCount": 1, "Sum": value, "Minimum": value, "Maximum": value}
        self._current[key] = (minute, statistics)
        self.store(
            key.scope,
            namespace=_NAMESPACE,
            metric=key.metric,
            dimensions={"StreamName": key.stream} | ({"ShardId": key.shard} if key.shard else {}),
            unit=next((unit for ending, unit in _UNITS.items() if key.metric.endswith(ending)), "Count"),
            timestamp=float(minute),
            statistics=statistics,
        )
