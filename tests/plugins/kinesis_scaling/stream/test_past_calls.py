"""The budget of ten calls lies in a tag: it is never forgotten, and never keeps the stream from being scaled."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinesis_scaling.errors import StreamError
from kinesis_scaling.scaling_decision import Action
from kinesis_scaling.stream.past_calls import (
    CALLS_TAG,
    REFUSAL_TAG,
    PastCalls,
    Refusal,
    calls_text,
    note_call,
    note_refusal,
    past_calls,
    read_tags,
    repair,
)
from tests.plugins.kinesis_scaling.stream.stubbed_stream import NOW, STREAM
from tests.plugins.kinesis_scaling.stream.tagged_stream import TaggedStream
from tests.plugins.kinesis_scaling.stream.two_writers import calls_taken

HOUR = timedelta(hours=1)
SECOND = NOW.replace(microsecond=0)
YEAR_2020 = datetime(2020, 1, 1, tzinfo=UTC)
TIMES = st.integers(0, 10**9).map(lambda seconds: YEAR_2020 + timedelta(seconds=seconds))


def noted(stream: TaggedStream, now: datetime = NOW) -> PastCalls:
    return past_calls(stream.tags, now)


def test_a_call_is_noted_beside_those_of_the_last_24_hours() -> None:
    stream = TaggedStream({CALLS_TAG: calls_text([SECOND - 25 * HOUR, SECOND - 23 * HOUR]), "team": "web"})

    note_call(stream, STREAM, NOW, NOW)

    assert stream.tags == {CALLS_TAG: calls_text([SECOND - 23 * HOUR, SECOND]), "team": "web"}


def test_the_same_call_noted_again_is_one_call() -> None:
    stream = TaggedStream()
    for _ in range(3):
        note_call(stream, STREAM, NOW, NOW)

    assert noted(stream).calls == (SECOND,)
    assert len(stream.writes) == 1


def test_tags_are_read_to_the_last_page() -> None:
    stream = TaggedStream({f"tag-{number:02}": str(number) for number in range(25)})

    assert read_tags(stream, STREAM) == stream.tags


def test_a_call_that_another_writer_wrote_over_is_written_again() -> None:
    theirs = SECOND - timedelta(seconds=5)
    overwrites = iter([True])

    def other_writer(stream: TaggedStream) -> None:
        if next(overwrites, False):
            stream.tags[CALLS_TAG] = calls_text([theirs])

    stream = TaggedStream(after_write=other_writer)
    note_call(stream, STREAM, NOW, NOW)

    assert noted(stream).calls == (theirs, SECOND)


def test_a_writer_that_never_stops_is_an_error() -> None:
    def other_writer(stream: TaggedStream) -> None:
        stream.tags[CALLS_TAG] = calls_text([SECOND - HOUR])

    with pytest.raises(StreamError, match=f"cannot be noted in tag {CALLS_TAG} of stream {STREAM}.*one Airflow alone"):
        note_call(TaggedStream(after_write=other_writer), STREAM, NOW, NOW)


@pytest.mark.parametrize("text", ["soon", "12", "99999999999", "2026-03-06", "1772798400 x"])
def test_a_tag_that_somebody_wrote_into_counts_as_ten_calls_and_says_so(text: str) -> None:
    found = past_calls({CALLS_TAG: text}, NOW)

    assert len(found.counted(NOW)) >= 10
    assert all(NOW - call < timedelta(hours=24) for call in found.counted(NOW)[-10:])
    assert CALLS_TAG in (found.unreadable or "")


def test_a_repaired_tag_can_be_read_has_the_budget_spent_and_recovers_within_a_day() -> None:
    stream = TaggedStream({CALLS_TAG: f"soon {calls_text([SECOND - HOUR])}", REFUSAL_TAG: "never"})

    repair(stream, STREAM, noted(stream), NOW)

    assert noted(stream).unreadable is None
    assert len(noted(stream).calls) == 11
    assert SECOND - HOUR in noted(stream).calls
    assert noted(stream, NOW + 24 * HOUR).counted(NOW + 24 * HOUR) == ()


def test_a_refused_call_means_a_spent_budget_for_an_hour() -> None:
    stream = TaggedStream({CALLS_TAG: calls_text([SECOND - 2 * HOUR])})

    note_refusal(stream, STREAM, Refusal(action=Action.UPDATE_SHARD_COUNT, at=SECOND))

    assert len(noted(stream).counted(NOW)) == 11
    assert noted(stream, NOW + HOUR).counted(NOW + HOUR) == (SECOND - 2 * HOUR,)


def test_a_refused_split_is_not_asked_for_again_for_five_minutes_and_costs_no_call() -> None:
    stream = TaggedStream()

    note_refusal(stream, STREAM, Refusal(action=Action.SPLIT_SHARD, at=SECOND))

    assert noted(stream).counted(NOW) == ()
    assert noted(stream).holds(Action.SPLIT_SHARD, NOW + timedelta(minutes=4))
    assert not noted(stream).holds(Action.MERGE_SHARDS, NOW)
    assert not noted(stream).holds(Action.SPLIT_SHARD, NOW + timedelta(minutes=5))


@given(calls=st.lists(TIMES, max_size=40))
def test_a_value_is_what_aws_takes_and_reads_back_as_the_newest_calls(calls: list[datetime]) -> None:
    text = calls_text(set(calls))

    assert re.fullmatch(r"[0-9 ]{0,255}", text)
    newest = sorted(set(calls))[-20:]
    assert past_calls({CALLS_TAG: text}, YEAR_2020).calls == tuple(newest)


@given(turns=st.lists(st.booleans(), max_size=24), pause=st.integers(1, 300))
def test_no_order_of_two_writers_steps_forgets_a_call_for_longer_than_its_reshard(
    turns: list[bool], pause: int
) -> None:
    stream = TaggedStream()

    taken = calls_taken(stream, [NOW, NOW + timedelta(seconds=pause)], turns)

    assert taken
    assert taken <= set(noted(stream, NOW + HOUR).calls)
