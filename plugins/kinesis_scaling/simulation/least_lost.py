"""The rows of a report → the sentences below its table that say what no policy could have kept from being lost."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from kinesis_scaling.simulation.detection_bound import DetectionBound, detection_bound, shards_needed_before
from kinesis_scaling.simulation.policy_catalogue import CLAIRVOYANT, OURS
from kinesis_scaling.simulation.report import RETRIES, Row
from kinesis_scaling.simulation.stream_model import StreamModel
from kinesis_scaling.simulation.traces import Trace

#: What we would like to lose at most.
GOAL: Final = 0.0001
#: What four places of a percentage do not show.
NOTHING: Final = 5e-7


def least_lost(trace: Trace, rows: Sequence[Row], model: StreamModel) -> str:
    """Return the least that is lost by whoever spends as many shard-hours as our policy did, and what less would cost.

    Held at all times, such a number of shards costs at least shards × hours, so that more cannot be held.
    """
    hours = {row.policy: row.shard_hours for row in rows if row.shard_hours is not None}
    length = len(trace.demand) * trace.seconds / 3600
    retrying = replace(model, retry_for=RETRIES)
    affordable = max(1, int(hours[OURS] / length))
    bound = detection_bound(trace, retrying, affordable)
    held = f"{affordable} shards, as many as the shard-hours of `{OURS}` pay for at all times,"
    if bound is None or bound.lost_share < NOTHING:
        return f"The worst jump: whoever holds {held} can follow every one without a loss."
    text = (
        f"The worst jump: from {bound.demand_before:.1f} to {bound.demand:.1f} shards at {bound.time:%Y-%m-%d %H:%M}, "
        f"in the metrics {bound.unseen_seconds} s later. Whoever holds {held} and from then on knows all that comes "
        f"loses at least {_percent(bound.lost_share)} to it, or {_percent(bound.lost_share_oldest_first)} if producers "
        "send the oldest record first."
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
