"""Records of decisions, for tests: one that is ordinary, to be changed by what a test is about."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from kinesis_scaling.decisions.record import DecisionRecord, Outcome
from kinesis_scaling.scaling_decision import Action, Reason
from kinesis_scaling.stream_settings import Mode

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
_RESHARD = timedelta(seconds=68)
_GROWTH = DecisionRecord(
    decision_id="",
    stream_name="events",
    decided_at=TEN,
    mode=Mode.ON,
    action=Action.UPDATE_SHARD_COUNT,
    reason=Reason.DEMAND,
    explanation="demand is 3.9 of 4 shards",
    outcome=Outcome.DONE,
    open_shards=4,
    target_shards=8,
    wanted_shards=8,
    floor_shards=1,
    ceiling_shards=100,
    calls_left=9,
    throttled_share=0.0,
    recent_peak=3.9,
    recurring_peak=0.0,
    dollars_per_hour=0.06,
    times=1,
    last_decided_at=TEN,
    decided_by="scheduled run",
    resulting_shards=8,
    finished_at=TEN,
    planned_steps="8",
    demand=3.9,
    metrics_age_seconds=90.0,
)


def record(decided_at: datetime = TEN, **more: Any) -> DecisionRecord:
    """Return the record of a decision of this time: 4 → 8 shards, done in 68 s, unless `more` says otherwise."""
    times = {"decided_at": decided_at, "last_decided_at": decided_at, "finished_at": decided_at + _RESHARD}
    made = replace(_GROWTH, **{**times, **more})
    return replace(made, decision_id=f"{made.stream_name} {decided_at.isoformat()} {made.action}")
