"""The client says what Airflow's API expects, and hands back what went wrong."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from local.airflow import AirflowApi, AirflowApiError, DagRun, TaskState, all_ended
from local.waits import StandstillError


@dataclass(kw_only=True)
class FakeApi:
    """Answers each path with its next answer (the last one again and again), and keeps what it was sent."""

    answers: dict[str, list[tuple[int, Any]]] = field(default_factory=dict)
    sent: list[tuple[str, str, Any]] = field(default_factory=list)
    url: str = ""

    def answer(self, path: str, body: Any, status: int = 200) -> None:
        self.answers.setdefault(path, []).append((status, body))


@pytest.fixture
def fake() -> Iterator[FakeApi]:
    fake = FakeApi()
    fake.answer("/auth/token", {"access_token": "secret"})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            fake.sent.append((self.command, self.path, json.loads(body) if body else None))
            queue = fake.answers[self.path.partition("?")[0]]
            status, answer = queue.pop(0) if len(queue) > 1 else queue[0]
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_port}"
    yield fake
    server.shutdown()
    thread.join()
    server.server_close()


def run(state: str, key: str = "2026-11-22T10") -> dict[str, Any]:
    return {
        "dag_id": "transform_events",
        "dag_run_id": f"run {key}",
        "run_type": "backfill",
        "state": state,
        "partition_key": key,
    }


RUNS = "/api/v2/dags/transform_events/dagRuns"


def test_a_run_by_hand_carries_its_key_its_params_and_a_null_logical_date(fake: FakeApi) -> None:
    fake.answer(RUNS, run("queued"))

    started = AirflowApi(fake.url).trigger(
        "transform_events", partition_key="2026-11-22T10", params={"allow_open_hour": True}
    )

    assert started.partition_key == "2026-11-22T10"
    assert fake.sent[-1] == (
        "POST",
        RUNS,
        {"logical_date": None, "partition_key": "2026-11-22T10", "conf": {"allow_open_hour": True}},
    )


def test_a_backfill_waits_until_the_one_before_is_closed(fake: FakeApi) -> None:
    fake.answer("/api/v2/backfills", {"detail": "There is already a running backfill"}, status=409)
    fake.answer("/api/v2/backfills", {"id": 2})

    assert AirflowApi(fake.url).backfill("transform_events", first="a", last="b") == 2


def test_a_backfill_gives_up_in_time(fake: FakeApi) -> None:
    fake.answer("/api/v2/backfills", {"detail": "There is already a running backfill"}, status=409)

    with pytest.raises(AirflowApiError, match="already a running backfill"):
        AirflowApi(fake.url).backfill("transform_events", first="a", last="b", within=0)


def test_a_pool_that_is_there_is_left_alone(fake: FakeApi) -> None:
    fake.answer("/api/v2/pools", {"detail": "exists"}, status=409)

    AirflowApi(fake.url).create_pool("spark", 1)


def test_a_refusal_shows_airflow_s_reason(fake: FakeApi) -> None:
    fake.answer("/api/v2/pools", {"detail": "slots must be a number"}, status=422)

    with pytest.raises(AirflowApiError, match="slots must be a number"):
        AirflowApi(fake.url).create_pool("spark", 1)


def test_an_address_where_nobody_listens_is_named() -> None:
    with pytest.raises(AirflowApiError, match=r"127\.0\.0\.1:1"):
        AirflowApi("http://127.0.0.1:1").dag_ids()


def test_runs_come_from_all_pages(fake: FakeApi) -> None:
    fake.answer(RUNS, {"dag_runs": [run("success", "a")], "total_entries": 2})
    fake.answer(RUNS, {"dag_runs": [run("running", "b")], "total_entries": 2})

    assert [found.partition_key for found in AirflowApi(fake.url).runs("transform_events")] == ["a", "b"]


def test_waiting_ends_as_soon_as_every_run_has_ended(fake: FakeApi) -> None:
    fake.answer(RUNS, {"dag_runs": [], "total_entries": 0})
    fake.answer(RUNS, {"dag_runs": [run("running")], "total_entries": 1})
    fake.answer(RUNS, {"dag_runs": [run("failed")], "total_entries": 1})

    [ended] = AirflowApi(fake.url).wait_for_runs("transform_events", all_ended, within=30)

    assert ended.state == "failed"


def test_a_locked_database_does_not_end_the_wait(fake: FakeApi) -> None:
    fake.answer(RUNS, {"detail": "database is locked"}, status=500)
    fake.answer(RUNS, {"dag_runs": [run("success")], "total_entries": 1})

    [ended] = AirflowApi(fake.url).wait_for_runs("transform_events", all_ended, within=30)

    assert ended.state == "success"


def test_a_dag_that_is_not_there_ends_the_wait_at_once(fake: FakeApi) -> None:
    fake.answer(RUNS, {"detail": "no such DAG"}, status=404)

    with pytest.raises(AirflowApiError, match="no such DAG"):
        AirflowApi(fake.url).wait_for_runs("transform_events", all_ended, within=30)


def test_waiting_in_vain_tells_how_far_the_runs_got(fake: FakeApi) -> None:
    fake.answer(RUNS, {"dag_runs": [run("running")], "total_entries": 1})

    with pytest.raises(StandstillError, match="2026-11-22T10 running"):
        AirflowApi(fake.url).wait_for_runs("transform_events", all_ended, within=0)


def test_a_log_is_its_events_one_a_line_with_what_was_raised(fake: FakeApi) -> None:
    fake.answer(
        f"{RUNS}/run%20a/taskInstances/transform/logs/2",
        {"content": [{"event": "first"}, {"event": "failed", "error_detail": [{"exc_type": "E", "exc_value": "why"}]}]},
    )
    found = DagRun(dag_id="transform_events", run_id="run a", run_type="manual", state="failed", partition_key=None)

    log = AirflowApi(fake.url).log(found, TaskState(task_id="transform", state="failed", try_number=2))

    assert log == "first\nfailed\nE: why"
