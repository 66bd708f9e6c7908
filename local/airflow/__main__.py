"""`python -m local.airflow serve`: run Airflow in the foreground until Ctrl-C or SIGTERM.

The pipeline's settings (CLICKSTREAM_…, AWS_…) are taken from the environment of the call.
"""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from contracts.stages import EVENT_HOURS, LATER_STAGES
from local.airflow.service import LocalAirflow
from local.cloud.errors import LocalCloudError, NotReadyError

DAGS = ("transform_events", *(f"aggregate_{stage.unit}" for stage in (EVENT_HOURS, *LATER_STAGES)), "reconcile_hours")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Command line → what to serve."""
    parser = argparse.ArgumentParser(
        prog="python -m local.airflow", description="Airflow with the repository's DAGs, on 127.0.0.1."
    )
    serve = parser.add_subparsers(required=True, metavar="serve").add_parser(
        "serve", help="serve until Ctrl-C", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    serve.add_argument("--home", type=Path, default=Path("var/airflow"), help="folder of database and logs")
    serve.add_argument("--port", type=int, default=8080, help="port on 127.0.0.1; 0 takes any free one")
    serve.add_argument("--unpause", nargs="*", default=list(DAGS), help="DAGs to let run")
    given = parser.parse_args(arguments)
    if not 0 <= given.port <= 65535:
        parser.error(f"--port {given.port} is not between 0 and 65535")
    return given


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve; 0 after a clean stop, 1 with one sentence when it cannot start or a process dies."""
    given = parse(sys.argv[1:] if arguments is None else arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        with LocalAirflow(
            given.home,
            port=given.port,
            environment=dict(os.environ),
            unpause=given.unpause,
            progress=lambda line: print(f"airflow: {line}", file=sys.stderr, flush=True),
            check=lambda: _fail_if(stop),
        ) as airflow:
            print(f"ready {airflow.url}", flush=True)
            while not stop.wait(1):
                airflow.check()
    except LocalCloudError as error:
        print(f"airflow: {error}", file=sys.stderr)
        return 0 if stop.is_set() else 1
    return 0


def _fail_if(stop: threading.Event) -> None:
    if stop.is_set():
        raise NotReadyError("stopped before it was ready")


if __name__ == "__main__":
    sys.exit(main())
