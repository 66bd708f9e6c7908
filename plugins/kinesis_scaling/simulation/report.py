"""A trace and the names of policies → one row each, and the table that a person compares them in."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from math import ceil
from typing import Final

from kinesis_scaling.scaling_settings import Settings
from kinesis_scaling.simulation.clairvoyant import clairvoyant_plan
from kinesis_scaling.simulation.on_demand import put_dollars, run_on_demand
from kinesis_scaling.simulation.policy_catalogue import CLAIRVOYANT, FIXED, ON_DEMAND, scaling_policy_named
from kinesis_scaling.simulation.simulate import Outcome, simulate
from kinesis_scaling.simulation.stream_model import StreamModel
from kinesis_scaling.simulation.traces import Trace

#: How long the producers of the column `lost` try again.
RETRIES: Final = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one policy did with a trace; None = does not apply. Shares are 0–1."""

    policy: str
    throttled_share: float
    #: With producers that try again for five minutes; a run of its own, for its metrics differ.
    lost_share: float | None
    shard_hours: float | None
    dollars: float
    update_calls: int
    splits_and_merges: int
    reaction_seconds: float | None
    #: For the picture: (second, shards' worth of room), and refused records of each interval in shard-seconds.
    capacity: tuple[tuple[float, float], ...] = field(repr=False)
    throttled: tuple[float, ...] = field(repr=False)
    outcome: Outcome | None = field(default=None, repr=False)


def compare(
    trace: Trace, names: Iterable[str], settings: Settings, model: StreamModel, *, with_retries: bool = True
) -> Iterator[Row]:
    """Yield the row of each policy, in the order of the names."""
    for name in names:
        if name == ON_DEMAND:
            yield _on_demand(trace)
        elif name == CLAIRVOYANT:
            plan = clairvoyant_plan(trace, model)
            capacity = tuple((place * trace.seconds, float(shards)) for place, shards in enumerate(plan.open_shards))
            yield _planned(trace, name, plan.shard_hours, settings, capacity, plan.update_calls)
        elif name == FIXED:
            shards = max(1, ceil(max(trace.demand) - 1e-9))
            hours = shards * len(trace.demand) * trace.seconds / 3600
            yield _planned(trace, name, hours, settings, ((0.0, float(shards)),), 0)
        else:
            yield _scaled(trace, name, settings, model, with_retries=with_retries)


def _scaled(trace: Trace, name: str, settings: Settings, model: StreamModel, *, with_retries: bool) -> Row:
    def run(model: StreamModel) -> Outcome:
        policy = scaling_policy_named(name, settings)
        assert policy is not None, name
        return simulate(trace, policy, model)

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
        splits_and_merges=0,
        reaction_seconds=None,
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
        update_calls=0,
        splits_and_merges=0,
        reaction_seconds=None,
        capacity=tuple((place * trace.seconds, room) for place, room in enumerate(outcome.room)),
        throttled=outcome.throttled,
    )


def table(rows: list[Row]) -> str:
    """Return the rows as a Markdown table; `× plan` is shard-hours as a multiple of the clairvoyant plan's."""
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
