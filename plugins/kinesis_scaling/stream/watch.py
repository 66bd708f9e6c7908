"""One look after the other at a stream → the move to make, or what was close to one."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from kinesis_scaling.decisions.decision_record import DecisionRecord
from kinesis_scaling.scaling_decision import Action, Reason, ScalingDecision
from kinesis_scaling.scaling_policy import decide
from kinesis_scaling.stream.past_calls import PastCalls, repair
from kinesis_scaling.stream.stream_reader import StreamReader
from kinesis_scaling.stream_settings import Mode, ScaledStream


class StreamWatch:
    """Asks the policy; `noted` are the decisions so far that are worth a row, like ones in a row being one record."""

    def __init__(self, stream: ScaledStream, *, kinesis: Any, cloudwatch: Any, decided_by: str) -> None:
        self._stream = stream
        self._kinesis = kinesis
        self._decided_by = decided_by
        self._reader = StreamReader(stream, kinesis=kinesis, cloudwatch=cloudwatch)
        self.noted: list[DecisionRecord] = []

    def look(self, now: datetime) -> DecisionRecord | None:
        """Return the move to make now, if there is one; in mode `advise` there never is: it is only noted."""
        state, past = self._reader.read(now)
        if past.unreadable is not None and self._stream.mode is Mode.ON:
            repair(self._kinesis, self._stream.name, past, now)
        decision = _explained(_but_for_refusals(decide(state, self._stream.settings), past, now), past)
        record = DecisionRecord.of(
            decision,
            stream_name=self._stream.name,
            decided_at=now,
            mode=self._stream.mode,
            decided_by=self._decided_by,
        )
        if decision.action is not Action.HOLD and self._stream.mode is Mode.ON:
            return record
        if decision.worth_recording:
            self._note(record)
        return None

    def _note(self, record: DecisionRecord) -> None:
        if self.noted and self.noted[-1].says_the_same(record):
            self.noted[-1] = self.noted[-1].again(record.decided_at)
        else:
            self.noted.append(record)


def _but_for_refusals(decision: ScalingDecision, past: PastCalls, now: datetime) -> ScalingDecision:
    """Return the decision, or to hold if AWS has just refused such a move."""
    refusal = past.refusal
    if decision.action is Action.HOLD or refusal is None or not past.holds(decision.action, now):
        return decision
    return replace(
        decision,
        action=Action.HOLD,
        reason=Reason.REFUSED,
        target_shard_count=decision.evidence.open_shards,
        planned_steps=(),
        dollars_per_hour=0.0,
        explanation=f"{decision.explanation}; AWS refused {refusal.action} at {refusal.at:%H:%M}, so it waits",
    )


def _explained(decision: ScalingDecision, past: PastCalls) -> ScalingDecision:
    if past.unreadable is None:
        return decision
    return replace(decision, explanation=f"{decision.explanation}; {past.unreadable}, so ten calls count as made")
