"""A stream's state and settings → the figures that every branch of the policy decides on, computed once."""

from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Final

from kinesis_scaling.aws_limits import UPDATE_CALLS, UPDATE_CALLS_WINDOW
from kinesis_scaling.observed_demand import ObservedDemand, observe
from kinesis_scaling.scaling_decision import Action, Evidence, Reason, ScalingDecision
from kinesis_scaling.scaling_settings import Settings
from kinesis_scaling.stream_state import StreamState

#: A demand of exactly 4 shards, computed in floating point, is not 5 shards.
ROUNDING: Final = 1e-9


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What is wanted, what is allowed, and what is left to spend."""

    state: StreamState
    settings: Settings
    demand: ObservedDemand | None
    #: The minimum, or a scheduled floor that holds now or soon.
    floor: int
    #: The maximum, or what the account's quota leaves.
    ceiling: int
    #: What is wanted, within floor and ceiling, and for which reason.
    wanted: int
    wanted_reason: Reason
    #: What would be wanted if there were no ceiling.
    unbounded: int
    calls_left: int
    #: Since the last UpdateShardCount call; None = none in 24 h.
    since_last_call: timedelta | None

    @property
    def open(self) -> int:
        """Return the open shards."""
        return self.state.open_shard_count

    @property
    def urgent(self) -> bool:
        """Return whether demand is so near the capacity, or above it, that waiting would lose records."""
        return self.demand is not None and self.demand.latest > self.settings.urgent_utilization * self.open

    def decision(
        self,
        action: Action,
        target: int,
        reason: Reason,
        explanation: str,
        *,
        planned_steps: tuple[int, ...] = (),
        shard_id: str | None = None,
    ) -> ScalingDecision:
        """Return the decision with this situation's evidence and price."""
        return ScalingDecision(
            action=action,
            target_shard_count=target,
            reason=reason,
            explanation=explanation,
            evidence=self._evidence(),
            planned_steps=planned_steps,
            shard_id=shard_id,
            dollars_per_hour=(target - self.open) * self.settings.shard_hour_dollars,
        )

    def hold(self, reason: Reason, explanation: str) -> ScalingDecision:
        """Return the decision to do nothing."""
        return self.decision(Action.HOLD, self.open, reason, explanation)

    def _evidence(self) -> Evidence:
        demand, lag = self.demand, self.state.consumer_lag
        return Evidence(
            open_shards=self.open,
            wanted_shards=self.wanted,
            floor_shards=self.floor,
            ceiling_shards=self.ceiling,
            calls_left=self.calls_left,
            demand=demand.latest if demand else None,
            throttled_share=demand.throttled_share if demand else 0.0,
            metrics_age_seconds=demand.age.total_seconds() if demand else None,
            recent_peak=demand.recent_peak if demand else 0.0,
            recurring_peak=demand.recurring_peak if demand else 0.0,
            consumer_lag_seconds=lag.total_seconds() if lag is not None else None,
        )


def situation_of(state: StreamState, settings: Settings) -> Situation:
    """Return the figures to decide on; metrics that are missing leave the wanted count where it is."""
    demand = observe(state.samples, state.now, settings) if state.samples else None
    ceiling = _ceiling(state, settings)
    floor, floor_reason = _floor(state, settings)
    unbounded, reason = floor, floor_reason
    if demand is None:
        if state.open_shard_count > floor:
            unbounded, reason = state.open_shard_count, Reason.NO_METRICS
    else:
        for need, why in ((demand.recent_need, Reason.RECENT_PEAK), (demand.recurring_need, Reason.RECURRING_PEAK)):
            if (shards := ceil(need - ROUNDING)) > unbounded:
                unbounded, reason = shards, why
    recent_calls = [call for call in state.update_calls if state.now - call < UPDATE_CALLS_WINDOW]
    return Situation(
        state=state,
        settings=settings,
        demand=demand,
        floor=min(floor, ceiling),
        ceiling=ceiling,
        wanted=min(unbounded, ceiling),
        wanted_reason=reason,
        unbounded=unbounded,
        calls_left=max(0, UPDATE_CALLS - len(recent_calls)),
        since_last_call=state.now - max(recent_calls) if recent_calls else None,
    )


def _floor(state: StreamState, settings: Settings) -> tuple[int, Reason]:
    soon = state.now + settings.lead_time
    floor, reason = settings.minimum_shards, Reason.MINIMUM
    for scheduled in settings.floors:
        if scheduled.shards > floor and scheduled.holds_between(state.now, soon):
            floor, reason = scheduled.shards, Reason.SCHEDULED_FLOOR
    return floor, reason


def _ceiling(state: StreamState, settings: Settings) -> int:
    """Return the most shards this stream may have: other streams of the account use up the quota too."""
    if state.account_shard_limit is None:
        return settings.maximum_shards
    used = state.open_shard_count if state.account_open_shards is None else state.account_open_shards
    free = max(0, state.account_shard_limit - used)
    return min(settings.maximum_shards, state.open_shard_count + free)
