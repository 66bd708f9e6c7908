"""One hour of events, settled, → its hourly tables through Airflow, in seconds: `python -m benchmarks.airflow_hour`.

This is the path that runs every hour, on the local cloud: the scheduler starts `transform_events` for the latest full
hour, Spark starts, reads the raw objects from S3, and commits to the Glue catalog; the asset starts `aggregate_hour`,
and Spark starts again. The clock runs from the moment that the DAGs may run to the end of that hour's `aggregate_hour`.
Late events touch further hours; the time until all of their runs have ended is printed as well.
"""

import argparse
import os
import time
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from contracts.partitions import HOUR, SETTLING_MARGIN, hour_key, hour_of
from infra.settings import settings_of
from local.airflow import AirflowApi, DagRun, LocalAirflow, all_ended
from local.cloud.process import LocalCloud
from local.demo.commands import Commands
from local.demo.progress import Progress

_WAIT_SECONDS: Final = 3_600.0
_LOG_TAIL: Final = 60
#: The share of late events, which touch further hours.
_LATE: Final = 0.0005


def main() -> None:
    """Write the hour, start everything, and print how long it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    options = parser.parse_args()
    progress = Progress()
    with TemporaryDirectory() as temporary, LocalCloud(Path(temporary) / "cloud") as cloud:
        folder = Path(temporary)
        commands = Commands(folder=folder, environment={**os.environ, **cloud.environment()}, late=_LATE)
        outputs = commands.deploy()
        environment = {**cloud.environment(), **outputs.pipeline_variables()}
        progress.say("starting Airflow")
        with LocalAirflow(folder / "airflow", environment=environment, spark_slots=2, progress=progress.say) as airflow:
            hour = _wait_until_settled(progress)
            progress.say(f"writing {options.events:,} events of {hour_key(hour)}")
            manifest = commands.write_history(outputs.raw_uri, hour, hour + HOUR, options.events)
            progress.say(f"{manifest['lines']:,} lines in {manifest['objects']} objects; the clock starts now")
            _measure(airflow.api, folder / "airflow" / "logs", hour, progress)


def _wait_until_settled(progress: Progress) -> datetime:
    """Return the latest full hour, once it is settled and while the next one is far from its end."""
    settled_after = settings_of("local").delivery.buffer_seconds + SETTLING_MARGIN.total_seconds()
    while not settled_after < (since := (datetime.now(tz=UTC) - hour_of(datetime.now(tz=UTC))).total_seconds()) < 2_700:
        progress.say(f"{since:.0f} s past the hour: waiting until the last one is settled")
        time.sleep(30)
    return hour_of(datetime.now(tz=UTC)) - HOUR


def _measure(api: AirflowApi, logs: Path, hour: datetime, progress: Progress) -> None:
    started = time.monotonic()
    for dag_id in ("aggregate_hour", "transform_events"):
        api.unpause(dag_id)
    api.wait_for_runs("transform_events", lambda runs: _succeeded(runs, hour, logs), within=_WAIT_SECONDS)
    transformed = time.monotonic() - started
    progress.say(f"transform_events took {transformed:.1f} s")
    api.wait_for_runs("aggregate_hour", lambda runs: _succeeded(runs, hour, logs), within=_WAIT_SECONDS)
    seconds = time.monotonic() - started
    print(
        f"{hour_key(hour)}: settled → hourly tables in {seconds:.1f} s, of which transform_events {transformed:.1f} s"
    )
    others = api.wait_for_runs("aggregate_hour", all_ended, within=_WAIT_SECONDS)
    print(f"all {len(others)} event hours that it touched: {time.monotonic() - started:.1f} s")


def _succeeded(runs: Collection[DagRun], hour: datetime, logs: Path) -> bool:
    own = [run for run in runs if run.partition_key == hour_key(hour)]
    for run in own:
        if run.state == "failed":
            raise SystemExit(f"{run.dag_id} of {hour_key(hour)} failed; the end of its log:\n{log_tail(logs, run)}")
    return any(run.state == "success" for run in own)


def log_tail(logs: Path, run: DagRun) -> str:
    """Return the last lines of the task that a run wrote last, for Airflow's home is gone when this program ends."""
    written = (logs / f"dag_id={run.dag_id}" / f"run_id={run.run_id}").rglob("*.log")
    newest = max(written, key=lambda path: path.stat().st_mtime, default=None)
    if newest is None:
        return f"(no task of {run.run_id} has written one)"
    return "\n".join(newest.read_text(errors="replace").splitlines()[-_LOG_TAIL:])


if __name__ == "__main__":
    main()
