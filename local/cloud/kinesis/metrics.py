"""What happened to a stream → AWS/Kinesis metrics in CloudWatch, one statistic set per metric and minute.

The set of the running minute is updated in place, so a million puts leave one datum per minute. Shard-level metrics
are written only where they are switched on, as on AWS, where they cost money.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from local.cloud import emulator
from local.cloud.kinesis.state import StreamState

NAMESPACE = "AWS/Kinesis"
SHARD_LEVEL = (
    "IncomingBytes",
    "IncomingRecords",
    "OutgoingBytes",
    "OutgoingRecords",
    "WriteProvisionedThroughputExceeded",
    "ReadProvisionedThroughputExceeded",
    "IteratorAgeMilliseconds",
)
_UNITS = {"Bytes": "Bytes", "Milliseconds": "Milliseconds"}

Store = Callable[..., None]


@dataclass(frozen=True, kw_only=True)
class _Key:
    scope: emulator.Scope
    stream: str
    shard: str | None
    metric: str


@dataclass(kw_only=True)
class Metrics:
    """Samples in, statistic sets out; `store` takes a set that stays live for its minute."""

    store: Store = emulator.add_statistic_set
    _running: dict[_Key, tuple[int, dict[str, float]]] = field(default_factory=dict)

    def add(self, state: StreamState, samples: dict[str, float]) -> None:
        """One sample for each stream-level metric."""
        for metric, value in samples.items():
            self._sample(_Key(scope=state.scope, stream=state.name, shard=None, metric=metric), value)

    def add_for_shard(self, state: StreamState, shard: str, samples: dict[str, float]) -> None:
        """The same at shard level, for what enhanced monitoring is on."""
        for metric in samples.keys() & set(state.shard_level_metrics):
            self._sample(_Key(scope=state.scope, stream=state.name, shard=shard, metric=metric), samples[metric])

    def _sample(self, key: _Key, value: float) -> None:
        minute = int(time.time() // 60) * 60
        started, statistics = self._running.get(key, (0, {}))
        if started == minute:
            statistics["SampleCount"] += 1
            statistics["Sum"] += value
            statistics["Minimum"] = min(statistics["Minimum"], value)
            statistics["Maximum"] = max(statistics["Maximum"], value)
            return
        statistics = {"SampleCount": 1, "Sum": value, "Minimum": value, "Maximum": value}
        self._running[key] = (minute, statistics)
        dimensions = {"StreamName": key.stream} | ({"ShardId": key.shard} if key.shard else {})
        self.store(
            key.scope,
            namespace=NAMESPACE,
            metric=key.metric,
            dimensions=dimensions,
            unit=next((unit for ending, unit in _UNITS.items() if key.metric.endswith(ending)), "Count"),
            timestamp=float(minute),
            statistics=statistics,
        )
