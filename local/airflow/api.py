"""A client of Airflow's REST API, with what the demo and the tests need: DAGs, runs, backfills, logs.

A call takes a tenth of a second; the `airflow` command takes ten. Only the standard library is used.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, cast
from urllib.parse import quote, urlencode

from local.cloud.errors import LocalCloudError
from local.waits import STANDSTILL_SECONDS, Waiter

ENDED: Final = ("success", "failed")
_PAGE: Final = 100


class AirflowApiError(LocalCloudError):
    """Airflow refused a call (then with its HTTP status) or did not answer, or one of its runs failed."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status

    @property
    def may_pass(self) -> bool:
        """Whether the same call may succeed a moment later: there was no answer, or an internal error."""
        return self.status is None or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


@dataclass(frozen=True, kw_only=True)
class DagRun:
    """One run of a DAG: `run_type` is manual, scheduled, backfill or asset_triggered."""

    dag_id: str
    run_id: str
    run_type: str
    state: str
    partition_key: str | None


@dataclass(frozen=True, kw_only=True)
class OpenQuestion:
    """What a task of a run asks a person."""

    task_id: str
    subject: str
    body: str
    options: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TaskState:
    """How far one task of a run got; `state` is None before it is scheduled."""

    task_id: str
    state: str | None
    try_number: int


class AirflowApi:
    """A client of the API at `base_url`, e.g. `http://127.0.0.1:8080`, as its admin, who may have a password.

    A server that has just started takes a second for its first run, on a busy machine a minute: the timeout is so long
    that no call is sent twice.
    """

    def __init__(self, base_url: str, *, password: str | None = None, timeout: float = 180.0) -> None:
        self.base_url = base_url
        self._login = None if password is None else {"username": "admin", "password": password}
        self._timeout = timeout
        self._token: str | None = None

    def component_health(self) -> dict[str, str | None]:
        """Return each component's status; None for one that has not reported yet."""
        found = self._call("GET", "/api/v2/monitor/health")
        return {name: component.get("status") for name, component in found.items()}

    def warm_up(self) -> None:
        """Let the server build the routes that tasks call: this takes seconds, which the first task would wait for."""
        self._call("GET", "/execution/health")

    def create_pool(self, name: str, slots: int) -> None:
        """Create a pool, or leave the one that exists."""
        try:
            self._call("POST", "/api/v2/pools", {"name": name, "slots": slots})
        except AirflowApiError as error:
            if error.status != HTTPStatus.CONFLICT:
                raise

    def dag_ids(self) -> list[str]:
        """Return the DAGs that have been parsed."""
        return [dag["dag_id"] for dag in self._call("GET", f"/api/v2/dags?limit={_PAGE}")["dags"]]

    def task_ids(self, dag_id: str) -> list[str]:
        """Return the tasks of a DAG."""
        return [task["task_id"] for task in self._call("GET", f"/api/v2/dags/{dag_id}/tasks")["tasks"]]

    def param_names(self, dag_id: str) -> list[str]:
        """Return the fields of a DAG's form, in the form's order."""
        return list(self._call("GET", f"/api/v2/dags/{dag_id}/details")["params"] or {})

    def import_errors(self) -> list[str]:
        """Return why DAG files could not be parsed."""
        found = self._call("GET", f"/api/v2/importErrors?limit={_PAGE}")["import_errors"]
        return [f"{error['filename']}: {error['stack_trace'].strip()}" for error in found]

    def unpause(self, dag_id: str) -> None:
        """Let a DAG's runs be started."""
        self._call("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})

    def trigger(
        self, dag_id: str, *, partition_key: str | None = None, params: Mapping[str, Any] | None = None
    ) -> DagRun:
        """Start a run by hand, for one partition or with params."""
        # `logical_date` is required: null means a run without a data interval.
        body = {"logical_date": None, "partition_key": partition_key, "conf": dict(params or {})}
        return _dag_run(self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", body))

    def backfill(
        self,
        dag_id: str,
        *,
        first: str,
        last: str,
        again: bool = False,
        max_active_runs: int = 2,
        within: float = STANDSTILL_SECONDS,
    ) -> int:
        """Start a backfill of the partitions from `first` to `last` (ISO times, both included); return its id.

        With `again`, partitions that already have a completed run get another. A DAG has one backfill at a time, and
        Airflow closes one some time after its last run: this method waits for that, `within` seconds at most.
        """
        body = {
            "dag_id": dag_id,
            "from_date": first,
            "to_date": last,
            "reprocess_behavior": "completed" if again else "none",
            "max_active_runs": max_active_runs,
        }
        deadline = time.monotonic() + within
        while True:
            try:
                return int(self._call("POST", "/api/v2/backfills", body)["id"])
            except AirflowApiError as error:
                if error.status != HTTPStatus.CONFLICT or time.monotonic() > deadline:
                    raise
            time.sleep(1)

    def runs(self, dag_id: str, *, run_type: str | None = None) -> list[DagRun]:
        """Return a DAG's runs, the oldest first."""
        query = {"limit": _PAGE, "order_by": "id", **({"run_type": run_type} if run_type else {})}
        found: list[DagRun] = []
        while True:
            page = self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns?{urlencode({**query, 'offset': len(found)})}")
            found += map(_dag_run, page["dag_runs"])
            if not page["dag_runs"] or len(found) >= page["total_entries"]:
                return found

    def tasks(self, run: DagRun) -> list[TaskState]:
        """Return the tasks of a run."""
        found = self._call("GET", f"{_path(run)}/taskInstances?limit={_PAGE}")["task_instances"]
        return [TaskState(task_id=t["task_id"], state=t["state"], try_number=t["try_number"]) for t in found]

    def is_in_triggerer(self, run: DagRun, task_id: str) -> bool:
        """Return whether a triggerer has taken a deferred task."""
        return bool(self._call("GET", f"{_path(run)}/taskInstances/{task_id}")["triggerer_job"])

    def log(self, run: DagRun, task: TaskState) -> str:
        """Return the log of a task's latest try, one line per entry."""
        found = self._call("GET", f"{_path(run)}/taskInstances/{task.task_id}/logs/{task.try_number}?full_content=true")
        return "\n".join(map(_log_line, found["content"]))

    def mark_failed(self, run: DagRun, task_id: str) -> None:
        """Say of a task that it has failed, as a person does; what it waits for is killed."""
        self._call("PATCH", f"{_path(run)}/taskInstances/{task_id}", {"new_state": "failed"})

    def clear(self, run: DagRun, task_id: str, *, downstream: bool = False) -> None:
        """Let a task run again, as another try; with `downstream`, so do those that come after it."""
        body = {
            "dry_run": False,
            "dag_run_id": run.run_id,
            "task_ids": [task_id],
            "only_failed": False,
            "include_downstream": downstream,
        }
        self._call("POST", f"/api/v2/dags/{run.dag_id}/clearTaskInstances", body)

    def open_questions(self, run: DagRun) -> list[OpenQuestion]:
        """Return what the run's tasks ask, and nobody has answered yet."""
        found = self._call("GET", f"{_path(run)}/hitlDetails?response_received=false&limit={_PAGE}")["hitl_details"]
        return [
            OpenQuestion(
                task_id=asked["task_instance"]["task_id"],
                subject=asked["subject"],
                body=asked["body"],
                options=tuple(asked["options"]),
            )
            for asked in found
        ]

    def answer(self, run: DagRun, task_id: str, option: str) -> None:
        """Answer a task's question with one of its options, as the admin.

        An answer that may not have been taken is given again: the second one is refused if the first one counts.
        """
        body = {"chosen_options": [option], "params_input": {}}
        again = False

        def refused() -> str:
            nonlocal again
            try:
                self._call("PATCH", f"{_path(run)}/taskInstances/{task_id}/-1/hitlDetails", body)
            except AirflowApiError as error:
                if again and error.status == HTTPStatus.CONFLICT:
                    return ""
                if not error.may_pass:
                    raise
                again = True
                return f"Airflow takes no answer: {error}"
            return ""

        Waiter(standstill=STANDSTILL_SECONDS).until(f"{task_id} of {run.dag_id} was not answered", refused)

    def pool_slots(self, name: str) -> int:
        """Return how many slots of a pool are taken, by tasks that run, wait for a worker, or are deferred."""
        pool = self._call("GET", f"/api/v2/pools/{name}")
        return int(pool["occupied_slots"] + pool["deferred_slots"])

    def links(self, run: DagRun, task_id: str) -> dict[str, str | None]:
        """Return where the buttons on a task's page lead, by name; None before the task has run."""
        return dict(self._call("GET", f"{_path(run)}/taskInstances/{task_id}/links")["extra_links"])

    def conf(self, run: DagRun) -> dict[str, Any]:
        """Return the values with which the run was started."""
        return dict(self._call("GET", _path(run))["conf"] or {})

    def returned(self, run: DagRun, task_id: str) -> Any:
        """Return what a task returned."""
        found = self._call("GET", f"{_path(run)}/taskInstances/{task_id}/xcomEntries/return_value?deserialize=true")
        return found["value"]

    def wait_for_runs(
        self,
        dag_id: str,
        wanted: Callable[[list[DagRun]], bool],
        *,
        within: float = STANDSTILL_SECONDS,
        waiter: Waiter | None = None,
    ) -> list[DagRun]:
        """Return the runs once `wanted` accepts them.

        Raise `StandstillError` if no run's state changes for `within` seconds, or for as long as `waiter` allows.
        On a busy machine a call may get no answer, or SQLite be locked: neither ends the wait.
        """
        runs: list[DagRun] = []

        def missing() -> str:
            nonlocal runs
            try:
                runs = self.runs(dag_id)
            except AirflowApiError as error:
                if not error.may_pass:
                    raise
                return f"Airflow gives no answer: {error}"
            return "" if wanted(runs) else describe(runs)

        (waiter or Waiter(standstill=within)).until(f"{dag_id} did not get there", missing)
        return runs

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        if self._token is None:
            method_of_login = "GET" if self._login is None else "POST"
            self._token = self._send(method_of_login, "/auth/token", self._login)["access_token"]
        return self._send(method, path, body)

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base_url + path, data=data, headers=headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as answer:  # noqa: S310
                return cast("dict[str, Any]", json.load(answer))
        except urllib.error.HTTPError as error:
            reason = error.read().decode(errors="replace")[:2_000]
            raise AirflowApiError(f"{method} {path}: {error.code} {reason}", status=error.code) from error
        except OSError as error:
            raise AirflowApiError(f"{method} {self.base_url}{path}: {error}") from error


def describe(runs: Iterable[DagRun]) -> str:
    """Return runs as one line for a person."""
    return ", ".join(f"{run.partition_key or run.run_id} {run.state}" for run in runs) or "no runs"


def all_ended(runs: list[DagRun]) -> bool:
    """Whether there are runs, and each has ended."""
    return bool(runs) and all(run.state in ENDED for run in runs)


def _dag_run(found: Mapping[str, Any]) -> DagRun:
    return DagRun(
        dag_id=found["dag_id"],
        run_id=found["dag_run_id"],
        run_type=found["run_type"],
        state=found["state"],
        partition_key=found["partition_key"],
    )


def _log_line(entry: str | Mapping[str, Any]) -> str:
    if isinstance(entry, str):
        return entry
    # A raised exception stands beside the event, its cause before it.
    causes = [f"{error['exc_type']}: {error['exc_value']}" for error in entry.get("error_detail") or ()]
    return "\n".join([entry["event"], *causes])


def _path(run: DagRun) -> str:
    return f"/api/v2/dags/{run.dag_id}/dagRuns/{quote(run.run_id)}"
