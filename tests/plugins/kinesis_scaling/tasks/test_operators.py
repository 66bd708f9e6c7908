"""The tasks around the triggers: what they defer, which task follows, and what becomes of a move."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
from airflow.sdk import timezone as clock
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, DownstreamTasksSkipped, TaskDeferred
from botocore.stub import Stubber

from kinesis_scaling.decisions.record import DecisionRecord, Outcome
from kinesis_scaling.errors import AwsUnavailableError, NotAllowedError, StreamError
from kinesis_scaling.scaling_decision import Action
from kinesis_scaling.stream_settings import Mode, ScaledStream
from kinesis_scaling.tasks.operators import (
    MergeShardsOperator,
    ShardUtilizationSensor,
    SplitShardOperator,
    StreamMoveError,
    StreamWatchError,
    UpdateShardCountOperator,
)
from kinesis_scaling.tasks.stream_hook import StreamHook
from kinesis_scaling.tasks.triggers import ShardUtilizationTrigger, StreamActiveTrigger
from tests.plugins.kinesis_scaling.tasks.records import record

pytestmark = pytest.mark.airflow

CONTEXT: Any = {"run_id": "scheduled__1", "ti": SimpleNamespace(try_number=1)}
LATER_TRY: Any = {"run_id": "scheduled__1", "ti": SimpleNamespace(try_number=2)}
ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/s"


MOVES: dict[Action, str] = {action: f"make_{action}" for action in Action if action is not Action.HOLD}


class RunningTask:
    """A task instance as far as branching needs it; keeps what is pushed."""

    map_index = -1

    def __init__(self, task: Any) -> None:
        self.task = task
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, *, key: str, value: Any) -> None:
        self.pushed[key] = value


def sensor(mode: Mode = Mode.ON) -> ShardUtilizationSensor:
    with DAG("d"):
        watching = ShardUtilizationSensor(
            task_id="watch_shards",
            stream=ScaledStream(name="s", mode=mode),
            move_task_ids={action.value: task_id for action, task_id in MOVES.items()},
            otherwise="record_decisions",
            aws_conn_id=None,
        )
        recorded = EmptyOperator(task_id="record_decisions")
        watching >> [EmptyOperator(task_id=task_id) for task_id in MOVES.values()] >> recorded
        watching >> recorded
    return watching


def skipped_after(event: dict[str, Any]) -> tuple[set[str], Any]:
    """Return which tasks are skipped once the event has come, and what the sensor leaves to the others."""
    running = RunningTask(sensor())
    with pytest.raises(DownstreamTasksSkipped) as skip:
        running.task.execute_complete({**CONTEXT, "ti": running}, event)
    return {task_id for task_id, _ in skip.value.tasks}, running.pushed["return_value"]


class Looked:
    """A watch whose one look finds what it is told."""

    def __init__(self, found: DecisionRecord | StreamError | None) -> None:
        self._found = found

    def look(self, now: datetime) -> DecisionRecord | None:
        if isinstance(self._found, StreamError):
            raise self._found
        return self._found


def first_look_finds(monkeypatch: pytest.MonkeyPatch, found: DecisionRecord | StreamError | None) -> None:
    monkeypatch.setattr(StreamHook, "watch", lambda *_: Looked(found))


def test_a_move_that_is_due_at_once_is_followed_without_a_way_through_the_triggerer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    move = record(Action.SPLIT_SHARD, 4, 5)
    first_look_finds(monkeypatch, move)
    running = RunningTask(sensor())

    with pytest.raises(DownstreamTasksSkipped) as skip:
        running.task.execute({**CONTEXT, "ti": running})

    assert {task_id for task_id, _ in skip.value.tasks} == set(MOVES.values()) - {MOVES[Action.SPLIT_SHARD]}
    assert running.pushed["return_value"] == [move.to_json()]


def test_a_stream_that_cannot_be_looked_at_fails_the_first_look(monkeypatch: pytest.MonkeyPatch) -> None:
    first_look_finds(monkeypatch, NotAllowedError("grant it"))

    with pytest.raises(StreamWatchError, match="grant it"):
        sensor().execute(CONTEXT)


@pytest.mark.parametrize("found", [None, AwsUnavailableError("no answer")])
def test_the_sensor_watches_in_the_triggerer_for_a_run_s_length(
    monkeypatch: pytest.MonkeyPatch, found: StreamError | None
) -> None:
    first_look_finds(monkeypatch, found)
    before = clock.utcnow()
    with pytest.raises(TaskDeferred) as deferred:
        sensor().execute(CONTEXT)

    trigger = deferred.value.trigger
    assert isinstance(trigger, ShardUtilizationTrigger)
    assert ScaledStream.from_text(trigger.stream) == sensor().stream
    assert before + timedelta(hours=1) <= trigger.until <= clock.utcnow() + timedelta(hours=1)
    assert trigger.decided_by == "scheduled__1"
    assert deferred.value.method_name == "execute_complete"


def test_the_sensor_of_a_stream_whose_mode_is_off_skips() -> None:
    with pytest.raises(AirflowSkipException, match="the mode of stream s is off"):
        sensor(Mode.OFF).execute(CONTEXT)


@pytest.mark.parametrize("action", [action for action in Action if action is not Action.HOLD])
def test_the_task_of_the_move_follows(action: Action) -> None:
    texts = [record(Action.HOLD).to_json(), record(action, 4, 5).to_json()]

    assert skipped_after({"records": texts}) == (set(MOVES.values()) - {MOVES[action]}, texts)


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([], id="nothing"),
        pytest.param([record(Action.HOLD)], id="close"),
        pytest.param([record(Action.SPLIT_SHARD, 4, 5, mode=Mode.ADVISE)], id="advised"),
    ],
)
def test_without_a_move_what_there_is_is_recorded(records: list[DecisionRecord]) -> None:
    texts = [found.to_json() for found in records]

    assert skipped_after({"records": texts}) == (set(MOVES.values()), texts)


def test_what_keeps_the_stream_from_being_watched_fails_the_task_to_be_tried_again() -> None:
    with pytest.raises(StreamWatchError, match="grant it") as raised:
        sensor().execute_complete(CONTEXT, {"error": "grant it"})
    assert not isinstance(raised.value, AirflowFailException)


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture
def split() -> SplitShardOperator:
    decided = record(Action.SPLIT_SHARD, 1, 2, decided_at=clock.utcnow())
    return SplitShardOperator(
        task_id="split_shard", stream_name="s", decisions=["earlier", decided.to_json()], aws_conn_id=None
    )


@pytest.fixture
def kinesis(split: SplitShardOperator) -> Iterator[Stubber]:
    with Stubber(split.hook.conn) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def summary(kinesis: Stubber, open_shards: int, status: str = "ACTIVE") -> None:
    found = {
        "StreamName": "s",
        "StreamARN": ARN,
        "StreamStatus": status,
        "RetentionPeriodHours": 24,
        "StreamCreationTimestamp": clock.utcnow(),
        "EnhancedMonitoring": [{}],
        "OpenShardCount": open_shards,
    }
    kinesis.add_response("describe_stream_summary", {"StreamDescriptionSummary": found}, {"StreamName": "s"})


def test_a_move_is_begun_and_waited_for_in_the_triggerer(split: SplitShardOperator, kinesis: Stubber) -> None:
    summary(kinesis, 1)
    shard = {
        "ShardId": "shardId-000000000000",
        "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": str(2**128 - 1)},
        "SequenceNumberRange": {"StartingSequenceNumber": "1"},
    }
    kinesis.add_response("list_shards", {"Shards": [shard]})
    kinesis.add_response("split_shard", {})

    with pytest.raises(TaskDeferred) as deferred:
        split.execute(CONTEXT)

    assert isinstance(deferred.value.trigger, StreamActiveTrigger)
    assert deferred.value.trigger.stream_name == "s"
    assert deferred.value.kwargs == {"decision": split.decisions[-1]}

    summary(kinesis, 2)
    told = split.execute_complete(CONTEXT, {}, **deferred.value.kwargs)
    assert DecisionRecord.from_json(told).outcome is Outcome.DONE


def test_a_move_that_is_off_is_told_at_once(split: SplitShardOperator, kinesis: Stubber) -> None:
    summary(kinesis, 3)

    told = DecisionRecord.from_json(split.execute(CONTEXT))

    assert (told.outcome, told.resulting_shards) == (Outcome.SUPERSEDED, 3)


def test_a_later_try_takes_a_stream_that_changes_for_its_own_work(split: SplitShardOperator, kinesis: Stubber) -> None:
    summary(kinesis, 1, "UPDATING")

    with pytest.raises(TaskDeferred):
        split.execute(LATER_TRY)


def test_a_wait_that_ended_with_an_error_fails_the_task_to_be_tried_again(split: SplitShardOperator) -> None:
    with pytest.raises(StreamMoveError, match="grant it"):
        split.execute_complete(CONTEXT, {"error": "grant it"}, decision=split.decisions[-1])


@pytest.mark.parametrize("operator", [UpdateShardCountOperator, MergeShardsOperator])
def test_an_operator_makes_its_own_move_only(operator: Any) -> None:
    decisions = [record(Action.SPLIT_SHARD, 1, 2).to_json()]
    with pytest.raises(AirflowFailException, match="cannot make SplitShard"):
        operator(task_id="other", stream_name="s", decisions=decisions, aws_conn_id=None).execute(CONTEXT)


def test_the_hook_gives_both_clients_the_region_of_its_operator() -> None:
    operator = SplitShardOperator(task_id="t", stream_name="s", decisions=[], aws_conn_id=None, region_name="eu-west-1")
    hook = operator.hook
    regions = (hook.conn.meta.region_name, hook.cloudwatch.meta.region_name)
    assert regions == ("eu-west-1", "eu-west-1")
    assert (hook.conn.meta.config.read_timeout, hook.cloudwatch.meta.config.read_timeout) == (20, 20)
