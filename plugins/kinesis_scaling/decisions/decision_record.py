"""One decision and what became of it → one row of `scaling_decisions`, and the text that travels between tasks."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from kinesis_scaling.scaling_decision import Action, ScalingDecision
from kinesis_scaling.stream_settings import Mode


class Outcome(StrEnum):
    """What became of a decision."""

    #: The stream was ACTIVE again, with the shards that were wanted.
    DONE = "done"
    #: Mode `advise`: this would have been done.
    ADVISED = "advised"
    #: The decision was to do nothing, though something was close.
    HELD = "held"
    #: AWS refused the call; `outcome_detail` is what it said.
    REFUSED = "refused"
    #: Not made, because the stream had changed since, or the decision had grown old; or overtaken while it was made.
    SUPERSEDED = "superseded"
    #: The task that was to make it failed; the stream tells how far it got.
    FAILED = "failed"
    #: Decided, and not made yet; no row has it.
    PENDING = "pending"


@dataclass(frozen=True, kw_only=True)
class DecisionRecord:
    """A row of `scaling_decisions`; the columns' sentences are in `contracts.tables.scaling`."""

    decision_id: str
    stream_name: str
    decided_at: datetime
    mode: Mode
    action: Action
    reason: str
    explanation: str
    outcome: Outcome
    open_shards: int
    target_shards: int
    wanted_shards: int
    floor_shards: int
    ceiling_shards: int
    calls_left: int
    throttled_share: float
    recent_peak: float
    recurring_peak: float
    dollars_per_hour: float
    times: int
    last_decided_at: datetime
    decided_by: str
    outcome_detail: str | None = None
    resulting_shards: int | None = None
    finished_at: datetime | None = None
    planned_steps: str | None = None
    shard_id: str | None = None
    demand: float | None = None
    metrics_age_seconds: float | None = None
    consumer_lag_seconds: float | None = None

    @classmethod
    def of(
        cls, decision: ScalingDecision, *, stream_name: str, decided_at: datetime, mode: Mode, decided_by: str
    ) -> Self:
        """Return the record of a decision that was just made."""
        evidence = decision.evidence
        return cls(
            decision_id=f"{stream_name} {decided_at.isoformat()} {decision.action}",
            stream_name=stream_name,
            decided_at=decided_at,
            mode=mode,
            action=decision.action,
            reason=decision.reason,
            explanation=decision.explanation,
            outcome=_first_outcome(decision.action, mode),
            open_shards=evidence.open_shards,
            target_shards=decision.target_shard_count,
            wanted_shards=evidence.wanted_shards,
            floor_shards=evidence.floor_shards,
            ceiling_shards=evidence.ceiling_shards,
            calls_left=evidence.calls_left,
            throttled_share=evidence.throttled_share,
            recent_peak=evidence.recent_peak,
            recurring_peak=evidence.recurring_peak,
            dollars_per_hour=decision.dollars_per_hour,
            times=1,
            last_decided_at=decided_at,
            decided_by=decided_by,
            planned_steps=" ".join(map(str, decision.planned_steps)) or None,
            shard_id=decision.shard_id,
            demand=evidence.demand,
            metrics_age_seconds=evidence.metrics_age_seconds,
            consumer_lag_seconds=evidence.consumer_lag_seconds,
        )

    def again(self, at: datetime) -> Self:
        """Return the record with one more poll that came to the same."""
        return replace(self, times=self.times + 1, last_decided_at=at)

    def says_the_same(self, later: "DecisionRecord") -> bool:
        """Say whether a later decision differs by its numbers only, so that one row stands for both."""
        return (self.action, self.reason, self.mode, self.open_shards, self.target_shards) == (
            later.action,
            later.reason,
            later.mode,
            later.open_shards,
            later.target_shards,
        )

    def ended(self, outcome: Outcome, *, at: datetime, resulting_shards: int, detail: str | None = None) -> Self:
        """Return the record with what became of the move."""
        return replace(self, outcome=outcome, finished_at=at, resulting_shards=resulting_shards, outcome_detail=detail)

    def to_json(self) -> str:
        """Return the record as text, for Airflow's database."""
        return json.dumps(asdict(self), default=datetime.isoformat)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the record of `to_json`'s text."""
        found: dict[str, Any] = json.loads(text)
        return cls.from_row({name: _parsed(name, value) for name, value in found.items()})

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Return the record of a row of the table."""
        typed = {"mode": Mode(row["mode"]), "action": Action(row["action"]), "outcome": Outcome(row["outcome"])}
        return cls(**{**row, **typed})


def _first_outcome(action: Action, mode: Mode) -> Outcome:
    if action is Action.HOLD:
        return Outcome.HELD
    return Outcome.ADVISED if mode is Mode.ADVISE else Outcome.PENDING


def _parsed(name: str, value: Any) -> Any:
    return datetime.fromisoformat(value) if name.endswith("_at") and value is not None else value
