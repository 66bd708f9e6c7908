"""The scaling DAG: one hop from the watch to a move, and a row for whatever became of it."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from contracts.metrics import Metric
from kinesis_scaling.decisions import store
from kinesis_scaling.decisions.record import DecisionRecord, Outcome
from kinesis_scaling.scaling_decision import Action
from kinesis_scaling.stream_settings import Mode
from pipeline import metrics
from tests.plugins.kinesis_scaling.tasks.records import DECIDED, record

pytestmark = pytest.mark.airflow

MOVES = ["merge_shards", "split_shard", "update_shard_count"]
MOVE = record(Action.SPLIT_SHARD, 4, 5)


class Written:
    """A store that keeps what is written, commit by commit."""

    def __init__(self) -> None:
        self.commits: list[list[DecisionRecord]] = []
        self.metrics: list[Any] = []

    def write(self, records: Sequence[DecisionRecord]) -> None:
        self.commits.append(list(records))


class RunSoFar:
    """A task instance that finds what the tasks before it returned."""

    def __init__(self, **returned: Any) -> None:
        self._returned = returned

    def xcom_pull(self, *, task_ids: str) -> Any:
        return self._returned.get(task_ids)


@pytest.fixture
def scaling(dags: dict[str, DAG]) -> DAG:
    return dags["scale_event_stream"]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Written:
    written = Written()
    monkeypatch.setattr(store, "open_decision_store", lambda _lake: written)
    monkeypatch.setattr(metrics, "put_metrics", lambda _lake, values: written.metrics.append(values))
    return written


@pytest.fixture
def record_decisions(scaling: DAG) -> Callable[..., None]:
    task: Any = scaling.get_task("record_decisions")
    callable_: Callable[..., None] = task.python_callable
    return callable_


def test_without_settings_the_environment_s_own_stream_is_watched_and_left_as_it_is(scaling: DAG) -> None:
    watch: Any = scaling.get_task("watch_shards")

    assert (watch.stream.name, watch.stream.mode) == ("clickstream-test-events", Mode.ADVISE)


def test_runs_follow_each_other_one_at_a_time(scaling: DAG) -> None:
    assert type(scaling.timetable).__name__ == "ContinuousTimetable"
    assert scaling.max_active_runs == 1


def test_each_move_follows_the_watch_at_once_and_is_recorded_whatever_becomes_of_it(scaling: DAG) -> None:
    watch, recorded = scaling.get_task("watch_shards"), scaling.get_task("record_decisions")

    assert sorted(watch.downstream_task_ids) == sorted([*MOVES, "record_decisions"])
    for task_id in MOVES:
        assert scaling.get_task(task_id).upstream_task_ids == {"watch_shards"}
        assert scaling.get_task(task_id).downstream_task_ids == {"record_decisions"}
    assert recorded.trigger_rule == "all_done"


def test_the_watch_knows_the_task_of_each_move(scaling: DAG) -> None:
    watch: Any = scaling.get_task("watch_shards")

    assert set(watch.move_task_ids) == set(Action) - {Action.HOLD}
    for action, task_id in watch.move_task_ids.items():
        task: Any = scaling.get_task(task_id)
        assert task.action == action
        assert task.stream_name == watch.stream.name


def test_a_run_is_one_commit(record_decisions: Callable[..., None], written: Written) -> None:
    done = MOVE.ended(Outcome.DONE, at=DECIDED, resulting_shards=5)
    held = record(Action.HOLD)
    run = RunSoFar(watch_shards=[held.to_json(), MOVE.to_json()], split_shard=done.to_json())

    record_decisions("on", ti=run)

    assert written.commits == [[held, done]]
    assert written.metrics == [{Metric.SCALING_STUCK: held.is_stuck + done.is_stuck}]


def test_a_run_whose_move_failed_is_recorded_and_red(record_decisions: Callable[..., None], written: Written) -> None:
    with pytest.raises(AirflowFailException, match="the move failed"):
        record_decisions("on", ti=RunSoFar(watch_shards=[MOVE.to_json()]))

    assert [[found.outcome for found in commit] for commit in written.commits] == [[Outcome.FAILED]]


def test_a_run_whose_watch_failed_is_red_with_nothing_to_record(
    record_decisions: Callable[..., None], written: Written
) -> None:
    with pytest.raises(AirflowFailException, match="watch_shards has decided nothing"):
        record_decisions("on", ti=RunSoFar())

    assert written.commits == []


@pytest.mark.parametrize(
    ("mode", "watched"), [pytest.param("off", None, id="off"), pytest.param("on", [], id="nothing-was-close")]
)
def test_with_nothing_to_record_the_task_skips(
    record_decisions: Callable[..., None], written: Written, mode: str, watched: list[str] | None
) -> None:
    with pytest.raises(AirflowSkipException):
        record_decisions(mode, ti=RunSoFar(watch_shards=watched))

    assert written.commits == []
