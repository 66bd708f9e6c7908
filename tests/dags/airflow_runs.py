"""What the tests of runs in a real Airflow share: the lake, raw objects, and how far runs got."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import boto3

from contracts.ledger import EventRow
from contracts.names import LakeLocation
from contracts.partitions import hour_key, landing_prefix
from contracts.stages import EVENT_HOURS
from local.airflow import ENDED, AirflowApi, AirflowApiError, DagRun
from local.waits import Waiter
from pipeline.lake_status.store import LedgerStore

HOUR = timedelta(hours=1)
LAKE = LakeLocation(raw_uri="s3://raw/raw", warehouse_uri="s3://warehouse/warehouse", database="clickstream_test")
PATIENCE = 300.0
DAGS = (
    "transform_events",
    "aggregate_hour",
    "aggregate_day",
    "aggregate_week",
    "reconcile_hours",
    "maintain_tables",
    "replay_rejected",
    "erase_user",
)


def land(hour: datetime, *event_hours: datetime, name: str = "a.gz") -> None:
    body = "\n".join(hour_key(event_hour) for event_hour in event_hours)
    boto3.client("s3").put_object(Bucket="raw", Key=landing_prefix(hour) + name, Body=body.encode())


def event_row(ledger: LedgerStore, hour: datetime) -> EventRow | None:
    return next(iter(ledger.rows(EVENT_HOURS, hour, hour + HOUR)), None)


def ended(*keys: str, times: int = 1) -> Callable[[list[DagRun]], bool]:
    def check(runs: list[DagRun]) -> bool:
        done = [run.partition_key for run in runs if run.state in ("success", "failed")]
        return all(done.count(key) >= times for key in keys)

    return check


def states(api: AirflowApi, run: DagRun) -> dict[str, str | None]:
    return {task.task_id: task.state for task in api.tasks(run)}


def last_run(runs: list[DagRun], key: str | None) -> DagRun:
    return [run for run in runs if run.partition_key == key][-1]


def jobs_done(folder: Path, program: str, with_argument: str = "") -> list[str]:
    jobs = (folder / "jobs_done").read_text().splitlines()
    return [job for job in jobs if job.startswith(program) and with_argument in job]


def wait_for(api: AirflowApi, run: DagRun) -> DagRun:
    """Return the run as it ended; a run that stands still is an error that says where."""
    latest = run

    def missing() -> str:
        nonlocal latest
        try:
            latest = next(one for one in api.runs(run.dag_id) if one.run_id == run.run_id)
            return "" if latest.state in ENDED else f"{latest.state}: {api.tasks(run)}"
        except AirflowApiError as error:
            if not error.may_pass:
                raise
            return f"Airflow gives no answer: {error}"

    Waiter(standstill=PATIENCE).until(f"{run.dag_id} {run.run_id} did not end", missing)
    return latest


def secrets_in(content: bytes, secrets: Mapping[str, str]) -> list[str]:
    """Return the names of the secrets that a file holds; a token with which a task calls Airflow's API is one, too."""
    tokens = ["a token"] if re.search(rb"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+", content) else []
    return [name for name, value in secrets.items() if value.encode() in content] + tokens
