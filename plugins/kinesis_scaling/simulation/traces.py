"""Points in time → a trace: so many records (and bytes) in each interval of equal length, without gaps."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final

from kinesis_scaling.aws_limits import SHARD_BYTES_PER_SECOND, SHARD_RECORDS_PER_SECOND, STREAM_SHARDS
from kinesis_scaling.errors import TraceError

#: Four years of minutes; more is a wrong time rather than a long trace.
MOST_INTERVALS: Final = 2_000_000
#: By how much clocks are set forward and back.
CLOCK_CHANGE: Final = timedelta(hours=1)
_WITH_ZONE: Final = "Write the times in UTC (2026-10-25T00:30:00Z) or with their offset (2026-10-25 02:30:00+02:00)"


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
    #: Where it stands in its file; None where there are no lines.
    line: int | None = None
    #: Whether its file names no zone, so that the time may be a place's own, and not UTC's.
    is_local: bool = False

    @property
    def place(self) -> str:
        """Return what a person finds it by."""
        return f"{self.time}" if self.line is None else f"line {self.line}, {self.time}"


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

    def check_fits_a_stream(self) -> None:
        """Raise `TraceError` for traffic that no stream takes: then the counts are of something else."""
        if (peak := max(self.demand)) > STREAM_SHARDS:
            raise TraceError(
                f"{self.name} needs {peak:.3g} shards at its peak, and a stream has at most {STREAM_SHARDS:,}: are the "
                f"counts per interval of {self.interval}? --peak-shards scales them"
            )

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
        lines = "1 line" if points else "no lines"
        raise TraceError(f"{name} has {lines} of traffic; at least two are needed to know the interval")
    steps = Counter(after.time - before.time for before, after in pairwise(points))
    interval = steps.most_common(1)[0][0]
    _check_order(name, points, interval)
    if interval % timedelta(seconds=1):
        raise TraceError(f"{name} has intervals of {interval}; whole seconds are needed: add the counts up")
    filled = _without_gaps(name, points, interval, gaps)
    return Trace(
        name=name,
        start=points[0].time,
        interval=interval,
        counts=tuple(point.count for point in filled),
        bytes=_sizes(name, filled),
    )


def _check_order(name: str, points: Sequence[Point], interval: timedelta) -> None:
    for before, after in pairwise(points):
        if after.is_local and before.time + interval - after.time == CLOCK_CHANGE:
            raise TraceError(
                f"{name}, {after.place}: stands after {before.time}: an hour comes twice, as when a clock is set back "
                f"at the end of summer time. {_WITH_ZONE}; if no clock was set, sort the lines, one for each time"
            )
        if after.time == before.time:
            raise TraceError(f"{name}, {after.place}: this time is there twice; keep one of them, or add their counts")
        if after.time < before.time:
            raise TraceError(f"{name}, {after.place}: stands after {before.time}; sort the lines by time")


def _without_gaps(name: str, points: Sequence[Point], interval: timedelta, gaps: Gaps) -> list[Point]:
    filled = [points[0]]
    for before, after in pairwise(points):
        missing, rest = divmod(after.time - before.time, interval)
        if (rest or missing != 1) and gaps is not Gaps.JOIN:
            _check_gap(name, before, after, interval, gaps)
        if gaps in (Gaps.ZERO, Gaps.HOLD):
            if len(filled) + missing > MOST_INTERVALS:
                raise TraceError(
                    f"{name}, {after.place}: the gap since {before.time} is too long to be filled; check the year"
                )
            empty = Point(time=before.time, count=0.0, bytes=None if before.bytes is None else 0.0)
            filled += [before if gaps is Gaps.HOLD else empty] * (missing - 1)
        filled.append(after)
    return filled


def _check_gap(name: str, before: Point, after: Point, interval: timedelta, gaps: Gaps) -> None:
    """Raise `TraceError` for a gap that nobody explained, or that is no number of whole intervals."""
    text = f"{name}, {after.place}: follows {before.time}, but the interval is {interval}"
    if gaps is Gaps.REFUSE and after.is_local and after.time - before.time == interval + CLOCK_CHANGE:
        text += f". If a clock was set forward there: {_WITH_ZONE[0].lower()}{_WITH_ZONE[1:]}. Else it is a gap"
    if gaps is Gaps.REFUSE:
        raise TraceError(
            f"{text}. Say what gaps mean with --gaps zero (nothing came), hold (as before) or join (leave them out)"
        )
    if (after.time - before.time) % interval:
        raise TraceError(f"{text}, of which that is no multiple; only --gaps join takes the lines as they are")


def _sizes(name: str, points: Sequence[Point]) -> tuple[float, ...] | None:
    sizes = tuple(point.bytes for point in points if point.bytes is not None)
    if not sizes:
        return None
    if len(sizes) < len(points):
        lacking = next(point for point in points if point.bytes is None)
        raise TraceError(f"{name}, {lacking.place}: has no bytes, but others have; give them everywhere or nowhere")
    return sizes
