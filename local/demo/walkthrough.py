"""The demo, step by step: an empty folder → a running pipeline whose tables hold what the simulator sent.

What can run side by side does: traffic flows while Airflow starts, the past hours are aggregated while the spike lasts,
and the tables of the open hour are built while the stream waits to shrink.
"""

import os
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from contracts.names import EnvironmentNames
from contracts.partitions import HOUR, hour_of, hours_between
from local.airflow import LocalAirflow
from local.cloud.process import LocalCloud
from local.demo.background import Background, Size
from local.demo.commands import Commands, Manifest
from local.demo.folder import prepare, write_connection
from local.demo.lake import Lake, StackOutputs, local_pipeline_variables
from local.demo.progress import Progress, Step
from local.demo.runs import AGGREGATE_DAY, AGGREGATE_HOUR, TRANSFORM, PipelineRuns
from local.demo.scaling import (
    SCALING_DAG,
    SCALING_VARIABLE,
    ScalingStory,
    Verdict,
    write_settings,
)
from local.waits import Waiter

CLOUD: Final = Step(title="The local cloud starts", why="S3, Kinesis, Firehose, API Gateway and Glue.", about=3)
AIRFLOW: Final = Step(
    title="Airflow starts",
    why="Four processes load Airflow and our DAGs; meanwhile CDK's template is deployed, and traffic flows.",
    about=30,
)
PAST_HOURS: Final = Step(
    title="transform_events: the past hours", why="Spark starts once for each landing hour.", about=40
)
SPIKE: Final = Step(
    title="A spike makes the stream grow",
    why="The scaling policy sees whole minutes: one that has enough of the spike must be over.",
    about=20,
)
ARRIVAL: Final = Step(title="Firehose delivers", why="It buffers what was accepted for five seconds.", about=5)
OPEN_HOUR: Final = Step(title="transform_events: the open hour, by hand", why="Spark starts once more.", about=30)
EVENT_HOURS: Final = Step(
    title="aggregate_hour: the event hours that were touched", why="Each landing hour published some.", about=20
)
HOURS: Final = Step(
    title="transform_events: the past hour, and the open one by hand",
    why="Spark starts once for each landing hour.",
    about=35,
)
DAY: Final = Step(
    title="aggregate_day: the open day, by hand",
    why="Spark starts once more; reconcile_hours finds nothing left.",
    about=40,
)
SHRINK: Final = Step(
    title=f"{SCALING_DAG}: one shard again", why="The policy waits for a quiet minute, then merges.", about=20
)
#: Share of late events, a handful: each is one more event hour to aggregate. Without the spike, the quick way, none is.
_LATE: Final = 0.0001


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the demo left: its pipeline, what the simulator sent, and what became of the stream."""

    outputs: StackOutputs
    endpoint_url: str
    airflow_url: str
    lake: Lake
    manifests: dict[str, Manifest]
    scaling: ScalingStory
    #: The first and the open hour, as of the demo's start.
    first_hour: datetime
    open_hour: datetime


class Walkthrough:
    """One run of the demo in a folder; `resources` keeps what it starts up."""

    def __init__(self, folder: Path, size: Size, *, airflow_port: int, resources: ExitStack) -> None:
        self._folder = folder.resolve()
        self._size = size
        self._airflow_port = airflow_port
        self._resources = resources
        self.progress = Progress(9 if size.spike else 6)
        self._waiter = Waiter(note=self.progress.note)
        self._open_hour = hour_of(datetime.now(tz=UTC))
        self._first_hour = self._open_hour - size.past_hours * HOUR

    def run(self) -> Outcome:
        """Start everything, send the traffic, let the DAGs build the tables."""
        prepare(self._folder)
        with self.progress.step(CLOUD):
            # The next demo begins anew, so nothing here has to outlast a power cut.
            cloud = self._resources.enter_context(LocalCloud(self._folder / "cloud", arguments=("--no-fsync",)))
        self._waiter.add_check(cloud.check)
        late = _LATE if self._size.spike else 0.0
        commands = Commands(folder=self._folder, environment={**os.environ, **cloud.environment()}, late=late)
        span = (self._first_hour, self._open_hour)
        background = self._resources.enter_context(Background(commands, cloud.endpoint_url, self._size, span=span))
        self._waiter.add_check(background.check)
        with self.progress.step(AIRFLOW):
            airflow = self._resources.enter_context(self._airflow(cloud, background))
            self._waiter.until("the past hours are not there", background.past_hours_missing)
        self._waiter.add_check(airflow.check)
        outputs = background.outputs
        write_connection(self._folder, outputs=outputs, cloud_environment=cloud.environment(), airflow_url=airflow.url)
        lake = Lake(outputs, cloud.endpoint_url)
        runs = PipelineRuns(api=airflow.api, lake=lake, waiter=self._waiter)
        manifests = self._build_tables(runs, background)
        return Outcome(
            outputs=outputs,
            endpoint_url=cloud.endpoint_url,
            airflow_url=airflow.url,
            lake=lake,
            manifests=manifests,
            scaling=self._scaling(lake, background),
            first_hour=self._first_hour,
            open_hour=self._open_hour,
        )

    def _airflow(self, cloud: LocalCloud, background: Background) -> LocalAirflow:
        variables = local_pipeline_variables()
        settings = write_settings(self._folder / "scaling.toml", EnvironmentNames(environment="local").event_stream)
        return LocalAirflow(
            self._folder / "airflow",
            port=self._airflow_port,
            environment={**cloud.environment(), **variables, SCALING_VARIABLE: str(settings)},
            spark_slots=2,
            progress=self.progress.note,
            check=background.check,
        )

    def _build_tables(self, runs: PipelineRuns, background: Background) -> dict[str, Manifest]:
        """Let the DAGs build every table from the raw objects; return what was sent, by the simulator's manifests."""
        progress, page = self.progress, runs.api.base_url
        history = set(hours_between(self._first_hour, self._open_hour))
        if self._size.spike:
            progress.meanwhile(f"meanwhile: {page}/dags/{TRANSFORM}/runs")
            with progress.step(PAST_HOURS):
                runs.unpause([SCALING_DAG, AGGREGATE_DAY, AGGREGATE_HOUR, TRANSFORM])
                runs.transform(history)
            progress.meanwhile(f"meanwhile: {page}/dags/{SCALING_DAG}/runs")
            with progress.step(SPIKE):
                goal = f"the stream has not grown under the spike (see {page}/dags/{SCALING_DAG})"
                self._waiter.until(goal, background.missing)
        with progress.step(ARRIVAL):
            self._waiter.until("not all events are accepted", background.missing)
            manifests = background.manifests()
            landed = runs.lake.wait_for_lines(sum(found["lines"] for found in manifests.values()), self._waiter)
        progress.say("  events: " + ", ".join(f"{found['lines']:,} {name}" for name, found in manifests.items()))
        progress.meanwhile(f"meanwhile: {page}/dags/{TRANSFORM}/runs")
        if self._size.spike:
            with progress.step(OPEN_HOUR):
                runs.transform(set(landed) - history)
        else:
            with progress.step(HOURS):
                runs.unpause([AGGREGATE_DAY, AGGREGATE_HOUR, TRANSFORM])
                runs.transform(landed)
        progress.meanwhile(f"meanwhile: {page}/assets")
        with progress.step(EVENT_HOURS):
            runs.wait_for_event_hours()
        with progress.step(DAY):
            runs.aggregate_open_days()
            runs.reconcile()
        return manifests

    def _scaling(self, lake: Lake, background: Background) -> ScalingStory:
        if not self._size.spike:
            return ScalingStory()
        self.progress.meanwhile("")
        with self.progress.step(SHRINK):
            decisions = background.stream.wait_until_one_shard(lake, self._waiter)
        return ScalingStory(decisions=decisions, spike_was_too_weak=background.verdict is Verdict.TOO_WEAK)
