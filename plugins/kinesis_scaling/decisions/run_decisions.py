"""What the tasks of a run left behind → the rows that it writes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from kinesis_scaling.decisions.decision_record import DecisionRecord, Outcome

_FAILED: Final = "the task that was to make it failed; its log says why, and the stream how far it got"


@dataclass(frozen=True, kw_only=True)
class RunDecisions:
    """The records to be written, and whether the task that was to make the move failed."""

    records: tuple[DecisionRecord, ...]
    move_failed: bool


def run_decisions(watched: Sequence[str], moved: Iterable[str | None]) -> RunDecisions:
    """Return the decisions of `watched`, the move's being replaced by what its task made of it.

    `moved` has a text for the task that made the move, and None for those that had nothing to make.
    """
    ended = [DecisionRecord.from_json(text) for text in moved if text is not None]
    decided = [DecisionRecord.from_json(text) for text in watched]
    noted = [record for record in decided if record.outcome is not Outcome.PENDING]
    pending = [record for record in decided if record.outcome is Outcome.PENDING]
    lost = [replace(record, outcome=Outcome.FAILED, outcome_detail=_FAILED) for record in pending if not ended]
    return RunDecisions(records=(*noted, *ended, *lost), move_failed=bool(lost))
