"""One decision and its outcome → one row of `scaling_decisions`, and the text that travels between tasks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self

from pydantic import TypeAdapter

from kinesis_scaling.scaling_decision import Action, Evidence, Reason, ScalingDecision
from kinesis_scaling.stream_settings import Mode

_FAILED: Final = "the task that was to make it failed; its log says why, and the stream how far it got"


class Outcome(StrEnum):
    """The outcome of a decision."""

    #: The stream was ACTIVE again, with the shards that were wanted.
    DONE = "done"
    #: Mode `advise`: mode `on` would have done it.
    ADVISED = "advised"
    #: The decision was to do nothing, though something was close.
    HELD = "held"
    #: AWS refused the call; `outcome_detail` has its answer.
    REFUSED = "refused"
    #: The stream had changed since, or the decision had grown old, or another change overtook the move.
    SUPERSEDED = "superseded"
    #: The move's task failed; the stream shows how far it got.
    FAILED = "failed"
    #: Decided, and not carried out yet; no row has it.
    PENDING = "pending"


@dataclass(frozen=True, kw_only=True)
class DecisionRecord(Evidence):
    """A row of `scaling_decisions`: the policy's numbers, the decision, and its outcome.

    The sentences of the columns are in `contracts.tables.scaling`.
    """

    decision_id: str
    stream_name: str
    decided_at: datetime
    mode: Mode
    action: Action
    reason: str
    explanation: str
    outcome: Outcome
    target_shards: int
    dollars_per_hour: float
    times: int
    last_decided_at: datetime
    decided_by: str
    outcome_detail: str | None = None
    resulting_shards: int | None = None
    finished_at: datetime | None = None
    planned_steps: str | None = None
    shard_id: str | None = None

    @classmethod
    def of(
        cls, decision: ScalingDecision, *, stream_name: str, decided_at: datetime, mode: Mode, decided_by: str
    ) -> Self:
        """Return the record of a new decision."""
        return cls(
            **asdict(decision.evidence),
            decision_id=f"{stream_name} {decided_at.isoformat()} {decision.action}",
            stream_name=stream_name,
            decided_at=decided_at,
            mode=mode,
            action=decision.action,
            reason=decision.reason,
            explanation=decision.explanation,
            outcome=_first_outcome(decision.action, mode),
            target_shards=decision.target_shard_count,
            dollars_per_hour=decision.dollars_per_hour,
            times=1,
            last_decided_at=decided_at,
            decided_by=decided_by,
            planned_steps=" ".join(map(str, decision.planned_steps)) or None,
            shard_id=decision.shard_id,
        )

    def again(self, at: datetime) -> Self:
        """Return the record with one more poll that led to the same decision."""
        return replace(self, times=self.times + 1, last_decided_at=at)

    def says_the_same(self, later: "DecisionRecord") -> bool:
        """Return whether a later decision differs only by its numbers, so that one row stands for both."""
        mine, theirs = (
            (record.action, record.reason, record.mode, record.open_shards, record.target_shards)
            for record in (self, later)
        )
        return mine == theirs

    @property
    def is_stuck(self) -> bool:
        """Return whether the stream needed more shards and could not have them: a bound, or AWS's limit of calls."""
        needs_more = self.wanted_shards > self.open_shards
        out_of_calls = needs_more and self.calls_left == 0
        return self.outcome is Outcome.REFUSED or self.reason == Reason.AT_CEILING or out_of_calls

    def ended(self, outcome: Outcome, *, at: datetime, resulting_shards: int, detail: str | None = None) -> Self:
        """Return the record with the outcome of the move."""
        return replace(self, outcome=outcome, finished_at=at, resulting_shards=resulting_shards, outcome_detail=detail)

    def to_json(self) -> str:
        """Return the record as text, for Airflow's database."""
        return _RECORD.dump_json(self).decode()

    @staticmethod
    def from_json(text: str) -> "DecisionRecord":
        """Return the record of `to_json`'s text."""
        return _RECORD.validate_json(text)

    @staticmethod
    def from_row(row: Mapping[str, Any]) -> "DecisionRecord":
        """Return the record of a row of the table."""
        return _RECORD.validate_python(row)


_RECORD: Final = TypeAdapter(DecisionRecord)


def note(noted: list[DecisionRecord], record: DecisionRecord) -> None:
    """Append a record, or count it in the last one if both say the same."""
    if noted and noted[-1].says_the_same(record):
        noted[-1] = noted[-1].again(record.decided_at)
    else:
        noted.append(record)


@dataclass(frozen=True, kw_only=True)
class RunDecisions:
    """The records that a run writes, and whether the task of the move failed."""

    records: tuple[DecisionRecord, ...]
    move_failed: bool


def run_decisions(watched: Sequence[str], moved: Iterable[str | None]) -> RunDecisions:
    """Return the decisions of `watched`, with the move's replaced by what its task returned.

    `moved` has a text from the task that made the move, and None for each task that was skipped.
    """
    ended = [DecisionRecord.from_json(text) for text in moved if text is not None]
    decided = [DecisionRecord.from_json(text) for text in watched]
    noted = [record for record in decided if record.outcome is not Outcome.PENDING]
    pending = [record for record in decided if record.outcome is Outcome.PENDING]
    lost = [replace(record, outcome=Outcome.FAILED, outcome_detail=_FAILED) for record in pending if not ended]
    return RunDecisions(records=(*noted, *ended, *lost), move_failed=bool(lost))


def _first_outcome(action: Action, mode: Mode) -> Outcome:
    if action is Action.HOLD:
        return Outcome.HELD
    return Outcome.ADVISED if mode is Mode.ADVISE else Outcome.PENDING
