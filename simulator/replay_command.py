"""`python -m simulator replay`: a file to the raw prefix, or to the API."""

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from contracts.event_files import why_no_events_file
from contracts.names import EnvironmentNames
from simulator.cli_options import environment
from simulator.errors import BadArgumentError, InputFileError
from simulator.file_events import FileEvents
from simulator.lay_down import LaidDown, lay_down
from simulator.lines import EventsFile
from simulator.raw_target import open_raw_target
from simulator.sending import Sending, send
from simulator.shapes import Shape
from simulator.stream_command import print_summary
from simulator.stream_options import add_sending_options, back_off, reachable_url, stream_settings

_DESCRIPTION = """\
Replay a file of events: one JSON value per line, GZIP or not; each line is a bare event, or an envelope as Firehose
leaves it.

--raw lays the lines down under their landing hours. A bare event was received at its insertion_timestamp if that is
valid, else at its timestamp; a line without a valid time lands in the hour before the file's first valid one. What is
neither event nor envelope is laid down byte for byte, and is rejected by the job with a reason. A file that by its
first lines is something else (CSV, a JSON array, an archive) is refused with the way out.

--api-url sends the events, with their own times. What is no JSON object can't be sent: it is counted, and the exit
status is 1.
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    command = commands.add_parser(
        "replay",
        help="send a file of events, or lay it down",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("file", type=Path, metavar="FILE", help="events as JSON lines, gz or not")
    where = command.add_mutually_exclusive_group(required=True)
    where.add_argument("--raw", metavar="URI", help="the raw prefix: s3://bucket/raw, or a directory")
    where.add_argument("--api-url", metavar="URL", help="the stack's output ApiUrl")
    command.add_argument(
        "--environment",
        type=environment,
        default=EnvironmentNames(environment="local"),
        help="whose delivery stream the objects are named after (default local)",
    )
    add_sending_options(command, rate=0.0)
    command.add_argument("--json", action="store_true", help="print the summary as one JSON object")
    command.add_argument("--quiet", action="store_true", help="show no progress")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Replay the file and print the summary."""
    if not options.file.is_file():
        raise BadArgumentError(f"there is no file {options.file}")
    file = EventsFile(options.file)
    if reason := why_no_events_file(options.file):
        raise InputFileError(reason)
    return _send(file, options) if options.api_url else _lay_down(file, options)


def _lay_down(file: EventsFile, options: argparse.Namespace) -> int:
    started = time.monotonic()
    target = open_raw_target(options.raw)
    with tqdm(unit="line", unit_scale=True, desc="replay", disable=options.quiet, file=sys.stderr) as bar:
        laid = lay_down(file, target, delivery_stream=options.environment.delivery_stream, progress=bar.update)
    seconds = time.monotonic() - started
    if options.json:
        print(json.dumps({"about": _about(options), "seconds": round(seconds, 3), **asdict(laid)}))
    else:
        print(_summary_line(laid, options, seconds))
    return 0


def _summary_line(laid: LaidDown, options: argparse.Namespace, seconds: float) -> str:
    return (
        f"replay: {laid.lines:,} lines ({laid.bare_events:,} bare events, {laid.envelopes:,} envelopes, "
        f"{laid.other_lines:,} neither; {laid.untimed_lines:,} without a valid time) in {laid.objects:,} objects of "
        f"{len(laid.landing_hours):,} landing hours under {options.raw}, {seconds:.1f} s"
    )


def _send(file: EventsFile, options: argparse.Namespace) -> int:
    # Before the first event is sent: half a file sent can't be taken back.
    file.check()
    source = FileEvents(file)
    sending = Sending(
        settings=stream_settings(options, shape=Shape.STEADY, speedup=1.0, duration=None, events=None),
        api_url=reachable_url(options.api_url),
        back_off=back_off(options),
        timeout=options.timeout,
        accepted_log=Path(options.accepted_log) if options.accepted_log else None,
        total=None,
        quiet=options.quiet,
        label="replay",
    )
    report, seconds = send(source, sending)
    summary = report.summary(seconds)
    about = _about(options) | {"lines": source.lines, "not_sent": source.not_sent}
    print_summary(report, summary, about, as_json=options.json)
    if source.not_sent:
        print(
            f"  not sent {source.not_sent:,} of {source.lines:,} lines: not an event as a JSON object", file=sys.stderr
        )
    return 0 if summary.complete and not source.not_sent else 1


def _about(options: argparse.Namespace) -> dict[str, Any]:
    return {"command": "replay", "file": str(options.file), "raw": options.raw, "api_url": options.api_url}
