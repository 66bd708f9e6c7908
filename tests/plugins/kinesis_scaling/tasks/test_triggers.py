"""Triggers: one event each, no worker before it, and an AWS that does not answer for a while is borne."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kinesis_scaling.decisions.record import DecisionRecord
from kinesis_scaling.errors import AwsUnavailableError, KinesisScalingError, NotAllowedError
from kinesis_scaling.scaling_decision import Action
from kinesis_scaling.stream_settings import ScaledStream
from kinesis_scaling.tasks.triggers import ShardUtilizationTrigger, StreamActiveTrigger, settled, watched
from tests.plugins.kinesis_scaling.tasks.records import record

pytestmark = pytest.mark.airflow

START = datetime(2026, 3, 6, 12, tzinfo=UTC)
EVERY = timedelta(seconds=30)
HOLD, MOVE = record(Action.HOLD), record(Action.SPLIT_SHARD, 4, 5)


class Clock:
    """A clock that only sleeping moves; `slept` are the pauses in seconds."""

    def __init__(self) -> None:
        self.now = START
        self.slept: list[float] = []

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


class ScriptedWatch:
    """Finds what a test says, look by look; the last again and again."""

    def __init__(self, *found: DecisionRecord | KinesisScalingError | None) -> None:
        self._found: Iterator[DecisionRecord | KinesisScalingError | None] = iter(found)
        self._last = found[-1]
        self.noted: list[DecisionRecord] = []
        self.looks = 0

    def look(self, now: datetime) -> DecisionRecord | None:
        self.looks += 1
        found = next(self._found, self._last)
        if isinstance(found, KinesisScalingError):
            raise found
        if found is not None and found.action is Action.HOLD:
            self.noted.append(found)
            return None
        return found


def run(watch: ScriptedWatch, clock: Clock, minutes: float = 60) -> dict[str, Any]:
    until = START + timedelta(minutes=minutes)
    watching = watched(watch, every=EVERY, until=until, now=clock, sleep=clock.sleep)  # type: ignore[arg-type]
    return asyncio.run(watching)


def texts(*records: DecisionRecord) -> dict[str, Any]:
    return {"records": [record.to_json() for record in records]}


def test_it_fires_at_the_look_that_finds_a_move_with_what_was_close_before() -> None:
    clock, watch = Clock(), ScriptedWatch(None, HOLD, None, MOVE)

    assert run(watch, clock) == texts(HOLD, MOVE)
    assert clock.slept == [30.0, 30.0, 30.0, 30.0]


def test_it_never_fires_before_a_busy_scheduler_has_noticed_that_the_task_was_deferred() -> None:
    clock = Clock()
    watching = watched(
        ScriptedWatch(MOVE),  # type: ignore[arg-type]
        every=timedelta(seconds=1),
        until=START + timedelta(hours=1),
        now=clock,
        sleep=clock.sleep,
    )

    assert asyncio.run(watching) == texts(MOVE)
    assert clock.slept == [10.0]


def test_without_a_move_it_ends_after_the_run_s_length() -> None:
    clock, watch = Clock(), ScriptedWatch(HOLD, None)

    assert run(watch, clock, minutes=5) == texts(HOLD)
    assert watch.looks == 10
    assert clock.now == START + timedelta(minutes=5)


def test_an_aws_that_answers_again_is_no_event() -> None:
    clock, down = Clock(), AwsUnavailableError("no answer")

    assert run(ScriptedWatch(down, down, down, None, down, MOVE), clock) == texts(MOVE)
    assert clock.slept == [30.0, 2.0, 4.0, 8.0, 30.0, 2.0]


def test_an_aws_that_does_not_answer_for_ten_minutes_is_an_error() -> None:
    clock = Clock()

    found = run(ScriptedWatch(AwsUnavailableError("no answer")), clock)

    assert found == {"error": "no answer; so it has been since 12:00:30 UTC"}
    assert timedelta(minutes=10) <= clock.now - START < timedelta(minutes=11)


def test_what_a_person_must_put_right_is_an_error_at_once() -> None:
    clock = Clock()

    assert run(ScriptedWatch(NotAllowedError("grant it")), clock) == {"error": "grant it"}
    assert clock.slept == [30.0]


def test_what_was_noted_before_an_error_is_handed_over_first() -> None:
    assert run(ScriptedWatch(HOLD, NotAllowedError("grant it")), Clock()) == texts(HOLD)


def wait(*found: bool | KinesisScalingError, clock: Clock) -> dict[str, Any]:
    answers = iter(found)

    def look() -> bool:
        answer = next(answers, found[-1])
        if isinstance(answer, KinesisScalingError):
            raise answer
        return answer

    return asyncio.run(settled(look, every=timedelta(seconds=3), now=clock, sleep=clock.sleep))


def test_the_wait_for_active_ends_when_it_is_and_bears_a_cloud_that_is_away() -> None:
    clock = Clock()
    assert wait(False, AwsUnavailableError("away"), AwsUnavailableError("away"), False, True, clock=clock) == {}
    assert clock.slept == [10.0, 3.0, 2.0, 4.0, 3.0]


def test_the_wait_for_active_ends_with_an_error_that_a_person_must_put_right() -> None:
    assert wait(NotAllowedError("grant it"), clock=Clock()) == {"error": "grant it"}
    lasting = wait(AwsUnavailableError("away"), clock=Clock())
    assert lasting == {"error": "away; so it has been since 12:00:10 UTC"}


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(
            lambda: ShardUtilizationTrigger(
                stream=ScaledStream(name="s").to_text(),
                until=START,
                decided_by="a run",
                aws_conn_id=None,
                region_name="eu-west-1",
            ),
            id="watch",
        ),
        pytest.param(
            lambda: StreamActiveTrigger(stream_name="s", poll_seconds=3.0, aws_conn_id=None, region_name=None),
            id="active",
        ),
    ],
)
def test_a_trigger_survives_a_restart_of_the_triggerer(make: Callable[[], Any]) -> None:
    trigger = make()
    path, arguments = trigger.serialize()
    again = type(trigger)(**arguments)

    assert path == f"{type(trigger).__module__}.{type(trigger).__name__}"
    assert again.serialize() == (path, arguments)
