"""A move is made once, of a stream that is as it was decided for; what became of it is told by the stream itself."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from kinesis_scaling.decisions.record import DecisionRecord, Outcome
from kinesis_scaling.errors import AwsUnavailableError, NotAllowedError
from kinesis_scaling.scaling_decision import Action, Evidence, Reason, ScalingDecision
from kinesis_scaling.stream.moves import StreamMoves
from kinesis_scaling.stream.past_calls import CALLS_TAG, REFUSAL_TAG
from kinesis_scaling.stream_settings import Mode
from tests.plugins.kinesis_scaling.stream.stubbed_stream import ARN, NOW, STREAM, WIDTH, StubbedStream

DECIDED = NOW - timedelta(seconds=20)
NOTED = str(int(DECIDED.timestamp()))
UPDATE = {"StreamName": STREAM, "TargetShardCount": 8, "ScalingType": "UNIFORM_SCALING"}
UPDATED = {"StreamName": STREAM, "CurrentShardCount": 4, "TargetShardCount": 8, "StreamARN": ARN}


def decided(action: Action, open_shards: int, target: int, **more: Any) -> DecisionRecord:
    decision = ScalingDecision(
        action=action,
        target_shard_count=target,
        reason=Reason.DEMAND,
        explanation="as in the test",
        evidence=Evidence(
            open_shards=open_shards, wanted_shards=target, floor_shards=1, ceiling_shards=99, calls_left=9
        ),
        **more,
    )
    return DecisionRecord.of(decision, stream_name=STREAM, decided_at=DECIDED, mode=Mode.ON, decided_by="a run")


DOUBLING = decided(Action.UPDATE_SHARD_COUNT, 4, 8)


def begin(stream: StubbedStream, record: DecisionRecord, *, tried_before: bool = False) -> DecisionRecord | None:
    return StreamMoves(stream.kinesis, STREAM).begin(record, NOW, tried_before=tried_before)


def end(stream: StubbedStream, record: DecisionRecord) -> DecisionRecord:
    return StreamMoves(stream.kinesis, STREAM).end(record, NOW)


def test_a_call_is_noted_in_the_tag_before_it_is_made(stream: StubbedStream) -> None:
    stream.summary(4)
    stream.tags({})
    stream.tag_is_written(CALLS_TAG, NOTED)
    stream.tags({CALLS_TAG: NOTED})
    stream.answers("update_shard_count", UPDATED, UPDATE)

    assert begin(stream, DOUBLING) is None


def test_a_try_after_a_crash_between_note_and_call_makes_the_call_and_notes_nothing_twice(
    stream: StubbedStream,
) -> None:
    stream.summary(4)
    stream.tags({CALLS_TAG: NOTED})
    stream.answers("update_shard_count", UPDATED, UPDATE)

    assert begin(stream, DOUBLING, tried_before=True) is None


def test_a_try_after_a_crash_behind_the_call_waits_for_what_it_began(stream: StubbedStream) -> None:
    stream.summary(4, "UPDATING")

    assert begin(stream, DOUBLING, tried_before=True) is None


def test_a_try_after_a_crash_behind_the_wait_finds_it_done(stream: StubbedStream) -> None:
    stream.summary(8)
    stream.tags({CALLS_TAG: NOTED})

    record = begin(stream, DOUBLING, tried_before=True)

    assert record == DOUBLING.ended(Outcome.DONE, at=NOW, resulting_shards=8)


def test_a_call_whose_note_was_overwritten_is_noted_again_when_the_stream_is_active(stream: StubbedStream) -> None:
    theirs = str(int(NOW.timestamp()) - 90)
    stream.summary(8)
    stream.tags({CALLS_TAG: theirs})
    stream.tag_is_written(CALLS_TAG, f"{theirs} {NOTED}")
    stream.tags({CALLS_TAG: f"{theirs} {NOTED}"})

    assert end(stream, DOUBLING).outcome is Outcome.DONE


def test_the_widest_shard_is_split_in_the_middle(stream: StubbedStream) -> None:
    stream.summary(2)
    stream.shards(1, 3)
    request = {
        "StreamName": STREAM,
        "ShardToSplit": "shardId-000000000001",
        "NewStartingHashKey": str(WIDTH // 4 + 3 * WIDTH // 8),
    }
    stream.answers("split_shard", {}, request)

    assert begin(stream, decided(Action.SPLIT_SHARD, 2, 3)) is None


def test_the_hot_shard_is_split_or_the_move_is_off_if_it_is_gone(stream: StubbedStream) -> None:
    hot = decided(Action.SPLIT_SHARD, 2, 3, shard_id="shardId-000000000000")
    stream.summary(2)
    stream.shards(1, 3)
    request = {"StreamName": STREAM, "ShardToSplit": hot.shard_id, "NewStartingHashKey": str(WIDTH // 8)}
    stream.answers("split_shard", {}, request)
    assert begin(stream, hot) is None

    stream.summary(2)
    stream.shards(1, 3)
    record = begin(stream, replace(hot, shard_id="shardId-000000000007"))
    assert record is not None
    assert (record.outcome, record.outcome_detail) == (
        Outcome.SUPERSEDED,
        "shardId-000000000007 is not open any more",
    )


def test_the_narrowest_neighbours_are_merged(stream: StubbedStream) -> None:
    stream.summary(3)
    stream.shards(4, 1, 2)
    shards = {"ShardToMerge": "shardId-000000000001", "AdjacentShardToMerge": "shardId-000000000002"}
    stream.answers("merge_shards", {}, {"StreamName": STREAM, **shards})

    assert begin(stream, decided(Action.MERGE_SHARDS, 3, 2)) is None


@pytest.mark.parametrize(
    ("open_shards", "status", "age", "detail"),
    [
        pytest.param(4, "UPDATING", 20, "somebody else is changing the stream", id="being-changed"),
        pytest.param(8, "ACTIVE", 20, "decided for 4 open shards, 8 are open now", id="made-by-another"),
        pytest.param(6, "ACTIVE", 20, "decided for 4 open shards, 6 are open now", id="changed"),
        pytest.param(4, "ACTIVE", 301, "decided 0:05:01 ago, which is too long; it is decided anew", id="old"),
        pytest.param(4, "DELETING", 20, "the stream is DELETING", id="deleted"),
    ],
)
def test_a_decision_that_no_longer_fits_is_not_made(
    stream: StubbedStream, open_shards: int, status: str, age: int, detail: str
) -> None:
    old = replace(DOUBLING, decided_at=NOW - timedelta(seconds=age))
    stream.summary(open_shards, status)

    record = begin(stream, old)

    assert record == old.ended(Outcome.SUPERSEDED, at=NOW, resulting_shards=open_shards, detail=detail)


def test_a_change_by_somebody_else_while_ours_was_made_is_told(stream: StubbedStream) -> None:
    stream.summary(5)

    record = end(stream, DOUBLING)

    assert record.outcome is Outcome.SUPERSEDED
    assert record.outcome_detail == "8 shards were to be open, 5 are: somebody else changed the stream"


def test_a_call_after_which_nothing_has_changed_is_told(stream: StubbedStream) -> None:
    stream.summary(4)

    assert end(stream, DOUBLING).outcome_detail == "8 shards were to be open, 4 are: nothing has changed"


def test_a_limit_of_aws_is_a_refusal_that_the_stream_remembers(stream: StubbedStream) -> None:
    stream.summary(4)
    stream.tags({CALLS_TAG: NOTED})
    stream.refuses("update_shard_count", "LimitExceededException", "more than 10 times in 24 hours")
    stream.summary(4)
    stream.tag_is_written(REFUSAL_TAG, f"{int(NOW.timestamp())} UpdateShardCount")

    record = begin(stream, DOUBLING)

    assert record is not None
    assert record.outcome is Outcome.REFUSED
    assert record.outcome_detail == "LimitExceededException: more than 10 times in 24 hours"


@pytest.mark.parametrize("code", ["LimitExceededException", "InvalidArgumentException", "ValidationException"])
def test_a_merge_that_aws_refuses_is_not_asked_for_again_at_once(stream: StubbedStream, code: str) -> None:
    stream.summary(3)
    stream.shards(1, 1, 1)
    stream.refuses("merge_shards", code)
    stream.summary(3)
    stream.tag_is_written(REFUSAL_TAG, f"{int(NOW.timestamp())} MergeShards")

    record = begin(stream, decided(Action.MERGE_SHARDS, 3, 2))

    assert record is not None
    assert (record.outcome, record.outcome_detail) == (Outcome.REFUSED, f"{code}: as recorded")


def test_a_stream_that_somebody_else_is_changing_is_left_to_them(stream: StubbedStream) -> None:
    stream.summary(3)
    stream.shards(1, 1, 1)
    stream.refuses("merge_shards", "ResourceInUseException")
    stream.summary(2)

    record = begin(stream, decided(Action.MERGE_SHARDS, 3, 2))

    assert record is not None
    assert (record.outcome, record.resulting_shards) == (Outcome.SUPERSEDED, 2)


def test_a_call_that_botocore_repeated_is_waited_for_as_its_first_may_have_been_taken(stream: StubbedStream) -> None:
    stream.summary(3)
    stream.shards(1, 1, 1)
    stream.refuses("merge_shards", "ResourceInUseException", repeats=1)

    assert begin(stream, decided(Action.MERGE_SHARDS, 3, 2)) is None


def test_a_call_that_botocore_repeated_after_it_was_made_is_done(stream: StubbedStream) -> None:
    stream.summary(3)
    stream.shards(1, 1, 1)
    stream.refuses("merge_shards", "InvalidArgumentException", "has already been merged or split", repeats=1)
    stream.summary(2)

    record = begin(stream, decided(Action.MERGE_SHARDS, 3, 2))

    assert record is not None
    assert (record.outcome, record.resulting_shards) == (Outcome.DONE, 2)


def test_a_missing_right_is_an_error_and_a_passing_fault_another(stream: StubbedStream) -> None:
    for code, status, error in (
        ("AccessDeniedException", 400, NotAllowedError),
        ("InternalFailure", 500, AwsUnavailableError),
    ):
        stream.summary(3)
        stream.shards(1, 1, 1)
        stream.refuses("split_shard", code, status=status)
        with pytest.raises(error, match=f"kinesis:SplitShard.*{STREAM}"):
            begin(stream, decided(Action.SPLIT_SHARD, 3, 4))
