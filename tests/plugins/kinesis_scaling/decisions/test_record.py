"""A run writes a row for each decision, and the move's row says what became of it, also if its task never came back."""

from dataclasses import replace
from datetime import timedelta

from kinesis_scaling.decisions.record import Outcome, run_decisions
from kinesis_scaling.scaling_decision import Action, Reason
from tests.plugins.kinesis_scaling.tasks.records import DECIDED, record

HELD, MOVE = record(Action.HOLD), record(Action.SPLIT_SHARD, 4, 5)
DONE = MOVE.ended(Outcome.DONE, at=DECIDED + timedelta(minutes=1), resulting_shards=5)


def test_the_move_s_row_is_what_its_task_made_of_it() -> None:
    found = run_decisions([HELD.to_json(), MOVE.to_json()], [None, DONE.to_json(), None])

    assert found.records == (HELD, DONE)
    assert not found.move_failed


def test_a_run_without_a_move_writes_what_was_close_to_one() -> None:
    found = run_decisions([HELD.to_json()], [None, None, None])

    assert found.records == (HELD,)
    assert not found.move_failed


def test_a_move_whose_task_failed_is_a_row_that_says_so() -> None:
    found = run_decisions([HELD.to_json(), MOVE.to_json()], [None, None, None])

    assert [written.outcome for written in found.records] == [Outcome.HELD, Outcome.FAILED]
    assert found.records[-1].decision_id == MOVE.decision_id
    assert "its log says why" in (found.records[-1].outcome_detail or "")
    assert found.move_failed


def test_a_stream_is_stuck_that_needs_shards_and_cannot_have_them() -> None:
    at_ceiling = replace(MOVE, action=Action.HOLD, reason=Reason.AT_CEILING, outcome=Outcome.HELD)
    refused = MOVE.ended(Outcome.REFUSED, at=DECIDED, resulting_shards=4)
    out_of_calls = replace(MOVE, open_shards=4, wanted_shards=9, calls_left=0)
    assert at_ceiling.is_stuck
    assert refused.is_stuck
    assert out_of_calls.is_stuck
    assert not replace(out_of_calls, wanted_shards=4).is_stuck
    assert not DONE.is_stuck
