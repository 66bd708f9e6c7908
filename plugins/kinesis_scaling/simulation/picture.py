"""Rows of a report → one HTML file that any browser shows: demand, capacity, what was throttled, and each decision.

Drawn as SVG by hand, so that the simulator needs no plotting library. A pixel column shows the highest demand, the
lowest capacity and all throttling of its time, so that no spike is lost between pixels.
"""

from collections.abc import Callable, Sequence
from html import escape
from typing import Final

from kinesis_scaling.scaling_decision import Action
from kinesis_scaling.simulation.report import Row
from kinesis_scaling.simulation.traces import Trace

WIDTH: Final = 1200
HEIGHT: Final = 220
LEFT: Final = 46
DECISIONS: Final = 26
_STEPS: Final = tuple(digit * 10**power for power in range(-1, 6) for digit in (1, 2, 5))
_STYLE: Final = """
body { font: 14px system-ui, sans-serif; margin: 24px; color: #1f2933; background: #fff; max-width: 1290px }
h1 { font-size: 20px } h2 { font-size: 15px; margin: 22px 0 4px }
pre { background: #f4f6f8; padding: 10px; overflow-x: auto }
.demand { fill: #9fb8d9 } .capacity { fill: none; stroke: #1f2933; stroke-width: 1.2 } .throttled { fill: #d64545 }
.call { stroke: #b7791f; stroke-width: 1.5 } .split { stroke: #2f855a; stroke-opacity: .5 }
.merge { stroke: #718096; stroke-opacity: .35 } .grid { stroke: #e4e7eb } text { font-size: 11px; fill: #52606d }
"""
_LEGEND: Final = (
    "Blue: demand in shards. Black line: capacity. Red: throttled. Below: calls of UpdateShardCount (amber), splits "
    "(green), merges (grey); the upper ticks grow, the lower ones shrink."
)


def picture(trace: Trace, rows: Sequence[Row], table: str) -> str:
    """Return the HTML page of one trace."""
    days = len(trace.demand) * trace.seconds / 86_400
    title = f"{trace.name}: {days:.1f} days from {trace.start:%Y-%m-%d %H:%M}, peak {max(trace.demand):.1f} shards"
    charts = "".join(f"<h2>{escape(_headline(row))}</h2>{_chart(trace, row)}" for row in rows)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1><p>{_LEGEND}</p>"
        f"<pre>{escape(table)}</pre>{charts}</body></html>\n"
    )


def _headline(row: Row) -> str:
    hours = "" if row.shard_hours is None else f", {row.shard_hours:,.0f} shard-hours"
    return f"{row.policy}: {row.throttled_share:.3%} throttled{hours}, $ {row.dollars:,.2f}"


def _chart(trace: Trace, row: Row) -> str:
    seconds = len(trace.demand) * trace.seconds
    demand = _demand_columns(trace.demand)
    capacity = _capacity_columns(row, seconds)
    top = max(*demand, *(highest for _, highest in capacity), 1.0) * 1.05

    def y(shards: float) -> float:
        return round(HEIGHT * (1 - shards / top), 1)

    area = " ".join(f"{LEFT + x},{y(shards)}" for x, shards in enumerate(demand))
    line = " ".join(f"{LEFT + x},{y(low)} {LEFT + x},{y(high)}" for x, (low, high) in enumerate(capacity))
    return (
        f'<svg viewBox="0 0 {LEFT + WIDTH} {HEIGHT + DECISIONS + 16}" width="100%" role="img">'
        f"{_grid(top, seconds, y)}"
        f'<polygon class="demand" points="{LEFT},{HEIGHT} {area} {LEFT + WIDTH - 1},{HEIGHT}"/>'
        f"{_throttled(row, demand, trace.seconds, y)}"
        f'<polyline class="capacity" points="{line}"/>{_decisions(row, seconds)}</svg>'
    )


def _span(x: int, length: int) -> tuple[int, int]:
    """Return the first place of pixel column `x` and the one after its last, of `length` in all."""
    first = x * length // WIDTH
    return first, max(first + 1, (x + 1) * length // WIDTH)


def _demand_columns(demand: Sequence[float]) -> list[float]:
    spans = (_span(x, len(demand)) for x in range(WIDTH))
    return [max(demand[first:end]) for first, end in spans]


def _capacity_columns(row: Row, seconds: float) -> list[tuple[float, float]]:
    """Return the lowest and the highest capacity of each column."""
    columns: list[tuple[float, float]] = []
    changes, place, now = row.capacity, 0, row.capacity[0][1]
    for x in range(WIDTH):
        low = high = now
        while place < len(changes) and changes[place][0] < (x + 1) * seconds / WIDTH:
            now = changes[place][1]
            low, high = min(low, now), max(high, now)
            place += 1
        columns.append((low, high))
    return columns


def _throttled(row: Row, demand: Sequence[float], interval_seconds: float, y: Callable[[float], float]) -> str:
    """Draw red from the demand down, as deep as the column's busiest interval was throttled."""
    bars = []
    for x in range(WIDTH):
        first, end = _span(x, len(row.throttled))
        if worst := max(row.throttled[first:end]):
            top = y(demand[x])
            depth = max(1.5, y(max(0.0, demand[x] - worst / interval_seconds)) - top)
            bars.append(f'<rect class="throttled" x="{LEFT + x - 0.5}" y="{top}" width="1.6" height="{depth:.1f}"/>')
    return "".join(bars)


def _decisions(row: Row, seconds: float) -> str:
    """Draw one tick for each move: calls are taller, and what grows stands above what shrinks."""
    ticks = []
    for made in row.outcome.moves if row.outcome else ():
        kind = {Action.UPDATE_SHARD_COUNT: "call", Action.SPLIT_SHARD: "split"}.get(made.move.action, "merge")
        x = round(LEFT + made.second / seconds * WIDTH, 1)
        top = HEIGHT + 3 + (0 if made.move.target > made.open_shards else DECISIONS // 2)
        ticks.append(f'<path class="{kind}" d="M{x} {top}v{DECISIONS // 2 - 2}"/>')
    return "".join(ticks)


def _grid(top: float, seconds: float, y: Callable[[float], float]) -> str:
    step = next(step for step in _STEPS if top / step <= 6)
    lines = [
        f'<path class="grid" d="M{LEFT} {y(mark)}h{WIDTH}"/><text x="4" y="{y(mark) + 4}">{mark:g}</text>'
        for mark in (step * count for count in range(int(top / step) + 1))
    ]
    days = seconds / 86_400
    every = max(1, round(days / 10))
    marks = [
        f'<text x="{LEFT + day / days * WIDTH:.0f}" y="{HEIGHT + DECISIONS + 12}">day {day}</text>'
        for day in range(0, int(days) + 1, every)
    ]
    return "".join(lines + marks)
