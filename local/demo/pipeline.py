"""A deployed local stack → rows of its lake, and runs of its DAGs that the demo starts and waits for.

pyiceberg and boto3 read the lake: readers that share no code with the Spark jobs.
"""

import gzip
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from pyiceberg.catalog import load_catalog
from pyiceberg.exceptions import NoSuchTableError

from contracts.partitions import (
    HOUR,
    RAW_PREFIX,
    WAREHOUSE_PREFIX,
    day_key,
    day_of,
    hour_key,
    hour_of,
    hours_between,
    landing_hour_of_key,
    settled_at,
)
from contracts.stages import LATER_STAGES
from contracts.staleness import published_window
from infra.settings import settings_of
from local.airflow import ENDED, AirflowApi, AirflowApiError, DagRun, all_ended
from local.cloud.process import local_client
from local.waits import Waiter

LOCAL_ENVIRONMENT: Final = "local"
TRANSFORM: Final = "transform_events"
AGGREGATE_HOUR: Final = "aggregate_hour"
AGGREGATE_DAY: Final = "aggregate_day"
#: The DAGs through which events pass, without the safety net, the last first.
AGGREGATIONS: Final = (*(f"aggregate_{stage.unit}" for stage in reversed(LATER_STAGES)), AGGREGATE_HOUR)
RECONCILE: Final = "reconcile_hours"
#: The account and region that the local cloud reports.
_ACCOUNT: Final = "000000000000"
_REGION: Final = "us-east-1"
_LOG_TAIL: Final = 3_000


@dataclass(frozen=True, kw_only=True)
class StackOutputs:
    """What the deploy command prints, as far as the demo needs it."""

    api_url: str
    stream_name: str
    raw_bucket: str
    raw_uri: str
    warehouse_uri: str
    database: str
    buffer_seconds: int

    @classmethod
    def of(cls, outputs: Mapping[str, str]) -> "StackOutputs":
        """Return the outputs that `python -m infra.deploy` printed."""
        return cls(
            api_url=outputs["ApiUrl"],
            stream_name=outputs["StreamName"],
            raw_bucket=outputs["RawBucket"],
            raw_uri=outputs["RawUri"],
            warehouse_uri=outputs["WarehouseUri"],
            database=outputs["Database"],
            buffer_seconds=int(outputs["BufferSeconds"]),
        )

    def pipeline_variables(self) -> dict[str, str]:
        """Return the variables that Airflow's DAGs read, for this stack."""
        return {
            "CLICKSTREAM_ENVIRONMENT": LOCAL_ENVIRONMENT,
            "CLICKSTREAM_RAW_URI": self.raw_uri,
            "CLICKSTREAM_WAREHOUSE_URI": self.warehouse_uri,
            "CLICKSTREAM_DATABASE": self.database,
            "CLICKSTREAM_BUFFER_SECONDS": str(self.buffer_seconds),
        }


def local_pipeline_variables() -> dict[str, str]:
    """Return the same before the stack is deployed: its names are fixed, so Airflow can start meanwhile."""
    settings = settings_of(LOCAL_ENVIRONMENT)
    raw = settings.names.raw_bucket(_ACCOUNT, _REGION)
    warehouse = settings.names.warehouse_bucket(_ACCOUNT, _REGION)
    return StackOutputs(
        api_url="",
        stream_name=settings.names.event_stream,
        raw_bucket=raw,
        raw_uri=f"s3://{raw}/{RAW_PREFIX.rstrip('/')}",
        warehouse_uri=f"s3://{warehouse}/{WAREHOUSE_PREFIX.rstrip('/')}",
        database=settings.names.database,
        buffer_seconds=settings.delivery.buffer_seconds,
    ).pipeline_variables()


class Lake:
    """The raw bucket and the tables of one local cloud."""

    def __init__(self, outputs: StackOutputs, endpoint_url: str) -> None:
        #: How long Firehose may hold an event back.
        self.buffer_interval = timedelta(seconds=outputs.buffer_seconds)
        self._s3 = local_client("s3", endpoint_url)
        self._bucket = outputs.raw_bucket
        self._database = outputs.database
        self._lines: dict[str, int] = {}
        place = {"endpoint": endpoint_url, "region": _REGION, "access-key-id": "test", "secret-access-key": "test"}
        properties = {f"{service}.{name}": value for service in ("glue", "s3") for name, value in place.items()}
        self._catalog = load_catalog("glue", type="glue", **properties)

    def wait_for_lines(self, lines: int, waiter: Waiter) -> list[datetime]:
        """Wait until S3 holds so many lines; return the landing hours that hold them, in order."""
        hours: dict[datetime, int] = {}

        def missing() -> str:
            nonlocal hours
            hours = self.raw_lines()
            landed = sum(hours.values())
            return "" if landed >= lines else f"{landed:,} of {lines:,} lines"

        waiter.until("not every accepted event arrived in S3", missing)
        return sorted(hours)

    def raw_lines(self) -> dict[datetime, int]:
        """Return the number of lines of each landing hour; an object is read once, since it never changes."""
        hours: dict[datetime, int] = {}
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=RAW_PREFIX):
            for item in page.get("Contents", ()):
                key = item["Key"]
                if key not in self._lines:
                    self._lines[key] = self._count(key)
                hour = landing_hour_of_key(key)
                hours[hour] = hours.get(hour, 0) + self._lines[key]
        return hours

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return every row of a table; none while no job has created it."""
        try:
            return list(self._catalog.load_table((self._database, table)).scan().to_arrow().to_pylist())
        except NoSuchTableError:
            return []

    def _count(self, key: str) -> int:
        body = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        return gzip.decompress(body).count(b"\n")


@dataclass(frozen=True, kw_only=True)
class PipelineRuns:
    """Starts runs of the DAGs over one lake, and waits for them; a failed run ends the wait with its log."""

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

        An hour is settled only some time after its end. A run by hand does not wait for that. The hour's scheduled run
        does; it comes in addition, and this method does not wait for it.
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
        """Wait until every published event hour is aggregated from all the events that were received for it."""

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
        """Aggregate what other runs have left, as the schedule does every hour; wait until no DAG has work any more.

        The demo's traffic leaves nothing: no event is later than the hours that its landing hour's run publishes.
        """
        self.unpause([RECONCILE])
        self._wait(RECONCILE, all_ended)
        for dag_id in reversed(AGGREGATIONS):
            self._wait(dag_id, none_left)

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


def none_left(runs: list[DagRun]) -> bool:
    """Whether each run has ended; there may be none, as of weeks, of which the demo's may not be over."""
    return all(run.state in ENDED for run in runs)


def unaggregated_event_hours(lake: Lake) -> set[str]:
    """Return the event hours that lack events of a landing hour that published them.

    Events of other landing hours, which came too late to be published by these, do not count: they are the late tail.
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
