"""Landing hours with raw objects → runs of the DAGs that make them, waited for until every event hour is made."""

import time
from collections import Counter
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Final

from contracts.partitions import HOUR, day_key, day_of, hour_key, hour_of, hours_between
from contracts.staleness import published_window
from infra.local.airflow import AirflowApi, AirflowApiError, DagRun, all_ended
from infra.local.demo.lake import Lake
from infra.local.demo.progress import Progress
from infra.local.errors import LocalCloudError


class DeliveryError(LocalCloudError):
    """Accepted events did not all arrive in S3."""


#: Longer than all of the demo; a run that hangs is shown with the states of the others.
_PATIENCE: Final = 1_200.0


def transform_landing_hours(api: AirflowApi, hours: Collection[datetime], progress: Progress) -> None:
    """Make every landing hour: the latest full one by schedule, those before by backfill, the open one by hand."""
    open_hour = hour_of(datetime.now(tz=UTC))
    scheduled = open_hour - HOUR
    past = sorted(hour for hour in hours if hour < scheduled)
    if past:
        api.backfill("transform_events", first=past[0].isoformat(), last=past[-1].isoformat())
    for hour in sorted(hour for hour in hours if hour >= open_hour):
        api.trigger("transform_events", partition_key=hour_key(hour), params={"allow_open_hour": True})
    keys = {hour_key(hour) for hour in hours}
    _wait(api, "transform_events", progress, lambda runs: keys <= {run.partition_key for run in runs})


def wait_for_event_hours(api: AirflowApi, lake: Lake, progress: Progress) -> None:
    """Wait until every event hour that was published has been made from all that was received for it."""
    deadline = time.monotonic() + _PATIENCE
    while missing := unmade_event_hours(lake):
        progress.note(f"waiting for {', '.join(sorted(missing))}")
        _fail_if_any_failed(api, api.runs("aggregate_hour"))
        if time.monotonic() > deadline:
            raise AirflowApiError(f"aggregate_hour has not made {', '.join(sorted(missing))}")
        time.sleep(1)
    _wait(api, "aggregate_hour", progress, lambda _: True)


def reconcile(api: AirflowApi, progress: Progress) -> None:
    """Make the late tail, event hours further back than a landing hour's run publishes, and the days that are over.

    By the latest scheduled run.
    """
    api.unpause("reconcile_hours")
    _wait(api, "reconcile_hours", progress, lambda _: True)


def aggregate_open_day(api: AirflowApi, lake: Lake, progress: Progress) -> None:
    """Make the latest day with events by hand: it is not over yet, and so nobody else comes to it."""
    latest = max(day_of(row["event_hour"]) for row in lake.rows("event_ledger"))
    api.trigger("aggregate_day", partition_key=day_key(latest))
    _wait(api, "aggregate_day", progress, lambda _: True)


def unmade_event_hours(lake: Lake) -> set[str]:
    """Return the event hours that lack events of a landing hour that published them.

    What came to them in other landing hours, later than these publish, is the late tail.
    """
    published: Counter[str] = Counter()
    for row in lake.rows("landing_ledger"):
        received = dict(row["received_by_event_hour"])
        hours = map(hour_key, hours_between(*published_window(row["landing_hour"])))
        published.update({key: received[key] for key in hours if key in received})
    made = {hour_key(row["event_hour"]): row["received"] for row in lake.rows("event_ledger")}
    return {key for key, received in published.items() if made.get(key, 0) < received}


def _wait(api: AirflowApi, dag_id: str, progress: Progress, complete: Callable[[list[DagRun]], bool]) -> None:
    def ended(runs: list[DagRun]) -> bool:
        _fail_if_any_failed(api, runs)
        return complete(runs) and all_ended(runs)

    def note(runs: list[DagRun]) -> None:
        counts = Counter(run.state for run in runs)
        progress.note(", ".join(f"{count} {state}" for state, count in sorted(counts.items())))

    api.wait_for_runs(dag_id, ended, within=_PATIENCE, progress=note)


def _fail_if_any_failed(api: AirflowApi, runs: Collection[DagRun]) -> None:
    for run in runs:
        if run.state != "failed":
            continue
        for task in api.tasks(run):
            if task.state == "failed":
                log = api.log(run, task)[-3_000:]
                raise AirflowApiError(f"{run.dag_id} {run.partition_key}: {task.task_id} failed:\n{log}")
        raise AirflowApiError(f"{run.dag_id} {run.partition_key} failed")


def wait_for_lines(lake: Lake, lines: int, progress: Progress) -> list[datetime]:
    """Wait until Firehose has delivered all lines; return the landing hours that hold them, in order."""
    deadline = time.monotonic() + _PATIENCE
    while (landed := sum((hours := lake.raw_lines()).values())) < lines:
        progress.note(f"{landed:,} of {lines:,} lines")
        if time.monotonic() > deadline:
            raise DeliveryError(f"{landed:,} of {lines:,} lines arrived in S3 within {_PATIENCE:.0f} s")
        time.sleep(0.5)
    return sorted(hours)
