"""A trace and the names of policies → one row each, the table that compares them, and the sentences below it.

The sentences say which loss no policy could have avoided.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from math import ceil
from typing import Final

from benchmarks.scaling.bounds import DetectionBound, detection_bound, optimal_plan, shards_needed_before
from benchmarks.scaling.policies import (
    CLAIRVOYANT,
    FIXED,
    ON_DEMAND,
    OURS,
    PUBLISHED,
    our_policy,
    put_dollars,
    run_on_demand,
)
from benchmarks.scaling.stream_model import Simulated, StreamModel, simulate
from benchmarks.scaling.traces import Trace
from kinesis_scaling.scaling_settings import Settings

#: How long the producers of the column `lost` try again.
RETRIES: Final = timedelta(minutes=5)
#: The largest loss that we accept.
GOAL: Final = 0.0001
#: Four places of a percentage show a smaller share as 0.
NOTHING: Final = 5e-7


@dataclass(frozen=True, kw_only=True)
class Row:
    """The outcome of one policy on a trace; None = does not apply. Shares are 0–1."""

    policy: str
    throttled_share: float
    #: With producers that try again for five minutes; a separate run, because its metrics differ.
    lost_share: float | None
    shard_hours: float | None
    dollars: float
    update_calls: int = 0
    splits_and_merges: int = 0
    reaction_seconds: float | None = None
    #: For the picture: (second, capacity in shards), and refused records of each interval in shard-seconds.
    capacity: tuple[tuple[float, float], ...] = field(repr=False)
    throttled: tuple[float, ...] = field(repr=False)
    outcome: Simulated | None = field(default=None, repr=False)


def compare(
    trace: Trace, names: Iterable[str], settings: Settings, model: StreamModel, *, with_retries: bool = True
) -> Iterator[Row]:
    """Yield the row of each policy, in the order of the names."""
    for name in names:
        if name == ON_DEMAND:
            yield _on_demand(trace)
        elif name == CLAIRVOYANT:
            plan = optimal_plan(trace, model)
            capacity = tuple((place * trace.seconds, float(shards)) for place, shards in enumerate(plan.open_shards))
            yield _planned(trace, name, plan.shard_hours, settings, capacity, plan.update_calls)
        elif name == FIXED:
            shards = max(1, ceil(max(trace.demand) - 1e-9))
            hours = shards * len(trace.demand) * trace.seconds / 3600
            yield _planned(trace, name, hours, settings, ((0.0, float(shards)),), 0)
        else:
            yield _scaled(trace, name, settings, model, with_retries=with_retries)


def _scaled(trace: Trace, name: str, settings: Settings, model: StreamModel, *, with_retries: bool) -> Row:
    def run(model: StreamModel) -> Simulated:
        return simulate(trace, our_policy(settings) if name == OURS else PUBLISHED[name](), model)

    outcome = run(model)
    return Row(
        policy=name,
        throttled_share=outcome.throttled_share,
        lost_share=run(replace(model, retry_for=RETRIES)).lost_share if with_retries else None,
        shard_hours=outcome.shard_hours,
        dollars=outcome.shard_hours * settings.shard_hour_dollars + put_dollars(trace),
        update_calls=outcome.update_calls,
        splits_and_merges=len(outcome.moves) - outcome.update_calls,
        reaction_seconds=outcome.reaction_seconds,
        capacity=tuple((float(second), float(shards)) for second, shards in outcome.capacity),
        throttled=outcome.throttled,
        outcome=outcome,
    )


def _planned(
    trace: Trace, name: str, hours: float, settings: Settings, capacity: tuple[tuple[float, float], ...], calls: int
) -> Row:
    return Row(
        policy=name,
        throttled_share=0.0,
        lost_share=0.0,
        shard_hours=hours,
        dollars=hours * settings.shard_hour_dollars + put_dollars(trace),
        update_calls=calls,
        capacity=capacity,
        throttled=(0.0,) * len(trace.demand),
    )


def _on_demand(trace: Trace) -> Row:
    outcome = run_on_demand(trace)
    return Row(
        policy=ON_DEMAND,
        throttled_share=outcome.throttled_share,
        lost_share=None,
        shard_hours=None,
        dollars=outcome.dollars,
        capacity=tuple((place * trace.seconds, room) for place, room in enumerate(outcome.room)),
        throttled=outcome.throttled,
    )


def table(rows: list[Row]) -> str:
    """Return the rows as a Markdown table; `× plan` is shard-hours as a multiple of the optimal plan's."""
    plan = next((row.shard_hours for row in rows if row.policy == CLAIRVOYANT), None)
    cells = [
        ["policy", "throttled %", "lost %", "shard-hours", "× plan", "$", "calls", "splits, merges", "reaction s"],
        *[_cells(row, plan) for row in rows],
    ]
    widths = [max(len(line[place]) for line in cells) for place in range(len(cells[0]))]
    cells.insert(1, ["-" * widths[0], *["-" * (width - 1) + ":" for width in widths[1:]]])
    return "\n".join(f"| {' | '.join(_aligned(line, widths))} |" for line in cells)


def _aligned(line: list[str], widths: list[int]) -> list[str]:
    return [line[0].ljust(widths[0]), *[text.rjust(width) for text, width in zip(line[1:], widths[1:], strict=True)]]


def _cells(row: Row, plan: float | None) -> list[str]:
    hours = row.shard_hours
    return [
        row.policy,
        f"{row.throttled_share:.3%}"[:-1],
        "–" if row.lost_share is None else f"{row.lost_share:.4%}"[:-1],
        "–" if hours is None else f"{hours:,.0f}",
        "–" if hours is None or not plan else f"{hours / plan:.2f}",
        f"{row.dollars:,.2f}",
        f"{row.update_calls:,}",
        f"{row.splits_and_merges:,}",
        "–" if row.reaction_seconds is None else f"{row.reaction_seconds:.0f}",
    ]


def loss_bound(trace: Trace, rows: Sequence[Row], model: StreamModel) -> str:
    """Return the least loss for as many shard-hours as our policy spent, and the price of a smaller one.

    Holding a number of shards all the time costs shards × hours, so that no more than these can be held.
    """
    hours = {row.policy: row.shard_hours for row in rows if row.shard_hours is not None}
    length = len(trace.demand) * trace.seconds / 3600
    retrying = replace(model, retry_for=RETRIES)
    affordable = max(1, int(hours[OURS] / length))
    bound = detection_bound(trace, retrying, affordable)
    held = f"{affordable} shards, as many as the shard-hours of `{OURS}` pay for at all times,"
    if bound is None or bound.lost_share < NOTHING:
        return f"The worst jump: a policy that holds {held} can follow every one without a loss."
    text = (
        f"The worst jump: from {bound.demand_before:.1f} to {bound.demand:.1f} shards at {bound.time:%Y-%m-%d %H:%M}, "
        f"in the metrics {bound.unseen_seconds} s later. A policy that holds {held} and from then on knows all that "
        f"comes loses at least {_percent(bound.lost_share)} to it, or {_percent(bound.lost_share_oldest_first)} if "
        "producers send the oldest record first."
    )
    return text if bound.lost_share <= GOAL else f"{text} {_price(trace, retrying, bound, length, hours)}"


def _price(trace: Trace, model: StreamModel, bound: DetectionBound, length: float, hours: dict[str, float]) -> str:
    needed = shards_needed_before(trace, model, bound.interval, GOAL)
    plan = hours.get(CLAIRVOYANT)
    multiple = f", {needed * length / plan:.1f} times the plan" if plan else ""
    return (
        f"To lose no more than {_percent(GOAL)}, {needed} shards must be open when it comes: held at all times, they "
        f"are {needed * length:,.0f} shard-hours{multiple}."
    )


def _percent(share: float) -> str:
    return "nothing" if share < NOTHING else f"{share:.4%}"[:-1].removesuffix("00") + " %"
