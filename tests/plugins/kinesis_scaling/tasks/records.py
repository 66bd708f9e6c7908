"""Decisions in a few words."""

from datetime import UTC, datetime
from typing import Any

from kinesis_scaling.decisions.record import DecisionRecord
from kinesis_scaling.scaling_decision import Action, Evidence, Reason, ScalingDecision
from kinesis_scaling.stream_settings import Mode

DECIDED = datetime(2026, 3, 6, 12, 0, 10, tzinfo=UTC)


def record(action: Action, open_shards: int = 4, target: int = 4, **more: Any) -> DecisionRecord:
    """Return a decision of a stream `s` in mode `on`."""
    reason = Reason.AT_CEILING if action is Action.HOLD else Reason.DEMAND
    decision = ScalingDecision(
        action=action,
        target_shard_count=target,
        reason=reason,
        explanation="as in the test",
        evidence=Evidence(
            open_shards=open_shards, wanted_shards=target, floor_shards=1, ceiling_shards=9, calls_left=9
        ),
    )
    given = {"stream_name": "s", "decided_at": DECIDED, "mode": Mode.ON, "decided_by": "a run", **more}
    return DecisionRecord.of(decision, **given)
