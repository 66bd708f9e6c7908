"""A stream's state → the one move to make now, and why. A pure function: no clock, no memory, no AWS, no Airflow.

The idea: provide for the busiest minute that is remembered, with a margin that shrinks as it grows old. So growing is
immediate and shrinking is patient, without a second rule for it. Calls of UpdateShardCount are kept for growing fast;
splits and merges, which have no daily limit, do the small moves and nearly all of the shrinking.
"""

from kinesis_scaling.growth import grow
from kinesis_scaling.hot_shards import hot_shard_decision
from kinesis_scaling.scaling_decision import Reason, ScalingDecision
from kinesis_scaling.scaling_settings import Settings
from kinesis_scaling.shrinking import shrink
from kinesis_scaling.situation import Situation, situation_of
from kinesis_scaling.stream_state import StreamState, StreamStatus


def decide(state: StreamState, settings: Settings) -> ScalingDecision:
    """Return what to do with the stream now; the same state and settings give the same answer.

    The move keeps AWS's limits (at most 2×, at least half, ten calls in 24 h, ACTIVE only) and the settings' bounds.
    Make it, wait until the stream is ACTIVE, record the time of a call in `update_calls`, and ask again.
    """
    situation = situation_of(state, settings)
    if state.status is not StreamStatus.ACTIVE:
        return situation.hold(Reason.STREAM_BUSY, f"the stream is {state.status}; nothing can be changed")
    hot = hot_shard_decision(situation)
    if hot is not None and situation.wanted <= situation.open:
        return hot
    if situation.wanted > situation.open:
        return grow(situation)
    if situation.unbounded > situation.ceiling and situation.open >= situation.ceiling and situation.urgent:
        return _at_ceiling(situation)
    if situation.open - situation.wanted > int(settings.shrink_slack * situation.open):
        return shrink(situation)
    return _enough(situation)


def _at_ceiling(situation: Situation) -> ScalingDecision:
    assert situation.demand is not None
    limit = "maximum_shards" if situation.ceiling == situation.settings.maximum_shards else "the account's shard quota"
    return situation.hold(
        Reason.AT_CEILING,
        f"demand is {situation.demand.latest:.1f} shards and {situation.unbounded} are wanted, but {limit} allows "
        f"{situation.ceiling}: raise it",
    )


def _enough(situation: Situation) -> ScalingDecision:
    demand = situation.demand
    if demand is None:
        return situation.hold(
            Reason.NO_METRICS,
            f"no minute of the last {situation.settings.patience} is known: the {situation.open} open shards stay",
        )
    return situation.hold(
        Reason.ENOUGH, f"demand is {demand.latest:.1f} shards; the {situation.open} open are as many as are wanted"
    )
