"""The command line: three commands, and one way to say what went wrong.

Standard output carries the summary only (one line, or JSON with `--json`); progress and errors go to standard error.
Exit status: 0 all done, 1 not all done (the message says what), 2 bad arguments, 130 interrupted.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from contracts.file_formats import why_no_events_file
from contracts.partitions import hour_key
from simulator.errors import BadArgumentError, InputFileError, SimulatorError
from simulator.events_file import EventsFile
from simulator.http.report import StreamReport, StreamSummary
from simulator.http.sending import send
from simulator.http.sources import FileEvents, live_events
from simulator.options import (
    add_defect_options,
    add_environment_option,
    add_report_options,
    add_sending_options,
    add_world_options,
    defect_shares,
    hour,
    number,
    positive_count,
    positive_number,
    sending,
)
from simulator.progress import progress_bar
from simulator.raw.history import MEGABYTE, HistorySettings, slice_plans, write_history
from simulator.raw.objects import open_raw_store
from simulator.raw.replay_to_raw import replay_to_raw
from simulator.world.defects import Channel
from simulator.world.event_time import SECOND_US
from simulator.world.manifest import Manifest, Tally, manifest_of, write_manifest
from simulator.world.traffic import Shape

_DESCRIPTION: Final = """\
Visitors of a shop as a stream of events.

  stream    visitors of this moment, sent over HTTP to the API
  history   visitors of past hours, written straight under the raw prefix, as Firehose would have left them
  replay    a file of events (JSON lines, gz or not) instead of generated ones; sent, or written under the raw prefix
"""

_EXAMPLES: Final = """\
examples:
  python -m simulator stream  --api-url http://127.0.0.1:4566/… --rate 200 --shape wave --speedup 60 --duration 300
  python -m simulator stream  --api-url https://…/prod --events 100000 --rate 0 --defects default --manifest live.json
  python -m simulator history --raw s3://bucket/raw --from 2026-11-20T00 --to 2026-11-21T00 --rate 50
  python -m simulator replay  events.jsonl.gz --raw out/raw
"""

_STREAM: Final = """\
Send visitors of this moment to the API. Each event carries the real time of sending. What the API throttles or fails is
sent again with back-off, until it is accepted or given up; exit status 0 only if every good event was accepted.
Ctrl-C ends the run and still prints the summary.
"""

_HISTORY: Final = """\
Write the visitors of past hours straight under the raw prefix, exactly as the edge and Firehose would have: envelope,
prefix by landing hour, object names. All lines land in [--from, --to). The same options write the same objects again;
other options add objects, so use another --seed or --run-name for more visitors in the same hours.
"""

_REPLAY: Final = """\
Replay a file of events: one JSON value per line, GZIP or not; each line is a bare event, or an envelope as Firehose
leaves it.

--raw writes the lines under their landing hours. A bare event was received at its insertion_timestamp if that is valid,
else at its timestamp; a line without a valid time lands in the hour before the file's first valid one. What is neither
event nor envelope is written byte for byte, and is rejected by the job with a reason. A file that by its first lines is
something else (CSV, a JSON array, an archive) is refused with the way out.

--api-url sends the events, with their own times. What is no JSON object can't be sent: it is counted, and the exit
status is 1.
"""

_RAW_HELP: Final = "the raw prefix: s3://bucket/raw, or a directory"
_API_HELP: Final = "the stack's output ApiUrl"


def main(arguments: Sequence[str]) -> int:
    """Run a command and return the process's exit status."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except SimulatorError as error:
        print(f"simulator: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("simulator: interrupted; what was written so far is not complete", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    raw_text = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser(
        prog="python -m simulator", description=_DESCRIPTION, epilog=_EXAMPLES, formatter_class=raw_text
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="{stream,history,replay}")
    _add_stream(commands.add_parser("stream", help="send visitors of this moment to the API", description=_STREAM))
    _add_history(commands.add_parser("history", help="write past hours under the raw prefix", description=_HISTORY))
    replay_help = "send a file of events, or write it under the raw prefix"
    _add_replay(commands.add_parser("replay", help=replay_help, description=_REPLAY, formatter_class=raw_text))
    return top


def _add_stream(command: argparse.ArgumentParser) -> None:
    command.add_argument("--api-url", required=True, metavar="URL", help=_API_HELP)
    command.add_argument("--events", type=positive_count, help="end after so many events; resent copies come on top")
    command.add_argument(
        "--duration", type=positive_number, metavar="SECONDS", help="end after so long (default: never)"
    )
    add_sending_options(command, rate=20.0)
    command.add_argument(
        "--speedup",
        type=positive_number,
        default=1.0,
        help="run the shape's clock so many times as fast: 60 shows a day's wave in 24 minutes (default %(default)g)",
    )
    add_world_options(command, shape=Shape.STEADY)
    command.add_argument("--run-name", help="tells two runs' click_ids apart (default: the time of the start)")
    add_defect_options(command)
    add_report_options(command, manifest="write what the tables must hold of the accepted events")
    command.set_defaults(run=_stream)


def _stream(options: argparse.Namespace) -> int:
    how = sending(options)
    run_name = options.run_name or f"stream-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"
    source = live_events(
        seed=options.seed,
        run=run_name,
        rate=options.rate,
        shares=defect_shares(options),
        channel=Channel.API,
        now=int(time.time() * SECOND_US),
        limit=options.events,
    )
    report, seconds = send(source, how)
    summary = report.summary(seconds)
    about = {"command": "stream", "seed": options.seed, "run_name": run_name, "api_url": options.api_url}
    write_manifest(options.manifest, manifest_of(report.tally), about | {"summary": asdict(summary)})
    _print_sent(report, summary, about, as_json=options.json)
    return 0 if summary.complete else 1


def _print_sent(report: StreamReport, summary: StreamSummary, about: dict[str, Any], *, as_json: bool) -> None:
    """Print the result of sending: a line, and one more for what did not get through."""
    if as_json:
        expected = asdict(manifest_of(report.tally))
        print(json.dumps({"about": about, **asdict(summary), "expected": expected}))
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


def _add_history(command: argparse.ArgumentParser) -> None:
    command.add_argument("--raw", required=True, metavar="URI", help=_RAW_HELP)
    command.add_argument("--from", type=hour, required=True, dest="start", metavar="HOUR", help="2026-11-20T00 (UTC)")
    command.add_argument("--to", type=hour, required=True, dest="end", metavar="HOUR", help="first hour left out")
    amount = command.add_mutually_exclusive_group(required=True)
    amount.add_argument("--rate", type=number, help="events per second, before the shape's factor")
    amount.add_argument("--events", type=positive_count, help="events in all; resent copies come on top")
    add_world_options(command, shape=Shape.WAVE)
    command.add_argument("--run-name", default="history", help="tells two runs' click_ids apart (default %(default)s)")
    add_defect_options(command)
    command.add_argument(
        "--unreadable-objects", type=int, default=0, metavar="N", help="also write N objects that are cut in the middle"
    )
    command.add_argument(
        "--object-mb",
        type=positive_number,
        default=64,
        help="cut objects at this size before GZIP (default %(default)s)",
    )
    add_environment_option(command)
    command.add_argument("--processes", type=int, default=0, help="default: one per processor")
    add_report_options(command, manifest="write what the tables must hold")
    command.set_defaults(run=_history)


def _history(options: argparse.Namespace) -> int:
    settings = HistorySettings(
        raw_uri=options.raw,
        start=options.start,
        end=options.end,
        delivery_stream=options.environment.delivery_stream,
        rate=options.rate,
        events=options.events,
        seed=options.seed,
        run=options.run_name,
        shape=options.shape,
        shares=defect_shares(options),
        unreadable_objects=options.unreadable_objects,
        object_bytes=int(options.object_mb * MEGABYTE),
        processes=options.processes,
    )
    open_raw_store(settings.raw_uri)  # so that a wrong one is named before anything is generated
    started = time.monotonic()
    plans, tally = slice_plans(settings), Tally()
    with progress_bar("history", total=sum(sum(plan.events) for plan in plans), quiet=options.quiet) as advance:
        for part in write_history(settings, plans):
            tally.merge(part)
            advance(part.lines.total() - part.duplicates.total())
    seconds = time.monotonic() - started
    manifest = manifest_of(tally)
    about = {
        "command": "history",
        "seed": settings.seed,
        "run_name": settings.run,
        "from": hour_key(settings.start),
        "to": hour_key(settings.end),
        "raw": settings.raw_uri,
    }
    write_manifest(options.manifest, manifest, about)
    if options.json:
        print(json.dumps({"about": about, "seconds": round(seconds, 3), **asdict(manifest)}))
    else:
        print(_history_line(manifest, about, seconds))
    return 0


def _history_line(manifest: Manifest, about: dict[str, Any], seconds: float) -> str:
    rejected = sum(manifest.rejected.values())
    return (
        f"history: {manifest.lines:,} lines ({manifest.clean:,} clean, {manifest.duplicates:,} duplicates, "
        f"{rejected:,} to be rejected) in {manifest.objects:,} objects "
        f"({manifest.compressed_bytes / MEGABYTE:,.1f} MiB) under {about['raw']} for {about['from']} to {about['to']}, "
        f"{seconds:.1f} s, {manifest.lines / max(seconds, 1e-9):,.0f} lines/s"
    )


def _add_replay(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", type=Path, metavar="FILE", help="events as JSON lines, gz or not")
    where = command.add_mutually_exclusive_group(required=True)
    where.add_argument("--raw", metavar="URI", help=_RAW_HELP)
    where.add_argument("--api-url", metavar="URL", help=_API_HELP)
    add_environment_option(command)
    add_sending_options(command, rate=0.0)
    add_report_options(command)
    command.set_defaults(run=_replay, shape=Shape.STEADY, speedup=1.0, duration=None, events=None)


def _replay(options: argparse.Namespace) -> int:
    if not options.file.is_file():
        raise BadArgumentError(f"there is no file {options.file}")
    file = EventsFile(options.file)
    if reason := why_no_events_file(options.file):
        raise InputFileError(reason)
    about = {"command": "replay", "file": str(options.file), "raw": options.raw, "api_url": options.api_url}
    return _replay_to_api(file, options, about) if options.api_url else _replay_to_raw(file, options, about)


def _replay_to_raw(file: EventsFile, options: argparse.Namespace, about: dict[str, Any]) -> int:
    started = time.monotonic()
    store = open_raw_store(options.raw)
    stream = options.environment.delivery_stream
    with progress_bar("replay", total=None, quiet=options.quiet) as advance:
        replayed = replay_to_raw(file, store, delivery_stream=stream, progress=advance)
    seconds = time.monotonic() - started
    if options.json:
        print(json.dumps({"about": about, "seconds": round(seconds, 3), **asdict(replayed)}))
        return 0
    print(
        f"replay: {replayed.lines:,} lines ({replayed.bare_events:,} bare events, {replayed.envelopes:,} envelopes, "
        f"{replayed.other_lines:,} neither; {replayed.untimed_lines:,} without a valid time) in "
        f"{replayed.objects:,} objects of {len(replayed.landing_hours):,} landing hours under {options.raw}, "
        f"{seconds:.1f} s"
    )
    return 0


def _replay_to_api(file: EventsFile, options: argparse.Namespace, about: dict[str, Any]) -> int:
    # Before the first event is sent: half a file sent can't be taken back.
    file.check()
    source = FileEvents(file)
    report, seconds = send(source, sending(options))
    summary = report.summary(seconds)
    _print_sent(report, summary, about | {"lines": source.lines, "not_sent": source.not_sent}, as_json=options.json)
    if source.not_sent:
        print(
            f"  not sent {source.not_sent:,} of {source.lines:,} lines: not an event as a JSON object", file=sys.stderr
        )
    return 0 if summary.complete and not source.not_sent else 1
