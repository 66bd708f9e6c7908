"""Samples of a service → metrics in CloudWatch, one statistic set per metric and minute.

Later samples update the current minute's set in place, so a million requests leave one datum per minute.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from local.cloud import emulator

_UNITS = {"Bytes": "Bytes", "Milliseconds": "Milliseconds"}


@dataclass(frozen=True, kw_only=True)
class _Key:
    scope: emulator.Scope
    dimensions: tuple[tuple[str, str], ...]
    metric: str


@dataclass(kw_only=True)
class MinuteMetrics:
    """Turns samples of one namespace into statistic sets; `store` takes a set that changes until its minute ends."""

    namespace: str
    store: Callable[..., None] = emulator.add_statistic_set
    _current: dict[_Key, tuple[int, dict[str, float]]] = field(default_factory=dict)

    def add(self, scope: emulator.Scope, dimensions: Mapping[str, str], samples: Mapping[str, float]) -> None:
        """Add one sample to each metric of what the dimensions name."""
        for metric, value in samples.items():
            self._add(_Key(scope=scope, dimensions=tuple(dimensions.items()), metric=metric), value)

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
            namespace=self.namespace,
            metric=key.metric,
            dimensions=dict(key.dimensions),
            unit=next((unit for ending, unit in _UNITS.items() if key.metric.endswith(ending)), "Count"),
            timestamp=float(minute),
            statistics=statistics,
        )
