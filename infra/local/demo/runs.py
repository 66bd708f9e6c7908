"""Landing hours with raw objects → runs of the DAGs, waited for until every event hour and day is in the tables."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from contracts.partitions import HOUR, day_key, day_of, hour_key, hour_of, hours_between
from contracts.staleness import published_window
from infra.local.airflow import AirflowApi, AirflowApiError, DagRun, all_ended
from infra.local.demo.lake import Lake
from infra.local.waits import Waiter

TRANSFORM: Final = "transform_events"
AGGREGATE_HOUR: Final = "aggregate_hour"
AGGREGATE_DAY: Final = "aggregate_day"
RECONCILE: Final = "reconcile_hours"
_LOG_TAIL: Final = 3_000


@dataclass(frozen=True, kw_only=True)
class PipelineRuns:
    """The DAGs of one Airflow over one lake: started, and waited for; a run that fails ends the wait with its log."""

    api: AirflowApi
    lake: Lake
    waiter: Waiter

    def unpause(self, dag_ids: Sequence[str]) -> None:
        """Let the runs of DAGs be started, once Airflow has parsed them."""

        def unparsed() -> str:
            absent = set(dag_ids).difference(self.api.dag_ids())
            return ", ".join(sorted(absent))

        self.waiter.until("Airflow has not parsed the DAGs", unparsed)
        for dag_id in dag_ids:
            self.api.unpause(dag_id)

    def transform_past_hours(self, hours: Collection[datetime]) -> None:
        """Transform the landing hours before the open one: the latest by schedule, those before it by backfill."""
        scheduled = hour_of(datetime.now(tz=UTC)) - HOUR
        past = sorted(hour for hour in hours if hour < scheduled)
        if past:
            self.api.backfill(TRANSFORM, first=past[0].isoformat(), last=past[-1].isoformat())
        self._wait_for_keys(TRANSFORM, {hour_key(hour) for hour in hours})

    def transform_open_hours(self, hours: Collection[datetime]) -> None:
        """Transform landing hours that may still get objects, by hand; the scheduled run of each comes on top."""
        for hour in sorted(hours):
            self.api.trigger(TRANSFORM, partition_key=hour_key(hour), params={"allow_open_hour": True})
        self._wait_for_keys(TRANSFORM, {hour_key(hour) for hour in hours})

    def wait_for_event_hours(self) -> None:
        """Wait until every event hour that was published has been aggregated from all that was received for it."""

        def missing() -> str:
            self._fail_if_any_failed(self.api.runs(AGGREGATE_HOUR))
            hours = sorted(unaggregated_event_hours(self.lake))
            return f"event hours {', '.join(hours)}" if hours else ""

        self.waiter.until(f"{AGGREGATE_HOUR} is not done", missing)
        self._wait(AGGREGATE_HOUR, lambda _: True)

    def reconcile(self) -> None:
        """Aggregate the late tail (event hours older than a landing hour's run publishes), and the days that are over.

        By the latest scheduled run.
        """
        self.unpause([RECONCILE])
        self._wait(RECONCILE, lambda _: True)

    def aggregate_open_days(self) -> None:
        """Aggregate by hand the days that are not over yet: nothing else triggers them.

        There are two around midnight: yesterday is over only once its last landing hour is settled.
        """
        keys = {day_key(day) for day in days_left_behind(self.lake)}
        for key in sorted(keys):
            self.api.trigger(AGGREGATE_DAY, partition_key=key)
        if keys:
            self._wait_for_keys(AGGREGATE_DAY, keys)

    def _wait_for_keys(self, dag_id: str, keys: set[str]) -> None:
        self._wait(dag_id, lambda runs: keys <= {run.partition_key for run in runs})

    def _wait(self, dag_id: str, complete: Callable[[list[DagRun]], bool]) -> None:
        def ended(runs: list[DagRun]) -> bool:
            self._fail_if_any_failed(runs)
            return complete(runs) and all_ended(runs)

        self.api.wait_for_runs(dag_id, ended, waiter=self.waiter)

    def _fail_if_any_failed(self, runs: Collection[DagRun]) -> None:
        for run in runs:
            if run.state == "failed":
                raise AirflowApiError(f"{run.dag_id} {run.partition_key or run.run_id} failed{self._why(run)}")

    def _why(self, run: DagRun) -> str:
        for task in self.api.tasks(run):
            if task.state == "failed":
                return f" in {task.task_id}:\n{self.api.log(run, task)[-_LOG_TAIL:]}"
        return f"; see {self.api.base_url}/dags/{run.dag_id}"


def unaggregated_event_hours(lake: Lake) -> set[str]:
    """Return the event hours that lack events of a landing hour that published them.

    What came to them in other landing hours, later than these publish, is the late tail.
    """
    published: Counter[str] = Counter()
    for row in lake.rows("landing_ledger"):
        received = dict(row["received_by_event_hour"])
        hours = map(hour_key, hours_between(*published_window(row["landing_hour"])))
        published.update({key: received[key] for key in hours if key in received})
    aggregated = {hour_key(row["event_hour"]): row["received"] for row in lake.rows("event_ledger")}
    return {key for key, received in published.items() if aggregated.get(key, 0) < received}


def days_left_behind(lake: Lake) -> list[date]:
    """Return, in order, the days whose row of the ledger lacks events that their event hours have."""
    clean: Counter[date] = Counter()
    for row in lake.rows("event_ledger"):
        clean[day_of(row["event_hour"])] += row["clean"]
    aggregated = {row["day"]: row["events"] for row in lake.rows("day_ledger")}
    return sorted(day for day, events in clean.items() if aggregated.get(day) != events)
