"""Points in time → a trace: so many records (and bytes) in each interval of equal length, without gaps."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from kinesis_scaling.aws_limits import SHARD_BYTES_PER_SECOND, SHARD_RECORDS_PER_SECOND
from kinesis_scaling.errors import TraceError


class Gaps(StrEnum):
    """What to do where intervals are missing."""

    REFUSE = "refuse"
    #: Nothing came.
    ZERO = "zero"
    #: As much came as in the interval before.
    HOLD = "hold"
    #: As if there were no gap: the next interval follows at once.
    JOIN = "join"


@dataclass(frozen=True, kw_only=True)
class Point:
    """One line of a trace; its time is aware."""

    time: datetime
    count: float
    bytes: float | None = None


@dataclass(frozen=True, kw_only=True)
class Trace:
    """Traffic: `counts[i]` records came evenly over the i-th interval after `start`."""

    name: str
    start: datetime
    interval: timedelta
    counts: tuple[float, ...]
    bytes: tuple[float, ...] | None = None

    @property
    def seconds(self) -> float:
        """Return the length of one interval."""
        return self.interval.total_seconds()

    @property
    def demand(self) -> tuple[float, ...]:
        """Return each interval's demand in shards: of records or of bytes, whichever needs more."""
        records = [count / self.seconds / SHARD_RECORDS_PER_SECOND for count in self.counts]
        if self.bytes is None:
            return tuple(records)
        volumes = [size / self.seconds / SHARD_BYTES_PER_SECOND for size in self.bytes]
        return tuple(map(max, records, volumes))

    def scaled_to_peak(self, shards: float) -> "Trace":
        """Return the same traffic, larger or smaller, so that its busiest interval needs `shards`."""
        peak = max(self.demand)
        if peak == 0:
            raise TraceError(f"{self.name} has no traffic at all, so it cannot be scaled to {shards} shards")
        factor = shards / peak
        sizes = None if self.bytes is None else tuple(size * factor for size in self.bytes)
        return replace(self, counts=tuple(count * factor for count in self.counts), bytes=sizes)


def trace_of(name: str, points: Sequence[Point], gaps: Gaps = Gaps.REFUSE) -> Trace:
    """Return the trace of points in order of time; raise `TraceError` unless their times are evenly spaced."""
    if len(points) < 2:
        raise TraceError(f"{name} has {len(points)} lines of traffic; at least two are needed to know the interval")
    for before, after in pairwise(points):
        if after.time <= before.time:
            raise TraceError(f"{name}: {after.time} stands after {before.time}: sort the lines by time, each time once")
    steps = Counter(after.time - before.time for before, after in pairwise(points))
    interval = steps.most_common(1)[0][0]
    filled = _without_gaps(name, points, interval, gaps)
    sizes = tuple(point.bytes for point in filled if point.bytes is not None)
    return Trace(
        name=name,
        start=points[0].time,
        interval=interval,
        counts=tuple(point.count for point in filled),
        bytes=sizes if len(sizes) == len(filled) else None,
    )


def _without_gaps(name: str, points: Sequence[Point], interval: timedelta, gaps: Gaps) -> list[Point]:
    filled = [points[0]]
    for before, after in pairwise(points):
        missing, rest = divmod(after.time - before.time, interval)
        if (rest or missing != 1) and gaps is Gaps.REFUSE:
            raise TraceError(
                f"{name} has a gap: {after.time} follows {before.time}, but the interval is {interval}. "
                "Say what the gaps mean with --gaps zero (nothing came), hold (as before) or join (leave them out)"
            )
        if gaps in (Gaps.ZERO, Gaps.HOLD):
            empty = Point(time=before.time, count=0.0, bytes=None if before.bytes is None else 0.0)
            filled += [before if gaps is Gaps.HOLD else empty] * (missing - 1)
        filled.append(after)
    return filled
