"""Rows of a report → one HTML page that any browser shows: for each policy its whole trace and its worst hours.

All charts of a kind have one scale, so that they can be compared by looking.
"""

from collections.abc import Sequence
from datetime import timedelta
from html import escape
from typing import Final

from kinesis_scaling.simulation.chart import Stretch, chart
from kinesis_scaling.simulation.report import Row
from kinesis_scaling.simulation.traces import Trace

#: So much more than the highest demand is shown; capacity above it is cut off, and the chart says so.
ROOM_ABOVE: Final = 1.3
#: The hours around the steepest rise that are drawn again.
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


def picture(trace: Trace, rows: Sequence[Row], table: str, note: str = "") -> str:
    """Return the HTML page of one trace."""
    days = len(trace.demand) * trace.seconds / 86_400
    title = f"{trace.name}: {days:.1f} days from {trace.start:%Y-%m-%d %H:%M} UTC, peak {max(trace.demand):.1f} shards"
    whole, worst = _stretches(trace)
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


def _stretches(trace: Trace) -> tuple[Stretch, Stretch]:
    """Return the whole trace, and the hours around its steepest rise."""
    demand, top = trace.demand, max(1.0, *trace.demand) * ROOM_ABOVE
    steepest = max(range(1, len(demand)), key=lambda place: demand[place] - demand[place - 1])
    before, after = (max(1, span // trace.interval) for span in (BEFORE, AFTER))
    worst = Stretch(first=max(0, steepest - before), end=min(len(demand), steepest + after), top=top, height=130)
    return Stretch(first=0, end=len(demand), top=top), worst
