"""Fewer shards are wanted → a merge, seldom a call, or a veto with its reason.

A shard that was taken away is missing at the next peak, and a wrong step up costs a call; so shrinking waits: the
memory of peaks (`Settings.patience`) is in `situation.wanted`, the vetoes are here.
"""

from kinesis_scaling.aws_limits import smallest_update_target
from kinesis_scaling.scaling_decision import Action, Reason, ScalingDecision
from kinesis_scaling.situation import Situation


def shrink(situation: Situation) -> ScalingDecision:
    """Return the move towards `situation.wanted`, which is below the open count, or the veto."""
    veto = _veto(situation)
    if veto is not None:
        return situation.hold(*veto)
    settings, open_shards, goal = situation.settings, situation.open, situation.wanted
    excess = open_shards - goal
    text = f"{goal} shards are enough for {_what_is_served(situation)}, {open_shards} are open"
    if excess >= settings.shrink_by_call_from and situation.calls_left >= max(1, settings.calls_left_to_shrink):
        target = max(goal, smallest_update_target(open_shards))
        text = (
            f"{text}; one call takes {open_shards - target}, and {situation.calls_left - 1} calls stay for the way up"
        )
        return situation.decision(Action.UPDATE_SHARD_COUNT, target, Reason.EXCESS, text, planned_steps=(target,))
    return situation.decision(
        Action.MERGE_SHARDS,
        open_shards - 1,
        Reason.EXCESS,
        f"{text}; a merge costs no call",
        planned_steps=tuple(range(open_shards - 1, max(goal, open_shards - 10) - 1, -1)),
    )


def _what_is_served(situation: Situation) -> str:
    demand = situation.demand
    if demand is None or situation.unbounded > situation.ceiling:
        return f"the ceiling of {situation.ceiling}"
    if situation.wanted_reason is Reason.RECENT_PEAK:
        return f"the peak of {demand.recent_peak:.1f} that is remembered"
    if situation.wanted_reason is Reason.RECURRING_PEAK:
        return f"the peak of {demand.recurring_peak:.1f} that came at this time on earlier days"
    return f"the {situation.wanted_reason}"


def _veto(situation: Situation) -> tuple[Reason, str] | None:
    settings, demand, lag = situation.settings, situation.demand, situation.state.consumer_lag
    less = f"{situation.wanted} shards would be enough, {situation.open} stay"
    if demand is not None and (
        demand.age > settings.metrics_age_limit
        or demand.known_share < settings.known_share_to_shrink
        or demand.minutes_known < settings.minutes_known_to_shrink
    ):
        return Reason.PATCHY_METRICS, (
            f"{less}: {demand.minutes_known} minutes are known, {demand.known_share:.0%} of the last hour, "
            f"the latest {demand.age.total_seconds():.0f} s old"
        )
    if demand is not None and demand.throttled_share:
        return Reason.STILL_THROTTLING, f"{less}: {demand.throttled_share:.1%} of the last minute was throttled"
    if lag is not None and lag > settings.consumer_lag_limit:
        return Reason.CONSUMER_LAG, f"{less}: a consumer is {lag} behind and reads from these shards"
    if situation.since_last_call is not None and situation.since_last_call < settings.settling_time:
        return Reason.SETTLING, f"{less}: the last call was {situation.since_last_call} ago"
    return None
