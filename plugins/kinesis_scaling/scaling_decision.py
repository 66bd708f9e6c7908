"""The policy's answer: one move or none, the reason in a sentence, the numbers behind it, and its price."""

from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """The one call to make now."""

    HOLD = "hold"
    UPDATE_SHARD_COUNT = "UpdateShardCount"
    SPLIT_SHARD = "SplitShard"
    MERGE_SHARDS = "MergeShards"


class Reason(StrEnum):
    """The branch that decided; `ScalingDecision.explanation` says the same in a sentence with numbers."""

    # growing
    DEMAND = "demand"
    RECENT_PEAK = "recent peak"
    RECURRING_PEAK = "recurring peak"
    SCHEDULED_FLOOR = "scheduled floor"
    MINIMUM = "minimum"
    HOT_SHARD = "hot shard"
    # shrinking
    EXCESS = "excess"
    # doing nothing
    ENOUGH = "enough"
    STREAM_BUSY = "stream busy"
    NO_METRICS = "no metrics"
    AT_CEILING = "at ceiling"
    HOT_KEY = "hot key"
    REFUSED = "refused by AWS"
    # not shrinking, though there is too much
    PATCHY_METRICS = "patchy metrics"
    STILL_THROTTLING = "still throttling"
    CONSUMER_LAG = "consumer lag"
    SETTLING = "settling"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The numbers of a decision, for a person to check; demand and peaks are in shards."""

    open_shards: int
    wanted_shards: int
    floor_shards: int
    ceiling_shards: int
    calls_left: int
    #: None = no minute of the metrics is known.
    demand: float | None = None
    throttled_share: float = 0.0
    metrics_age_seconds: float | None = None
    recent_peak: float = 0.0
    recurring_peak: float = 0.0
    consumer_lag_seconds: float | None = None

    @property
    def write_utilization(self) -> float | None:
        """Return demand as a part of the capacity; above 1 the stream throttles."""
        return None if self.demand is None else self.demand / self.open_shards


@dataclass(frozen=True, kw_only=True)
class ScalingDecision:
    """One answer of the policy; `target_shard_count` is the open count after this move, on hold the present one."""

    action: Action
    target_shard_count: int
    reason: Reason
    explanation: str
    evidence: Evidence
    #: The counts that follow this move until the wanted count is reached, this move's first.
    planned_steps: tuple[int, ...] = ()
    #: The shard to split, where it matters which; None = any (the widest, or the two smallest neighbours).
    shard_id: str | None = None
    #: The change of the bill by this move.
    dollars_per_hour: float = 0.0

    @property
    def worth_recording(self) -> bool:
        """Return whether something was done, or would have been done without a veto or a limit."""
        return self.action is not Action.HOLD or self.reason not in (Reason.ENOUGH, Reason.STREAM_BUSY)
