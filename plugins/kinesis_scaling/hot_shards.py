"""A stream that throttles though most of it is idle → split the hot shard, or say that no split will help.

Resharding the whole stream is the wrong answer to one hot shard, and no resharding helps one hot key: its records
always meet in one shard.
"""

from datetime import timedelta
from typing import Final

from kinesis_scaling.scaling_decision import Action, Reason, ScalingDecision
from kinesis_scaling.situation import Situation
from kinesis_scaling.stream_state import ShardLoad

#: Throttling below this use of the whole stream is the work of few shards.
IDLE: Final = 0.6
#: It must do so for this many minutes in a row; a spike's first minute may throttle while its mean is low.
MINUTES: Final = 3
#: A shard is hot from this use on.
HOT: Final = 0.9
#: A shard of less than this part of an even share was split before, and is hot again: it is one key.
ONE_KEY: Final = 0.3
#: Until metrics show the stream after a call: its duration and their delay.
CALL_SEEN: Final = timedelta(minutes=8)


def hot_shard_decision(situation: Situation) -> ScalingDecision | None:
    """Return the decision if few shards throttle while the stream has room; None otherwise."""
    demand = situation.demand
    if demand is None or demand.throttled_minutes < MINUTES or demand.latest >= IDLE * situation.open:
        return None
    if situation.since_last_call is not None and situation.since_last_call < CALL_SEEN:
        return None
    text = (
        f"{demand.throttled_share:.1%} is throttled though the stream is used to {demand.latest / situation.open:.0%}"
    )
    hot = max(situation.state.shard_loads, key=lambda shard: shard.write_utilization, default=None)
    if hot is None or hot.write_utilization < HOT:
        text = f"{text}: a hot shard or bursts within the minute; switch on shard-level metrics to see which"
        return situation.hold(Reason.HOT_SHARD, text)
    return _split_or_explain(situation, hot, text)


def _split_or_explain(situation: Situation, hot: ShardLoad, text: str) -> ScalingDecision:
    text = f"{text}: {hot.shard_id} is at {hot.write_utilization:.0%}"
    if hot.hash_range_share is not None and hot.hash_range_share * situation.open < ONE_KEY:
        text = f"{text} with {hot.hash_range_share:.2%} of the key space: one hot key, which no split helps"
        return situation.hold(Reason.HOT_KEY, f"{text}; spread it over more partition keys")
    if situation.open >= situation.ceiling:
        return situation.hold(Reason.AT_CEILING, f"{text}, but the ceiling of {situation.ceiling} is reached")
    target = situation.open + 1
    text = f"{text}; it alone is split"
    return situation.decision(
        Action.SPLIT_SHARD, target, Reason.HOT_SHARD, text, planned_steps=(target,), shard_id=hot.shard_id
    )
