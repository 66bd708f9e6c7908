"""A person is asked in a real Airflow, answers by its REST API, and what follows is what was answered.

Nothing changes without an answer, and what waits holds nothing that another run needs.
"""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest

from contracts.partitions import hour_key, landing_prefix
from contracts.stages import EVENT_HOURS
from local.airflow import AirflowApi, DagRun, LocalAirflow, OpenQuestion, TaskState
from local.waits import Waiter
from pipeline.failed_checks import DECIDING_DAG
from pipeline.lake_status.store import LedgerStore
from tests.dags.airflow_runs import HOUR, PATIENCE, event_row, jobs_done, land, states, wait_for

pytestmark = [pytest.mark.airflow, pytest.mark.cloud, pytest.mark.e2e, pytest.mark.timeout(1_200)]

ANN = "ann@example.org"


def test_an_approved_erasure_erases_what_was_estimated_though_the_triggerer_was_killed_meanwhile(
    airflow: LocalAirflow, api: AirflowApi, folder: Path
) -> None:
    run = api.trigger("erase_user", params={"user_ids": [ANN, "approved"]})
    asked = question_of(airflow, run)
    wait_until_free(api, "spark")
    waiting = states(api, run)
    airflow.kill("triggerer")
    airflow.revive("triggerer")

    api.answer(run, "approve", "Approve")
    state = wait_for(api, run).state

    assert asked.subject == "Erase 2 users, for good?"
    assert "| rows of `clean_events` to delete | 1,357 |" in asked.body
    assert ANN not in asked.body + api.log(run, task_of(api, run, "approve"))
    assert (waiting["approve"], waiting["erase"]) == ("awaiting_input", None)
    assert state == "success"
    ids = f'--user-ids-json=["{ANN}", "approved"]'
    assert jobs_done(folder, "run_erase_user", "approved") == [
        f"run_erase_user {ids} --estimate-name=erase_user/{run.run_id}",
        f"run_erase_user {ids} --apply --alone",
    ]


def test_a_rejected_erasure_is_skipped_with_the_reason_and_erases_nothing(
    airflow: LocalAirflow, api: AirflowApi, folder: Path
) -> None:
    run = api.trigger("erase_user", params={"user_ids": ["rejected"]})
    question_of(airflow, run)

    api.answer(run, "approve", "Reject")
    state = wait_for(api, run).state

    assert state == "success"
    assert states(api, run) == {
        "choose": "success",
        "estimate": "success",
        **dict.fromkeys(("approve", "note_failures", "erase", "check_ledger", "find_failures", "ask"), "skipped"),
        "all_checks_hold": "skipped",
    }
    assert "answered 'Reject': nothing was changed" in api.log(run, task_of(api, run, "approve"))
    assert not any("--apply" in job for job in jobs_done(folder, "run_erase_user", "rejected"))


def test_without_an_answer_in_time_the_run_ends_and_nothing_has_changed(
    airflow: LocalAirflow, api: AirflowApi, folder: Path
) -> None:
    run = api.trigger("erase_user", params={"user_ids": ["nobody answers"]})
    question_of(airflow, run)

    let_the_deadline_pass(folder, run)
    state = wait_for(api, run).state

    assert state == "success"
    assert states(api, run)["erase"] == "skipped"
    assert "nobody answered within 24 hours: nothing was changed" in api.log(run, task_of(api, run, "approve"))
    assert not any("--apply" in job for job in jobs_done(folder, "run_erase_user", "nobody answers"))


def test_a_run_with_apply_asks_nobody(api: AirflowApi, folder: Path) -> None:
    run = api.trigger("erase_user", params={"user_ids": ["at once"], "apply": True})
    state = wait_for(api, run).state

    assert state == "success"
    assert states(api, run)["estimate"] == "skipped"
    assert jobs_done(folder, "run_erase_user", "at once") == [
        'run_erase_user --user-ids-json=["at once"] --apply --alone'
    ]


def test_an_approved_replay_transforms_the_range_that_was_estimated(
    airflow: LocalAirflow, api: AirflowApi, folder: Path
) -> None:
    noon = datetime(2026, 5, 4, 12, tzinfo=UTC)
    boto3.client("s3").put_object(Bucket="raw", Key=landing_prefix(noon) + "b.gz", Body=b"rejected")
    wait_for(api, api.trigger("transform_events", partition_key=hour_key(noon)))

    run = api.trigger("replay_rejected", params={"from": hour_key(noon), "to": hour_key(noon)})
    asked = question_of(airflow, run)
    api.answer(run, "approve", "Approve")
    state = wait_for(api, run).state

    assert asked.options == ("Approve", "Reject")
    assert state == "success"
    estimated, applied = jobs_done(folder, "run_replay_rejected", hour_key(noon))
    assert estimated == applied.replace("--apply", f"--estimate-name=replay_rejected/{run.run_id}")


def test_a_replay_of_a_range_without_rejections_asks_nobody(api: AirflowApi) -> None:
    run = api.trigger("replay_rejected", params={"from": "2020-01-01T00", "to": "2020-01-01T05"})

    state = wait_for(api, run).state

    assert state == "success"
    assert set(states(api, run).values()) == {"skipped"}


def test_a_failed_check_that_a_person_finds_right_is_written_by_name_and_holds_up_no_other_hour(
    airflow: LocalAirflow, api: AirflowApi, ledger: LedgerStore
) -> None:
    ten = datetime(2026, 3, 2, 10, tzinfo=UTC)
    found, deciding = fail_at(api, ten)
    asked = question_of(airflow, deciding)
    later = [ten + HOUR, ten + 2 * HOUR]
    for hour in later:
        land(hour, hour)
    not_held_up = [wait_for(api, api.trigger("transform_events", partition_key=hour_key(hour))) for hour in later]
    held = event_row(ledger, ten)

    api.answer(deciding, "ask", "It is right")
    state = wait_for(api, deciding).state

    assert found.state == "failed"
    assert [run.state for run in not_held_up] == ["success", "success"]
    assert asked.subject == f"Landing hour {hour_key(ten)}: 1 data check failed. Is it right?"
    assert "| `lines_lost` | 1 | exactly 0 |" in asked.body
    assert held is None
    assert state == "success"
    [written] = [run for run in api.runs("aggregate_hour") if api.conf(run).get("event_hour") == hour_key(ten)]
    assert wait_for(api, written).state == "success"
    assert api.conf(written) == {"event_hour": hour_key(ten), "to": hour_key(ten + HOUR)}
    assert {row.event_hour for row in ledger.rows(EVENT_HOURS, ten, ten + 2 * HOUR)} == {ten, ten + HOUR}


def test_a_failed_check_that_is_kept_back_writes_nothing_and_is_not_asked_about_twice(
    airflow: LocalAirflow, api: AirflowApi, ledger: LedgerStore
) -> None:
    ten = datetime(2026, 2, 2, 10, tzinfo=UTC)
    found, deciding = fail_at(api, ten)
    question_of(airflow, deciding)

    api.clear(found, "check_ledger", downstream=True)
    wait_for(api, found)
    open_runs = deciding_runs(api, ten)
    api.answer(deciding, "ask", "Keep it back")
    state = wait_for(api, deciding).state

    assert [run.run_id for run in open_runs] == [deciding.run_id]
    assert "skipped" in {task.state for task in api.tasks(found) if task.task_id == "ask"}
    assert state == "success"
    assert "answered 'Keep it back': nothing is written from it" in api.log(deciding, task_of(api, deciding, "ask"))
    assert ledger.rows(EVENT_HOURS, ten, ten + 3 * HOUR) == []


def fail_at(api: AirflowApi, hour: datetime) -> tuple[DagRun, DagRun]:
    """Return the run of a landing hour in which a check failed, and the one that asks about it."""
    land(hour, hour, name="a.failing")
    found = wait_for(api, api.trigger("transform_events", partition_key=hour_key(hour)))
    [deciding] = deciding_runs(api, hour)
    return found, deciding


def deciding_runs(api: AirflowApi, hour: datetime) -> list[DagRun]:
    return [run for run in api.runs(DECIDING_DAG) if api.conf(run)["key"] == hour_key(hour)]


def task_of(api: AirflowApi, run: DagRun, task_id: str) -> TaskState:
    return next(task for task in api.tasks(run) if task.task_id == task_id)


def question_of(airflow: LocalAirflow, run: DagRun) -> OpenQuestion:
    """Return what a run asks, once its task waits for the answer, and the scheduler has seen that its worker is done.

    An answer before that, which no person is quick enough for, starts the task's second worker while the scheduler
    still expects the first: it takes the first one's end for a task that was killed, and the question is asked again.
    """
    api = airflow.api
    asked: list[OpenQuestion] = []

    def missing() -> str:
        nonlocal asked
        asked = api.open_questions(run)
        waiting = [task.task_id for task in api.tasks(run) if task.state == "awaiting_input"]
        if not asked or not waiting:
            return f"{run.dag_id} asks nothing: {api.tasks(run)}"
        [task_id] = waiting
        return "" if worker_is_done(airflow, run, task_id) else f"the worker of {task_id} has not ended"

    Waiter(standstill=PATIENCE).until("nobody was asked", missing)
    [one] = asked
    return one


def worker_is_done(airflow: LocalAirflow, run: DagRun, task_id: str) -> bool:
    end = f"TaskInstance Finished: dag_id={run.dag_id}, task_id={task_id}, run_id={run.run_id},"
    return any(end in line and "state=awaiting_input" in line for line in airflow.service_log("scheduler").splitlines())


def wait_until_free(api: AirflowApi, pool: str) -> None:
    """Wait until no task has a slot of a pool: other runs give theirs back, and a question must have none."""

    def taken() -> str:
        slots = api.pool_slots(pool)
        return f"{slots} slots are taken" if slots else ""

    Waiter(standstill=PATIENCE).until(f"the pool {pool} is not free", taken)


def let_the_deadline_pass(folder: Path, run: DagRun) -> None:
    """Move the deadline of a run's question into the past, where the scheduler finds it."""
    with sqlite3.connect(folder / "airflow" / "airflow.db", timeout=60) as database:
        moved = database.execute(
            "UPDATE task_instance SET trigger_timeout = '2026-01-01 00:00:00.000000' "
            "WHERE run_id = ? AND state = 'awaiting_input'",
            [run.run_id],
        )
    assert moved.rowcount == 1
