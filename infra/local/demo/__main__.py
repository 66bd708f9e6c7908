"""`python -m infra.local.demo [--check]`: the whole pipeline on this machine; `make demo` calls it.

Starts the local cloud, deploys the template, lays down two past hours, starts Airflow, sends live traffic over HTTP
with a spike in it, for which the stream is given more shards and from which they are taken again, lets the DAGs make
the tables, and prints them. Stays up until Ctrl-C; with --check it ends, with status 0 only if the tables hold exactly
what the simulator's manifests say.
"""

import argparse
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contracts.partitions import HOUR, hour_of
from infra.local.airflow import AirflowApi, LocalAirflow
from infra.local.demo.accounts import differences, expected_accounts, tabled_accounts
from infra.local.demo.commands import Commands
from infra.local.demo.folder import prepare
from infra.local.demo.lake import Lake, StackOutputs
from infra.local.demo.progress import Progress
from infra.local.demo.report import print_report, write_summary
from infra.local.demo.runs import (
    aggregate_open_day,
    reconcile,
    transform_landing_hours,
    wait_for_event_hours,
    wait_for_lines,
)
from infra.local.demo.scaling import (
    SCALING_DAG,
    SCALING_VARIABLE,
    shrink_by_hand,
    wait_for_scaling,
    write_settings,
)
from infra.local.errors import LocalCloudError
from infra.local.process import LocalCloud

#: From the last table to the last shard given back, in seconds; the policy's memory of the spike is three minutes.
_SCALING_PATIENCE = 600.0


def parse() -> argparse.Namespace:
    """Command line → how large the demo is, and whether it ends by itself."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.demo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="end, with status 0 only if every event is accounted for")
    parser.add_argument("--past-hours", type=int, default=2, help="hours of history to lay down (default 2)")
    parser.add_argument("--past-events", type=int, default=40_000, help="events in them (default 40,000)")
    parser.add_argument("--live-events", type=int, default=10_000, help="events to send over HTTP (default 10,000)")
    parser.add_argument("--spike-events", type=int, default=90_000, help="more of them in a spike (default 90,000)")
    parser.add_argument("--port", type=int, default=0, help="port of Airflow's UI (default: a free one)")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("var/demo"),
        help="made anew by each run; new, empty, or an earlier demo's (default var/demo)",
    )
    return parser.parse_args()


class Demo:
    """One run of the demo, from an empty folder to the tables."""

    def __init__(self, given: argparse.Namespace, resources: ExitStack) -> None:
        self._given = given
        self._resources = resources
        self._progress = Progress()
        self._traffic_failed = threading.Event()

    def run(self) -> int:
        """Make everything, print it; return the number of differences between the manifests and the tables."""
        folder = self._given.folder.resolve()
        prepare(folder)
        with self._progress.step("starting the local cloud"):
            cloud = self._resources.enter_context(LocalCloud(folder / "cloud"))
        commands = Commands(folder=folder, environment={**os.environ, **cloud.environment()})
        with self._progress.step("deploying the template"):
            outputs = commands.deploy()
            shrink_by_hand(cloud.endpoint_url, outputs.stream_name)
        self._progress.say(f"the API is at {outputs.api_url}, its stream has one shard")
        settings = write_settings(folder / "scaling.toml", outputs.stream_name)
        with self._progress.step("starting Airflow, and making traffic meanwhile"):
            airflow = LocalAirflow(
                folder / "airflow",
                port=self._given.port,
                environment={
                    **cloud.environment(),
                    **outputs.pipeline_variables(),
                    SCALING_VARIABLE: str(settings),
                },
                unpause=[SCALING_DAG],
                spark_slots=2,
                progress=self._progress.note,
                cancelled=self._traffic_failed.is_set,
            )
            manifests = self._start_and_send(airflow, commands, outputs)
        self._progress.say(f"Airflow is at {airflow.url}")
        lake = Lake(outputs, cloud.endpoint_url)
        with self._progress.step("a spike: half as much again as a shard takes"):
            manifests["spike"] = commands.send_spike(outputs.api_url, self._given.spike_events)
        self._progress.say(f"  {manifests['spike']['lines']:,} events of it were accepted")
        self._make_tables(airflow.api, lake, sum(manifest["lines"] for manifest in manifests.values()))
        with self._progress.step(f"{SCALING_DAG}: one shard again"):
            decisions = wait_for_scaling(lake, self._progress, within=_SCALING_PATIENCE)
        return self._report(lake, manifests, decisions, airflow.url)

    def _start_and_send(
        self, airflow: LocalAirflow, commands: Commands, outputs: StackOutputs
    ) -> dict[str, dict[str, Any]]:
        """Start Airflow and make the traffic side by side; return the manifests of history and live traffic."""
        with ThreadPoolExecutor(max_workers=1) as worker:
            starting = worker.submit(self._resources.enter_context, airflow)
            try:
                manifests = self._make_traffic(commands, outputs)
            except BaseException:
                self._traffic_failed.set()
                raise
            starting.result()
        return manifests

    def _make_traffic(self, commands: Commands, outputs: StackOutputs) -> dict[str, dict[str, Any]]:
        given, open_hour = self._given, hour_of(datetime.now(tz=UTC))
        history = commands.lay_down_history(
            outputs.raw_uri, open_hour - given.past_hours * HOUR, open_hour, given.past_events
        )
        self._progress.say(f"  laid down {history['lines']:,} lines of {given.past_hours} past hours")
        live = commands.send_live_traffic(outputs.api_url, given.live_events)
        self._progress.say(f"  {live['lines']:,} live events were accepted over HTTP")
        return {"history": history, "live": live}

    def _make_tables(self, api: AirflowApi, lake: Lake, lines: int) -> None:
        progress = self._progress
        with progress.step("waiting for Firehose"):
            hours = wait_for_lines(lake, lines, progress)
        for dag_id in ("transform_events", "aggregate_hour", "aggregate_day"):
            api.unpause(dag_id)
        with progress.step("transform_events: landing hours, by schedule, backfill and hand"):
            transform_landing_hours(api, hours, progress)
        with progress.step("aggregate_hour: the event hours that they touched"):
            wait_for_event_hours(api, lake, progress)
        with progress.step("reconcile_hours: the late tail, and the days that are over"):
            reconcile(api, progress)
        with progress.step("aggregate_day: today, by hand"):
            aggregate_open_day(api, lake, progress)

    def _report(
        self, lake: Lake, manifests: dict[str, dict[str, Any]], decisions: list[dict[str, Any]], airflow_url: str
    ) -> int:
        landing_ledger, traffic = lake.rows("landing_ledger"), lake.rows("hourly_traffic")
        daily_traffic = lake.rows("daily_traffic")
        accounts = tabled_accounts(
            landing_ledger=landing_ledger,
            event_ledger=lake.rows("event_ledger"),
            event_counts=lake.rows("hourly_event_counts"),
            traffic=traffic,
            daily_traffic=daily_traffic,
        )
        sent = {name: manifest["lines"] for name, manifest in manifests.items()}
        found = differences(expected_accounts(manifests.values()), accounts)
        print_report(
            traffic=traffic,
            daily_traffic=daily_traffic,
            daily_funnel=lake.rows("daily_funnel"),
            landing_ledger=landing_ledger,
            decisions=decisions,
            accounts=accounts,
            sent=sent,
        )
        print("\nTime taken, in seconds")
        for name, seconds in self._progress.seconds.items():
            print(f"  {seconds:7.1f}  {name}")
        summary = self._given.folder / "summary.json"
        write_summary(
            summary,
            accounts=accounts,
            sent=sent,
            found=found,
            moves=[
                f"{row['open_shards']} → {row['resulting_shards']}" for row in decisions if row["outcome"] == "done"
            ],
            seconds=self._progress.seconds,
            airflow_url=airflow_url,
        )
        print(f"\n{summary} holds the same")
        for difference in found:
            print(f"DIFFERENCE {difference}")
        print("The tables hold exactly what the simulator made." if not found else f"{len(found)} differences.")
        return len(found)

    def stay(self) -> None:
        """Stay up until Ctrl-C."""
        self._progress.say("everything stays up until Ctrl-C")
        signal.pause()


def main() -> int:
    """Run the demo; 0 if every event is accounted for, 1 if not or if a part failed, 130 if interrupted."""
    given = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # Also where a shell that put us in the background told us to ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    finished = False
    try:
        with ExitStack() as resources:
            demo = Demo(given, resources)
            found = demo.run()
            finished = True
            if not given.check:
                demo.stay()
    except KeyboardInterrupt:
        return 0 if finished else 130
    except LocalCloudError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
