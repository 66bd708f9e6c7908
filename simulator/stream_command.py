"""`python -m simulator stream`: options → source and settings, summary, manifest."""

import argparse
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from simulator.cli_options import (
    add_defect_options,
    add_report_options,
    add_world_options,
    defect_shares,
    positive_count,
    positive_number,
    write_manifest,
)
from simulator.event_time import SECOND_US
from simulator.made_events import MadeEvents, live_events
from simulator.malformed import Channel
from simulator.manifest import manifest_of
from simulator.sending import Sending, send
from simulator.shapes import Shape
from simulator.stream_options import add_sending_options, back_off, reachable_url, stream_settings
from simulator.stream_report import StreamReport, StreamSummary

_DESCRIPTION = """\
Send visitors of this moment to the API. Each event carries the real time of sending. What the API throttles or fails is
sent again with back-off, until it is accepted or given up; exit status 0 only if every good event was accepted.
Ctrl-C ends the run and still prints the summary.
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    command = commands.add_parser("stream", help="send visitors of this moment to the API", description=_DESCRIPTION)
    command.add_argument("--api-url", required=True, metavar="URL", help="the stack's output ApiUrl")
    command.add_argument("--events", type=positive_count, help="end after so many events; resent copies come on top")
    command.add_argument(
        "--duration", type=positive_number, metavar="SECONDS", help="end after so long (default: never)"
    )
    add_sending_options(command, rate=20.0)
    command.add_argument(
        "--speedup",
        type=positive_number,
        default=1.0,
        help="run the shape's clock so many times as fast: 60 shows a day's wave in 24 minutes (default 1)",
    )
    add_world_options(command, shape=Shape.STEADY)
    command.add_argument("--run-name", help="tells two runs' click_ids apart (default: the time of the start)")
    add_defect_options(command)
    add_report_options(command, manifest="write what the tables must hold of the accepted events")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Send, write the manifest, print the summary."""
    sending = Sending(
        settings=stream_settings(
            options, shape=options.shape, speedup=options.speedup, duration=options.duration, events=options.events
        ),
        api_url=reachable_url(options.api_url),
        back_off=back_off(options),
        timeout=options.timeout,
        accepted_log=Path(options.accepted_log) if options.accepted_log else None,
        total=options.events,
        quiet=options.quiet,
        label="stream",
    )
    run_name = options.run_name or f"stream-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"
    report, seconds = send(_source(options, run_name), sending)
    summary = report.summary(seconds)
    about = {"command": "stream", "seed": options.seed, "run_name": run_name, "api_url": options.api_url}
    write_manifest(options.manifest, manifest_of(report.tally), about | {"summary": summary.as_json()})
    print_summary(report, summary, about, as_json=options.json)
    return 0 if summary.complete else 1


def _source(options: argparse.Namespace, run_name: str) -> MadeEvents:
    return live_events(
        seed=options.seed,
        run=run_name,
        rate=options.rate,
        shares=defect_shares(options),
        channel=Channel.SINGLE if options.batch_size == 1 else Channel.BATCH,
        now=int(time.time() * SECOND_US),
        limit=options.events,
    )


def print_summary(report: StreamReport, summary: StreamSummary, about: dict[str, Any], *, as_json: bool) -> None:
    """Print the result: a line, and one more for what did not get through."""
    if as_json:
        expected = manifest_of(report.tally).as_json()
        print(json.dumps({"about": about, **summary.as_json(), "expected": expected}))
        return
    print(
        f"{about['command']}: sent {summary.sent:,}, accepted {summary.accepted:,}, refused {summary.refused:,}, "
        f"retried {summary.retried:,}, gave up {summary.gave_up:,}, "
        f"possibly duplicated {summary.possibly_duplicated:,}; "
        f"p50 {summary.p50_ms:g} ms, p95 {summary.p95_ms:g} ms; "
        f"{summary.seconds:.1f} s, {summary.accepted_per_second:,.0f} events/s"
    )
    for reason, count in summary.refusals.items():
        print(f"  refused {count:,}: {reason}")
    if summary.gave_up:
        causes = {**summary.statuses, **summary.connection_errors}
        print(f"  gave up {summary.gave_up:,} events ({summary.possibly_stored:,} of them possibly stored): {causes}")
