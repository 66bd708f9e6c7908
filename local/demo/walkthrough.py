"""The demo, step by step: an empty folder → a running pipeline whose tables hold what the simulator sent.

Steps run side by side where they can: traffic flows while Airflow starts, the past hours are aggregated while the spike
lasts, and the tables of the open hour are built while the stream waits to shrink.
"""

import math
import os
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from contracts.names import EnvironmentNames
from contracts.partitions import HOUR, hour_of, hours_between
from local.airflow import LocalAirflow
from local.cloud.errors import LocalCloudError
from local.cloud.process import LocalCloud
from local.demo.commands import Commands, Manifest, RunningCommand
from local.demo.folder import prepare, write_connection
from local.demo.pipeline import (
    AGGREGATIONS,
    TRANSFORM,
    Lake,
    PipelineRuns,
    StackOutputs,
    local_pipeline_variables,
)
from local.demo.progress import Progress, Step
from local.demo.scaling import SCALING_DAG, SCALING_VARIABLE, EventStream, ScalingStory, Verdict, write_settings
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
#: The share of late events: a handful, since each is one more event hour to aggregate. The quick demo, without the
#: spike, has none.
_LATE: Final = 0.0001


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much the demo sends: events in `past_hours` hours of history, live ones, and whether there is a spike."""

    past_hours: int
    past_events: int
    live_events: int
    spike: bool


class Background:
    """Deploys the template, starts the live minutes, sends past hours, live events and a spike, while Airflow starts.

    `span` is `[start, end)` of the past hours. `check` raises the error of a thread that failed, and so ends the demo's
    waits. As a context manager, it ends its threads and commands at the block's end.
    """

    def __init__(self, commands: Commands, endpoint_url: str, size: Size, *, span: tuple[datetime, datetime]) -> None:
        self._commands = commands
        self._endpoint_url = endpoint_url
        self._size = size
        self._span = span
        # The demo limits the wait for the spike, so that the time that Airflow takes to start does not count.
        self._waiter = Waiter(note=self._note_spike, standstill=math.inf)
        self._threads = ThreadPoolExecutor()
        self._live: RunningCommand | None = None
        self._deployment: Future[tuple[StackOutputs, EventStream]] = self._threads.submit(self._deploy)
        self._sending: dict[str, Future[Manifest]] = {
            "past": self._threads.submit(self._send_past_hours),
            "live": self._threads.submit(self._send_live),
        }
        if size.spike:
            self._sending["spike"] = self._threads.submit(self._send_spike)
        self._spike_note = ""
        #: How the spike ended.
        self.verdict = Verdict.GO_ON

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._waiter.cancel()
        self._commands.kill()
        self._threads.shutdown()

    @property
    def outputs(self) -> StackOutputs:
        """The stack's outputs; waits until it is deployed."""
        return self._deployment.result()[0]

    @property
    def stream(self) -> EventStream:
        """The stack's stream, of one shard; waits until it is deployed."""
        return self._deployment.result()[1]

    def check(self) -> None:
        """Raise the error of a thread that has failed, or of the live minutes if they have ended."""
        if self._deployment.done():
            self._deployment.result()
        if self._live is not None:
            self._live.check_running()
        for sending in self._sending.values():
            if sending.done():
                sending.result()

    def past_hours_missing(self) -> str:
        """Return what is missing until the past hours are written; nothing once they are."""
        if not self._deployment.done():
            return "the template is deployed"
        return "" if self._sending["past"].done() else "past events are written"

    def missing(self) -> str:
        """Return what is still sent, or what the spike waits for; nothing once every event is accepted."""
        if "spike" in self._sending and not self._sending["spike"].done():
            return self._spike_note or "the spike begins"
        sent = (name for name, sending in self._sending.items() if not sending.done())
        return " and ".join(f"{name} events are sent" for name in sent)

    def manifests(self) -> dict[str, Manifest]:
        """Return the manifest of each kind of traffic, once everything is sent."""
        return {name: sending.result() for name, sending in self._sending.items()}

    def _deploy(self) -> tuple[StackOutputs, EventStream]:
        outputs = self._commands.deploy()
        if outputs.pipeline_variables() != local_pipeline_variables():
            raise LocalCloudError(
                f"the stack has other names than Airflow was started with: {outputs.pipeline_variables()}; "
                "repair local_pipeline_variables"
            )
        self._live = self._commands.start_live_minutes(outputs)
        stream = EventStream(self._endpoint_url, outputs.stream_name)
        stream.shrink_to_one(self._waiter)
        return outputs, stream

    def _send_past_hours(self) -> Manifest:
        return self._commands.write_history(self.outputs.raw_uri, *self._span, self._size.past_events)

    def _send_live(self) -> Manifest:
        return self._commands.send_live_traffic(self.outputs.api_url, self._size.live_events)

    def _send_spike(self) -> Manifest:
        """Send more than a shard takes until the stream has grown, or until the spike has proved too weak."""
        stream, began = self.stream, datetime.now(tz=UTC)

        def missing() -> str:
            self.verdict, state = stream.spike_verdict(began)
            return state if self.verdict is Verdict.GO_ON else ""

        with self._commands.start_spike(self.outputs.api_url) as spike:
            self._waiter.add_check(spike.check_running)
            self._waiter.until("the stream has not grown under the spike", missing)
            spike.interrupt()
            return spike.manifest()

    def _note_spike(self, text: str) -> None:
        self._spike_note = text


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of a demo: its pipeline, what the simulator sent, and how the stream scaled."""

    outputs: StackOutputs
    endpoint_url: str
    airflow_url: str
    lake: Lake
    manifests: dict[str, Manifest]
    scaling: ScalingStory
    #: The first hour with events, and the hour that was open when the demo began.
    first_hour: datetime
    open_hour: datetime


class Walkthrough:
    """One run of the demo in a folder; `resources` holds what it starts, and ends it."""

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
            # The next demo starts from nothing, so this state need not survive a power cut.
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
                runs.unpause([SCALING_DAG, *AGGREGATIONS, TRANSFORM])
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
                runs.unpause([*AGGREGATIONS, TRANSFORM])
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
