"""Landing hours with raw objects → runs of the DAGs, waited for until every event hour and day is in the tables."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from contracts.partitions import HOUR, day_key, day_of, hour_key, hour_of, hours_between, settled_at
from contracts.staleness import published_window
from local.airflow import ENDED, AirflowApi, AirflowApiError, DagRun, all_ended
from local.demo.lake import Lake
from local.waits import Waiter

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
    now: Callable[[], datetime] = lambda: datetime.now(tz=UTC)

    def unpause(self, dag_ids: Sequence[str]) -> None:
        """Let the runs of DAGs be started, once Airflow has parsed them."""

        def unparsed() -> str:
            absent = set(dag_ids).difference(self.api.dag_ids())
            return ", ".join(sorted(absent))

        self.waiter.until("Airflow has not parsed the DAGs", unparsed)
        for dag_id in dag_ids:
            self.api.unpause(dag_id)

    def transform(self, hours: Collection[datetime]) -> None:
        """Transform landing hours: the latest by schedule, those before it by backfill, those not yet settled by hand.

        An hour is settled only some time after its end. By hand nobody waits for that; its scheduled run, which does,
        comes on top and is not waited for.
        """
        now = self.now()
        settled = sorted(hour for hour in hours if settled_at(hour, self.lake.buffer_interval) <= now)
        past = [hour for hour in settled if hour < hour_of(now) - HOUR]
        if past:
            self.api.backfill(TRANSFORM, first=past[0].isoformat(), last=past[-1].isoformat())
        by_hand = {
            self.api.trigger(TRANSFORM, partition_key=hour_key(hour), params={"allow_open_hour": True}).run_id
            for hour in sorted(set(hours).difference(settled))
        }
        keys = {hour_key(hour) for hour in settled}

        def complete(runs: list[DagRun]) -> bool:
            done = [run for run in runs if run.state in ENDED]
            return keys <= {run.partition_key for run in done} and by_hand <= {run.run_id for run in done}

        self._wait(TRANSFORM, complete)

    def wait_for_event_hours(self) -> None:
        """Wait until every event hour that was published has been aggregated from all that was received for it."""

        def missing() -> str:
            self._fail_if_any_failed(self.api.runs(AGGREGATE_HOUR))
            hours = sorted(unaggregated_event_hours(self.lake))
            return f"event hours {', '.join(hours)}" if hours else ""

        self.waiter.until(f"{AGGREGATE_HOUR} is not done", missing)

    def aggregate_open_days(self) -> None:
        """Aggregate by hand the days that are not over yet: nothing else triggers them.

        There are two around midnight: yesterday is over only once its last landing hour is settled.
        """
        keys = {day_key(day) for day in days_left_behind(self.lake)}
        runs = {self.api.trigger(AGGREGATE_DAY, partition_key=key).run_id for key in sorted(keys)}
        if runs:
            self._wait(AGGREGATE_DAY, lambda found: runs <= {run.run_id for run in found} and all_ended(found))

    def reconcile(self) -> None:
        """Aggregate what is left over, as every hour; then wait until no DAG has work any more.

        With the demo's traffic nothing is: no event is later than its landing hour's run publishes.
        """
        self.unpause([RECONCILE])
        for dag_id in (RECONCILE, AGGREGATE_HOUR, AGGREGATE_DAY):
            self._wait(dag_id, all_ended)

    def _wait(self, dag_id: str, complete: Callable[[list[DagRun]], bool]) -> None:
        def ended(runs: list[DagRun]) -> bool:
            self._fail_if_any_failed(runs)
            return complete(runs)

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
