"""More shards are wanted → the next move up: a split where that is enough, otherwise a step of UpdateShardCount."""

from typing import Final

from kinesis_scaling.aws_limits import LARGEST_GROWTH
from kinesis_scaling.scaling_decision import Action, Reason, ScalingDecision
from kinesis_scaling.situation import Situation

#: Multiples of 25 % reshard faster (API_UpdateShardCount); one at most this much above the goal replaces it.
NEAR: Final = 1.08


def grow(situation: Situation) -> ScalingDecision:
    """Return the move towards `situation.wanted`, which is above the open count."""
    open_shards, goal = situation.open, situation.wanted
    why = _why(situation)
    if situation.calls_left == 0:
        text = f"{why}; all 10 UpdateShardCount calls of 24 h are spent, so shards are split one by one"
        return _split(situation, text)
    if goal - open_shards <= situation.settings.small_move or open_shards == 1:
        return _split(situation, f"{why}; {goal - open_shards} more by splits, which cost no call")
    kept = situation.settings.calls_kept_for_urgent_growth
    if not situation.urgent and situation.calls_left <= kept:
        text = f"{why}; not urgent, and {situation.calls_left} calls are kept for what is, so by splits"
        return _split(situation, text)
    steps = planned_steps(open_shards, goal, situation.ceiling)
    text = f"{why}; {_path(open_shards, steps)}, call {11 - situation.calls_left} of 10 in 24 h"
    return situation.decision(Action.UPDATE_SHARD_COUNT, steps[0], _reason(situation), text, planned_steps=steps)


def planned_steps(open_shards: int, goal: int, ceiling: int) -> tuple[int, ...]:
    """Return the counts on the way to `goal`: doublings, then a multiple of 25 % if one is near.

    >>> planned_steps(7, 51, 10_000)
    (14, 28, 56)
    >>> planned_steps(8, 11, 10_000)
    (11,)
    >>> planned_steps(20, 24, 10_000)
    (25,)
    """
    steps: list[int] = []
    at = open_shards
    while at < goal:
        at = _next_step(at, goal, ceiling)
        steps.append(at)
    return tuple(steps)


def _next_step(at: int, goal: int, ceiling: int) -> int:
    if goal >= LARGEST_GROWTH * at:
        return LARGEST_GROWTH * at
    for quarters in (5, 6, 7, 8):
        count, rest = divmod(at * quarters, 4)
        if not rest and goal <= count <= min(goal * NEAR, ceiling):
            return count
    return goal


def _split(situation: Situation, text: str) -> ScalingDecision:
    target = situation.open + 1
    return situation.decision(
        Action.SPLIT_SHARD,
        target,
        _reason(situation),
        text,
        planned_steps=tuple(range(target, min(situation.wanted, target + 9) + 1)),
    )


def _reason(situation: Situation) -> Reason:
    return Reason.DEMAND if situation.urgent else situation.wanted_reason


def _why(situation: Situation) -> str:
    open_shards, wanted, demand = situation.open, situation.wanted, situation.demand
    if situation.urgent and demand is not None:
        throttled = f", {demand.throttled_share:.0%} of it throttled" if demand.throttled_share else ""
        used = demand.latest / open_shards
        return f"demand is {demand.latest:.1f} shards{throttled}: {used:.0%} of the {open_shards} open; {wanted} wanted"
    if situation.wanted_reason is Reason.RECURRING_PEAK and demand is not None:
        minutes = situation.settings.lead_time.total_seconds() / 60
        return (
            f"a peak of {demand.recurring_peak:.1f} shards came at this time on earlier days; "
            f"{wanted} wanted within {minutes:.0f} minutes"
        )
    if situation.wanted_reason is Reason.RECENT_PEAK and demand is not None:
        return f"a peak of {demand.recent_peak:.1f} shards leaves too little room in {open_shards}; {wanted} wanted"
    return f"the {situation.wanted_reason} is {situation.floor} shards, {open_shards} are open"


def _path(open_shards: int, steps: tuple[int, ...]) -> str:
    return " → ".join(str(count) for count in (open_shards, *steps))
