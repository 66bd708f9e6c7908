"""Rows of a report → one HTML page with SVG charts: each policy's whole trace, and the hours around the steepest rise.

All charts of a kind have one scale, so that they can be compared by looking. A chart shows demand, capacity, what was
throttled and each move. Own SVG keeps the simulator free of a plotting library, and keeps spikes: a pixel column shows
the highest demand, the lowest and the highest capacity and all throttling of its time.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from itertools import count, takewhile
from typing import Final

from benchmarks.scaling.report import Row
from benchmarks.scaling.traces import Trace
from kinesis_scaling.scaling_decision import Action

WIDTH: Final = 1200
LEFT: Final = 46
TOP: Final = 14
#: The height of the band below the chart that shows the moves.
MOVES: Final = 26
_MOST_MARKS: Final = 12
_SHARD_STEPS: Final = tuple(digit * 10**power for power in range(-1, 6) for digit in (1, 2, 5))
_TIME_STEPS: Final = tuple(
    timedelta(minutes=minutes)
    for minutes in (5, 10, 15, 30, 60, 120, 180, 360, 720, *(1440 * days for days in (1, 2, 5, 7, 14, 28, 91, 364)))
)
#: The chart reaches this many times the highest demand; capacity above is cut off, and the chart says so.
ROOM_ABOVE: Final = 1.3
#: The hours around the steepest rise, which a second chart shows.
BEFORE: Final = timedelta(hours=1)
AFTER: Final = timedelta(hours=3)
_STYLE: Final = """
body { font: 14px system-ui, sans-serif; margin: 24px; color: #1f2933; background: #fff; max-width: 1290px }
h1 { font-size: 20px } h2 { font-size: 15px; margin: 26px 0 4px } p { max-width: 1000px; line-height: 1.45 }
pre { background: #f4f6f8; padding: 10px; overflow-x: auto } svg { width: 100%; display: block }
.demand { fill: #9fb8d9 } .capacity { fill: none; stroke: #1f2933; stroke-width: 1.2 } .throttled { fill: #d62828 }
.call { stroke: #c05600; stroke-width: 1.8 } .split { stroke: #2f855a; stroke-opacity: .6 }
.merge { stroke: #718096; stroke-opacity: .4 } .grid { stroke: #e4e7eb } text { font-size: 11px; fill: #52606d }
.key { display: inline-block; width: 14px; height: 10px; margin: 0 4px 0 12px }
"""
_KEYS: Final = (
    ("#9fb8d9", "demand"),
    ("#1f2933", "capacity"),
    ("#d62828", "throttled, in the interval's mean"),
    ("#c05600", "UpdateShardCount"),
    ("#2f855a", "SplitShard"),
    ("#718096", "MergeShards"),
)


@dataclass(frozen=True, kw_only=True)
class Interval:
    """The part `[first, end)` of a trace, and the shards at the chart's top; the chart cuts off what is above."""

    first: int
    end: int
    top: float
    height: int = 220


def picture(trace: Trace, rows: Sequence[Row], table: str, note: str = "") -> str:
    """Return the HTML page of one trace."""
    days = len(trace.demand) * trace.seconds / 86_400
    title = f"{trace.name}: {days:.1f} days from {trace.start:%Y-%m-%d %H:%M} UTC, peak {max(trace.demand):.1f} shards"
    whole, worst = _intervals(trace)
    charts = "".join(
        f"<h2>{escape(_headline(row))}</h2>{chart(trace, row, whole, f'{row.policy}, the whole trace')}"
        f"{chart(trace, row, worst, f'{row.policy}, around the steepest rise')}"
        for row in rows
    )
    keys = "".join(f'<span class="key" style="background:{colour}"></span>{what}' for colour, what in _KEYS)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1><pre>{escape(table)}</pre>"
        f"<p>{escape(note)}</p><p>{keys}</p>"
        "<p>For each policy the whole trace, and below it the hours around the steepest rise; times are UTC. Ticks in "
        "the upper row add shards, those in the lower row take some away; the pointer on a tick shows why.</p>"
        f"{charts}</body></html>\n"
    )


def _headline(row: Row) -> str:
    lost = "" if row.lost_share is None else f", {row.lost_share:.4%} lost"
    hours = "" if row.shard_hours is None else f", {row.shard_hours:,.0f} shard-hours"
    return f"{row.policy}: {row.throttled_share:.3%} throttled{lost}{hours}, $ {row.dollars:,.2f}"


def _intervals(trace: Trace) -> tuple[Interval, Interval]:
    """Return the whole trace, and the hours around its steepest rise."""
    demand, top = trace.demand, max(1.0, *trace.demand) * ROOM_ABOVE
    steepest = max(range(1, len(demand)), key=lambda place: demand[place] - demand[place - 1])
    before, after = (max(1, span // trace.interval) for span in (BEFORE, AFTER))
    worst = Interval(first=max(0, steepest - before), end=min(len(demand), steepest + after), top=top, height=130)
    return Interval(first=0, end=len(demand), top=top), worst


def chart(trace: Trace, row: Row, interval: Interval, label: str) -> str:
    """Return the chart as an `svg` element; its classes get their colours from the page."""
    demand = [max(trace.demand[first:end]) for first, end in _spans(interval)]
    capacity = _capacity(row, _seconds(trace, interval))

    def y(shards: float) -> float:
        return round(TOP + interval.height * (1 - min(shards, interval.top) / interval.top), 1)

    bottom = TOP + interval.height
    area = " ".join(f"{LEFT + x},{y(shards)}" for x, shards in enumerate(demand))
    line = " ".join(f"{LEFT + x},{y(low)} {LEFT + x},{y(high)}" for x, (low, high) in enumerate(capacity))
    return (
        f'<svg viewBox="0 0 {LEFT + WIDTH + 4} {bottom + MOVES + 18}" role="img" aria-label="{escape(label)}">'
        f"{''.join(_grid(trace, interval, y))}"
        f'<polygon class="demand" points="{LEFT},{bottom} {area} {LEFT + WIDTH - 1},{bottom}"/>'
        f'<polyline class="capacity" points="{line}"/>{_throttled(trace, row, interval, demand, y)}'
        f"{''.join(_moves(trace, row, interval))}{_cut_off(max(high for _, high in capacity), interval)}</svg>"
    )


def _spans(interval: Interval) -> Iterator[tuple[int, int]]:
    """Yield, for each pixel column, the first index of the trace and the one after its last."""
    length = interval.end - interval.first
    for x in range(WIDTH):
        first = interval.first + x * length // WIDTH
        yield first, max(first + 1, interval.first + (x + 1) * length // WIDTH)


def _seconds(trace: Trace, interval: Interval) -> tuple[float, float]:
    return interval.first * trace.seconds, interval.end * trace.seconds


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


def _throttled(trace: Trace, row: Row, interval: Interval, demand: Sequence[float], y: Callable[[float], float]) -> str:
    """Draw red from the demand down, as deep as the mean throttling of the column's busiest interval."""
    bars = []
    for x, (first, end) in enumerate(_spans(interval)):
        if worst := max(row.throttled[first:end]):
            top = y(demand[x])
            depth = max(1.5, y(max(0.0, demand[x] - worst / trace.seconds)) - top)
            bars.append(f'<rect class="throttled" x="{LEFT + x - 0.5}" y="{top}" width="1.6" height="{depth:.1f}"/>')
    return "".join(bars)


def _moves(trace: Trace, row: Row, interval: Interval) -> Iterator[str]:
    """Draw a tick for each move, growth above shrinking; the pointer shows the reason."""
    start, end = _seconds(trace, interval)
    for accepted in row.outcome.moves if row.outcome else ():
        if start <= accepted.second < end:
            kind = {Action.UPDATE_SHARD_COUNT: "call", Action.SPLIT_SHARD: "split"}.get(accepted.move.action, "merge")
            x = round(LEFT + (accepted.second - start) / (end - start) * WIDTH, 1)
            top = TOP + interval.height + 3 + (0 if accepted.move.target > accepted.open_shards else MOVES // 2)
            time = trace.start + timedelta(seconds=accepted.second)
            title = f"{time:%Y-%m-%d %H:%M:%S} {accepted.open_shards} → {accepted.move.target}: {accepted.move.why}"
            yield f'<path class="{kind}" d="M{x} {top}v{MOVES // 2 - 2}"><title>{escape(title)}</title></path>'


def _cut_off(highest: float, interval: Interval) -> str:
    if highest <= interval.top:
        return ""
    return (
        f'<text x="{LEFT + WIDTH}" y="{TOP - 3}" text-anchor="end">cut off: capacity up to {highest:.0f} shards</text>'
    )


def _grid(trace: Trace, interval: Interval, y: Callable[[float], float]) -> Iterator[str]:
    step = next(step for step in _SHARD_STEPS if interval.top / step <= 6)
    for mark in (step * times for times in range(int(interval.top / step) + 1)):
        yield f'<path class="grid" d="M{LEFT} {y(mark)}h{WIDTH}"/><text x="4" y="{y(mark) + 4}">{mark:g}</text>'
    yield f'<text x="4" y="{TOP - 4}">shards</text>'
    start, end = (trace.start + timedelta(seconds=second) for second in _seconds(trace, interval))
    for time, text in _time_marks(start, end):
        x = LEFT + (time - start) / (end - start) * WIDTH
        yield f'<path class="grid" d="M{x:.1f} {TOP}v{interval.height}"/>'
        yield f'<text x="{x:.1f}" y="{TOP + interval.height + MOVES + 12}" text-anchor="middle">{text}</text>'


def _time_marks(start: datetime, end: datetime) -> Iterator[tuple[datetime, str]]:
    """Yield whole days (or parts of a day) in UTC, as many as a reader can tell apart."""
    step = next((step for step in _TIME_STEPS if (end - start) / step <= _MOST_MARKS), _TIME_STEPS[-1])
    midnight = start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for time in takewhile(lambda time: time < end, (midnight + number * step for number in count())):
        if time >= start:
            yield time, f"{time:%d %b}" if time.time() == midnight.time() else f"{time:%H:%M}"
