"""A stretch of a trace and what one policy made of it → SVG: demand, capacity, what was throttled, each move.

Drawn by hand, so that the simulator needs no plotting library. A pixel column shows the highest demand, the lowest and
the highest capacity and all throttling of its time, so that no spike is lost between pixels.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from itertools import count, takewhile
from typing import Final

from kinesis_scaling.scaling_decision import Action
from kinesis_scaling.simulation.report import Row
from kinesis_scaling.simulation.traces import Trace

WIDTH: Final = 1200
LEFT: Final = 46
TOP: Final = 14
#: The height of the band of moves below the chart.
MOVES: Final = 26
_MOST_MARKS: Final = 12
_SHARD_STEPS: Final = tuple(digit * 10**power for power in range(-1, 6) for digit in (1, 2, 5))
_TIME_STEPS: Final = tuple(
    timedelta(minutes=minutes)
    for minutes in (5, 10, 15, 30, 60, 120, 180, 360, 720, *(1440 * days for days in (1, 2, 5, 7, 14, 28, 91, 364)))
)


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Intervals `[first, end)` of a trace, and the shards at the chart's top; what is above is cut off."""

    first: int
    end: int
    top: float
    height: int = 220


def chart(trace: Trace, row: Row, stretch: Stretch, label: str) -> str:
    """Return the chart as an `svg` element; its classes get their colours from the page."""
    demand = [max(trace.demand[first:end]) for first, end in _spans(stretch)]
    capacity = _capacity(row, _seconds(trace, stretch))

    def y(shards: float) -> float:
        return round(TOP + stretch.height * (1 - min(shards, stretch.top) / stretch.top), 1)

    bottom = TOP + stretch.height
    area = " ".join(f"{LEFT + x},{y(shards)}" for x, shards in enumerate(demand))
    line = " ".join(f"{LEFT + x},{y(low)} {LEFT + x},{y(high)}" for x, (low, high) in enumerate(capacity))
    return (
        f'<svg viewBox="0 0 {LEFT + WIDTH + 4} {bottom + MOVES + 18}" role="img" aria-label="{escape(label)}">'
        f"{''.join(_grid(trace, stretch, y))}"
        f'<polygon class="demand" points="{LEFT},{bottom} {area} {LEFT + WIDTH - 1},{bottom}"/>'
        f'<polyline class="capacity" points="{line}"/>{_throttled(trace, row, stretch, demand, y)}'
        f"{''.join(_moves(trace, row, stretch))}{_cut_off(max(high for _, high in capacity), stretch)}</svg>"
    )


def _spans(stretch: Stretch) -> Iterator[tuple[int, int]]:
    """Yield the first interval of each pixel column and the one after its last."""
    length = stretch.end - stretch.first
    for x in range(WIDTH):
        first = stretch.first + x * length // WIDTH
        yield first, max(first + 1, stretch.first + (x + 1) * length // WIDTH)


def _seconds(trace: Trace, stretch: Stretch) -> tuple[float, float]:
    return stretch.first * trace.seconds, stretch.end * trace.seconds


def _capacity(row: Row, seconds: tuple[float, float]) -> list[tuple[float, float]]:
    """Return the lowest and the highest capacity of each pixel column."""
    start, end = seconds
    columns: list[tuple[float, float]] = []
    changes = row.capacity
    place = bisect_right(changes, start, key=lambda change: change[0])
    now = changes[place - 1][1]
    for x in range(WIDTH):
        low = high = now
        while place < len(changes) and changes[place][0] < start + (x + 1) * (end - start) / WIDTH:
            now = changes[place][1]
            low, high = min(low, now), max(high, now)
            place += 1
        columns.append((low, high))
    return columns


def _throttled(trace: Trace, row: Row, stretch: Stretch, demand: Sequence[float], y: Callable[[float], float]) -> str:
    """Draw red from the demand down, as deep as the column's busiest interval was throttled in its mean."""
    bars = []
    for x, (first, end) in enumerate(_spans(stretch)):
        if worst := max(row.throttled[first:end]):
            top = y(demand[x])
            depth = max(1.5, y(max(0.0, demand[x] - worst / trace.seconds)) - top)
            bars.append(f'<rect class="throttled" x="{LEFT + x - 0.5}" y="{top}" width="1.6" height="{depth:.1f}"/>')
    return "".join(bars)


def _moves(trace: Trace, row: Row, stretch: Stretch) -> Iterator[str]:
    """Draw a tick for each move; what grows stands above what shrinks, and why shows under the pointer."""
    start, end = _seconds(trace, stretch)
    for made in row.outcome.moves if row.outcome else ():
        if start <= made.second < end:
            kind = {Action.UPDATE_SHARD_COUNT: "call", Action.SPLIT_SHARD: "split"}.get(made.move.action, "merge")
            x = round(LEFT + (made.second - start) / (end - start) * WIDTH, 1)
            top = TOP + stretch.height + 3 + (0 if made.move.target > made.open_shards else MOVES // 2)
            time = trace.start + timedelta(seconds=made.second)
            title = f"{time:%Y-%m-%d %H:%M:%S} {made.open_shards} → {made.move.target}: {made.move.why}"
            yield f'<path class="{kind}" d="M{x} {top}v{MOVES // 2 - 2}"><title>{escape(title)}</title></path>'


def _cut_off(highest: float, stretch: Stretch) -> str:
    if highest <= stretch.top:
        return ""
    return (
        f'<text x="{LEFT + WIDTH}" y="{TOP - 3}" text-anchor="end">cut off: capacity up to {highest:.0f} shards</text>'
    )


def _grid(trace: Trace, stretch: Stretch, y: Callable[[float], float]) -> Iterator[str]:
    step = next(step for step in _SHARD_STEPS if stretch.top / step <= 6)
    for mark in (step * times for times in range(int(stretch.top / step) + 1)):
        yield f'<path class="grid" d="M{LEFT} {y(mark)}h{WIDTH}"/><text x="4" y="{y(mark) + 4}">{mark:g}</text>'
    yield f'<text x="4" y="{TOP - 4}">shards</text>'
    start, end = (trace.start + timedelta(seconds=second) for second in _seconds(trace, stretch))
    for time, text in _time_marks(start, end):
        x = LEFT + (time - start) / (end - start) * WIDTH
        yield f'<path class="grid" d="M{x:.1f} {TOP}v{stretch.height}"/>'
        yield f'<text x="{x:.1f}" y="{TOP + stretch.height + MOVES + 12}" text-anchor="middle">{text}</text>'


def _time_marks(start: datetime, end: datetime) -> Iterator[tuple[datetime, str]]:
    """Yield whole days (or parts of a day) in UTC, as many as can be read."""
    step = next((step for step in _TIME_STEPS if (end - start) / step <= _MOST_MARKS), _TIME_STEPS[-1])
    midnight = start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for time in takewhile(lambda time: time < end, (midnight + number * step for number in count())):
        if time >= start:
            yield time, f"{time:%d %b}" if time.time() == midnight.time() else f"{time:%H:%M}"
