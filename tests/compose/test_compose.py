"""docker-compose.yaml as a team uses it: six hours are backfilled while each service is killed and started again."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from itertools import cycle
from typing import Any, Final

import pytest
from pyiceberg.catalog import Catalog, load_catalog

from contracts.partitions import HOUR, hour_key, landing_hour_of_key
from contracts.tables import EVENT_LEDGER, HOURLY_TRAFFIC, RECEIVED_EVENTS, REJECTED_EVENTS
from local.airflow import ENDED, DagRun, all_ended
from local.cloud.process import client_variables
from local.compose.traffic import PAST_HOURS
from tests.compose.stack import Stack, image_bytes

pytestmark = [pytest.mark.compose, pytest.mark.timeout(3600)]

ALWAYS: Final = (
    "postgres",
    "live",
    "airflow-apiserver",
    "airflow-scheduler",
    "airflow-dag-processor",
    "airflow-triggerer",
)
LOCAL: Final = ("cloud", "traffic")
DAGS: Final = ("transform_events", "aggregate_hour")
CONTROL: Final = "clickstream_control"
#: By its landing hour or event hour, all rows of a table.
Rows = Mapping[datetime, list[str]]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("compose") / "checkout") as stack:
        stack.compose("build")
        yield stack


def test_the_image_is_no_larger_than_it_must_be(stack: Stack) -> None:
    assert image_bytes() <= 2 * 10**9


def test_without_its_file_of_secrets_nothing_starts(stack: Stack) -> None:
    secrets = stack.folder / ".env"
    kept = secrets.rename(stack.folder / "kept")
    try:
        assert "run make env" in stack.compose("up", "-d", refused=True)
    finally:
        kept.rename(secrets)


def test_tables_are_as_without_compose_though_each_service_was_killed(stack: Stack) -> None:
    stack.compose("up", "-d")
    stack.wait_until_up(*ALWAYS, *LOCAL)
    hours = past_hours(stack)
    for dag_id in DAGS:
        stack.airflow.unpause(dag_id)
    stack.airflow.backfill("transform_events", first=hours[0].isoformat(), last=hours[-1].isoformat())
    for service, hour in zip((*ALWAYS, *LOCAL), cycle(hours), strict=False):
        kill_under_a_run(stack, service, hour)
    keys = {hour_key(hour) for hour in hours}
    runs = stack.airflow.wait_for_runs(
        "transform_events",
        lambda runs: keys <= {run.partition_key for run in runs if run.state == "success"},
    )
    assert not [run for run in runs if run.partition_key in keys and run.state == "failed"]
    by_hand = stack.airflow.trigger("transform_events", partition_key=hour_key(hours[-1]), params={"force": True})
    runs = stack.airflow.wait_for_runs("transform_events", all_ended)
    assert next(run.state for run in runs if run.run_id == by_hand.run_id) == "success"

    stack.compose("run", "--rm", "airflow-init")
    assert len(stack.airflow.runs("transform_events")) >= len(runs)

    hourly = stack.airflow.wait_for_runs("aggregate_hour", all_ended)
    assert [run for run in hourly if run.state != "success"] == []
    make_control_tables(stack, hours)
    ours, theirs = (catalog_of(stack), stack.variables["CLICKSTREAM_DATABASE"]), (catalog_of(stack), CONTROL)
    for table in (RECEIVED_EVENTS, REJECTED_EVENTS):
        made, expected = (rows_by(where, table.name, "landing_hour") for where in (ours, theirs))
        assert sorted(expected) == hours
        assert {hour: made[hour] for hour in hours} == dict(expected)
    # Live events that came late may be in some of the event hours.
    made, expected = (rows_by(where, EVENT_LEDGER.name, "event_hour", "received", "clean") for where in (ours, theirs))
    same = [hour for hour in expected if made.get(hour) == expected[hour]]
    assert len(same) >= PAST_HOURS
    made, expected = (rows_by(where, HOURLY_TRAFFIC.name, "event_hour") for where in (ours, theirs))
    assert {hour: made[hour] for hour in same} == {hour: expected[hour] for hour in same}


def test_no_secret_is_in_logs_or_in_what_airflow_keeps_of_its_runs(stack: Stack) -> None:
    places = {
        "the services' output": stack.compose("logs", "--no-color"),
        "the tasks' logs": stack.compose(
            *("exec", "-T", "airflow-scheduler", "find", "var/airflow/logs", "-type", "f", "-exec", "cat", "{}", "+")
        ),
        "Airflow's database": stack.compose("exec", "-T", "postgres", "pg_dump", "-U", "airflow", "airflow"),
    }
    for place, text in places.items():
        assert "transform_events" in text, f"{place} says nothing of a run"
        assert [name for name, value in stack.secrets.items() if value in text] == [], place


def kill_under_a_run(stack: Stack, service: str, hour: datetime) -> None:
    """Kill a service and start it again while runs are active, and wait until these have ended.

    A task has four tries: on a machine where a try takes longer than a service's start, kills one after the other would
    use up all of them. If nothing is active any more, the hour is made anew.
    """
    hit = {dag_id: active_runs(stack, dag_id) for dag_id in DAGS}
    if not any(hit.values()):
        made_anew = stack.airflow.trigger("transform_events", partition_key=hour_key(hour), params={"force": True})
        hit["transform_events"] = {made_anew.run_id}
    stack.compose("kill", service)
    stack.compose("up", "-d", "--no-deps", service)
    stack.wait_until_up(service)
    for dag_id, of_dag in hit.items():
        stack.airflow.wait_for_runs(dag_id, partial(have_ended, of_dag))


def have_ended(run_ids: set[str], runs: list[DagRun]) -> bool:
    return run_ids <= {run.run_id for run in runs if run.state in ENDED}


def active_runs(stack: Stack, dag_id: str) -> set[str]:
    """Return the runs that have begun, and have not ended."""
    return {run.run_id for run in stack.airflow.runs(dag_id) if run.state == "running"}


def past_hours(stack: Stack) -> list[datetime]:
    """Return the landing hours before this one, once all of them are there."""
    bucket, prefix = stack.variables["CLICKSTREAM_RAW_URI"].removeprefix("s3://").split("/")

    def landed() -> list[datetime]:
        pages = stack.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/")
        keys = (item["Key"] for page in pages for item in page.get("Contents", ()))
        return sorted({landing_hour_of_key(key) for key in keys})

    stack.wait_until(lambda: len(landed()) > PAST_HOURS, "the past hours' visitors, and those of now")
    hours = landed()[:PAST_HOURS]
    assert hours[-1] - hours[0] == (PAST_HOURS - 1) * HOUR
    return hours


def make_control_tables(stack: Stack, hours: list[datetime]) -> None:
    """Run the same code's jobs here, on the same raw objects, into other tables."""
    stack.client("glue").create_database(DatabaseInput={"Name": CONTROL})
    uri = stack.variables["CLICKSTREAM_WAREHOUSE_URI"]
    lake = ["--raw-uri", stack.variables["CLICKSTREAM_RAW_URI"], "--warehouse-uri", f"{uri}-control"]
    span = ["--from", hour_key(hours[0]), "--to", hour_key(hours[-1])]
    for job, wanted in (("run_transform_events", span), ("run_aggregate_hours", event_hours(hours))):
        command = [sys.executable, f"spark_jobs/{job}.py", *lake, "--database", CONTROL, *wanted]
        environment = os.environ | client_variables(stack.endpoint_url) | {"PYTHONPATH": str(stack.folder)}
        done = subprocess.run(command, cwd=stack.folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]


def event_hours(hours: list[datetime]) -> list[str]:
    """Return the range of all event hours whose events may have landed in these hours."""
    return ["--from", hour_key(hours[0] - 7 * 24 * HOUR), "--to", hour_key(hours[-1])]


def catalog_of(stack: Stack) -> Catalog:
    glue = {"glue.endpoint": stack.endpoint_url, "glue.region": "us-east-1"}
    s3 = {"s3.endpoint": stack.endpoint_url, "s3.region": "us-east-1"}
    keys = {
        f"{service}.{name}": "test" for service in ("glue", "s3") for name in ("access-key-id", "secret-access-key")
    }
    return load_catalog("glue", type="glue", **glue, **s3, **keys)


def rows_by(where: tuple[Catalog, str], table: str, hour: str, *columns: str) -> Rows:
    """Return a table's rows as texts, in order, by an hour."""
    catalog, database = where
    rows: dict[datetime, list[str]] = {}
    for row in catalog.load_table((database, table)).scan().to_arrow().to_pylist():
        shown: dict[str, Any] = {name: row[name] for name in columns} if columns else row
        rows.setdefault(row[hour], []).append(repr(sorted(shown.items())))
    return {of: sorted(found) for of, found in rows.items()}
