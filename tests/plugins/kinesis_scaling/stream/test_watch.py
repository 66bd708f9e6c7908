"""What a look at the stream comes to: a move to make, something that was close, or nothing to tell."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from kinesis_scaling.decisions.record import Outcome
from kinesis_scaling.scaling_decision import Action, Reason
from kinesis_scaling.scaling_settings import Settings
from kinesis_scaling.stream.past_calls import CALLS_TAG, REFUSAL_TAG
from kinesis_scaling.stream.watch import StreamWatch
from kinesis_scaling.stream_settings import Mode, ScaledStream
from tests.plugins.kinesis_scaling.stream.stubbed_stream import NOW, STREAM, StubbedStream, result

MINUTE = timedelta(minutes=1)
LAST = NOW.replace(second=0) - MINUTE
EPOCH = int(NOW.timestamp())


def watch(stream: StubbedStream, mode: Mode = Mode.ON, **settings: Any) -> StreamWatch:
    scaled = ScaledStream(name=STREAM, mode=mode, settings=Settings(**settings))
    return StreamWatch(scaled, kinesis=stream.kinesis, cloudwatch=stream.cloudwatch, decided_by="a run")


def seen(
    stream: StubbedStream,
    *,
    open_shards: int,
    demand: Sequence[float],
    tags: dict[str, str] | None = None,
    last: datetime = LAST,
) -> None:
    """Expect one look; `demand` is in shards, the last minute's last."""
    stream.summary(open_shards)
    stream.limits()
    first = last - (len(demand) - 1) * MINUTE
    records = {first + place * MINUTE: shards * 60_000 for place, shards in enumerate(demand)}
    results = [result("m0", records), *(result(f"m{number}", {}) for number in range(1, 5))]
    stream.answers("get_metric_data", {"MetricDataResults": results})
    stream.tags(tags or {})


def test_a_move_is_returned_with_what_was_seen(stream: StubbedStream) -> None:
    seen(stream, open_shards=4, demand=[3.6])

    move = watch(stream).look(NOW)

    assert move is not None
    assert (move.action, move.open_shards, move.target_shards) == (Action.UPDATE_SHARD_COUNT, 4, 7)
    assert (move.outcome, move.demand, move.decided_by) == (Outcome.PENDING, 3.6, "a run")


def test_in_mode_advise_a_move_is_noted_and_like_ones_are_one_note(stream: StubbedStream) -> None:
    advising = watch(stream, Mode.ADVISE)
    for number in range(3):
        seen(stream, open_shards=4, demand=[3.6], last=LAST + number * MINUTE)
        assert advising.look(NOW + number * MINUTE) is None

    [note] = advising.noted
    assert (note.action, note.outcome, note.times) == (Action.UPDATE_SHARD_COUNT, Outcome.ADVISED, 3)
    assert (note.decided_at, note.last_decided_at) == (NOW, NOW + 2 * MINUTE)


def test_what_was_close_is_noted_and_what_was_not_is_not(stream: StubbedStream) -> None:
    watching = watch(stream, maximum_shards=4)
    seen(stream, open_shards=4, demand=[2.0])
    assert watching.look(NOW) is None
    assert watching.noted == []

    seen(stream, open_shards=4, demand=[3.9], last=LAST + MINUTE)
    assert watching.look(NOW + MINUTE) is None

    assert [(note.reason, note.outcome) for note in watching.noted] == [(Reason.AT_CEILING, Outcome.HELD)]


def test_a_move_that_aws_refused_just_now_waits_and_is_noted(stream: StubbedStream) -> None:
    watching = watch(stream, minimum_shards=2)
    seen(stream, open_shards=1, demand=[0.1], tags={REFUSAL_TAG: f"{EPOCH - 60} SplitShard"})
    assert watching.look(NOW) is None
    [note] = watching.noted
    assert (note.reason, note.action, note.target_shards) == (Reason.REFUSED, Action.HOLD, 1)
    assert "AWS refused SplitShard at 11:59" in note.explanation

    later = NOW + 5 * MINUTE
    seen(stream, open_shards=1, demand=[0.1], tags={REFUSAL_TAG: f"{EPOCH - 60} SplitShard"})
    move = watching.look(later)
    assert move is not None
    assert move.action is Action.SPLIT_SHARD


def test_after_a_refused_call_the_policy_goes_on_by_splits(stream: StubbedStream) -> None:
    seen(stream, open_shards=4, demand=[3.6], tags={REFUSAL_TAG: f"{EPOCH - 60} UpdateShardCount"})

    move = watch(stream).look(NOW)

    assert move is not None
    assert (move.action, move.calls_left) == (Action.SPLIT_SHARD, 0)


def test_a_tag_that_cannot_be_read_is_repaired_and_told(stream: StubbedStream) -> None:
    seen(stream, open_shards=4, demand=[3.6], tags={CALLS_TAG: "oops"})
    spent = " ".join(str(EPOCH - number) for number in range(9, -1, -1))
    stream.tag_is_written(CALLS_TAG, spent)
    stream.tag_is_written(REFUSAL_TAG, f"{EPOCH} hold")

    move = watch(stream).look(NOW)

    assert move is not None
    assert move.action is Action.SPLIT_SHARD
    assert f"tag {CALLS_TAG} has 'oops', which is no time in epoch seconds, so ten calls" in move.explanation


def test_in_mode_advise_nothing_is_written(stream: StubbedStream) -> None:
    advising = watch(stream, Mode.ADVISE)
    seen(stream, open_shards=4, demand=[3.6], tags={CALLS_TAG: "oops"})

    advising.look(NOW)

    assert [(note.action, note.outcome) for note in advising.noted] == [(Action.SPLIT_SHARD, Outcome.ADVISED)]


@pytest.mark.parametrize("mode", [Mode.ON, Mode.ADVISE])
def test_a_stream_without_metrics_stays_as_it_is_and_that_is_noted(stream: StubbedStream, mode: Mode) -> None:
    watching = watch(stream, mode)
    seen(stream, open_shards=4, demand=[])

    assert watching.look(NOW) is None

    [note] = watching.noted
    assert (note.reason, note.outcome, note.demand) == (Reason.NO_METRICS, Outcome.HELD, None)
    assert "no minute of the last 3:20:00 is known: the 4 open shards stay" in note.explanation
