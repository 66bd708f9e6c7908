"""`python -m simulator history`: options → settings, progress, summary."""

import argparse
import json
import sys
import time
from typing import Any

from tqdm import tqdm

from contracts.names import EnvironmentNames
from contracts.partitions import hour_key
from simulator.cli_options import (
    add_defect_options,
    add_report_options,
    add_world_options,
    defect_shares,
    environment,
    hour,
    number,
    positive_count,
    positive_number,
    write_manifest,
)
from simulator.history import MEGABYTE, HistorySettings, slice_plans, write_history
from simulator.manifest import Manifest, Tally, manifest_of
from simulator.raw_target import open_raw_target
from simulator.shapes import Shape

_DESCRIPTION = """\
Write the visitors of past hours straight under the raw prefix, exactly as the edge and Firehose would have: envelope,
prefix by landing hour, object names. All lines land in [--from, --to). The same options write the same objects again;
other options add objects, so use another --seed or --run-name for more visitors in the same hours.
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    command = commands.add_parser("history", help="write past hours under the raw prefix", description=_DESCRIPTION)
    command.add_argument("--raw", required=True, metavar="URI", help="the raw prefix: s3://bucket/raw, or a directory")
    command.add_argument("--from", type=hour, required=True, dest="start", metavar="HOUR", help="2026-11-20T00 (UTC)")
    command.add_argument("--to", type=hour, required=True, dest="end", metavar="HOUR", help="first hour left out")
    amount = command.add_mutually_exclusive_group(required=True)
    amount.add_argument("--rate", type=number, help="events per second, before the shape's factor")
    amount.add_argument("--events", type=positive_count, help="events in all; resent copies come on top")
    add_world_options(command, shape=Shape.WAVE)
    command.add_argument("--run-name", default="history", help="tells two runs' click_ids apart (default history)")
    add_defect_options(command)
    command.add_argument(
        "--unreadable-objects", type=int, default=0, metavar="N", help="also write N objects that are cut in the middle"
    )
    command.add_argument(
        "--object-mb", type=positive_number, default=64, help="cut objects at this size before GZIP (default 64)"
    )
    command.add_argument(
        "--environment",
        type=environment,
        default=EnvironmentNames(environment="local"),
        help="whose delivery stream the objects are named after (default local)",
    )
    command.add_argument("--processes", type=int, default=0, help="default: one per processor")
    add_report_options(command, manifest="write what the tables must hold")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the history and print the summary."""
    settings = _settings(options)
    open_raw_target(settings.raw_uri)
    started = time.monotonic()
    tally = _write(settings, quiet=options.quiet)
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
    _print_summary(manifest, about, seconds, as_json=options.json)
    return 0


def _settings(options: argparse.Namespace) -> HistorySettings:
    return HistorySettings(
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


def _write(settings: HistorySettings, *, quiet: bool) -> Tally:
    plans = slice_plans(settings)
    tally = Tally()
    total = sum(sum(plan.events) for plan in plans)
    with tqdm(total=total, unit="event", unit_scale=True, desc="history", disable=quiet, file=sys.stderr) as bar:
        for part in write_history(settings, plans):
            tally.merge(part)
            bar.update(part.lines.total() - part.duplicates.total())
    return tally


def _print_summary(manifest: Manifest, about: dict[str, Any], seconds: float, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"about": about, "seconds": round(seconds, 3), **manifest.as_json()}))
        return
    rejected = sum(manifest.rejected.values())
    print(
        f"history: {manifest.lines:,} lines ({manifest.clean:,} clean, {manifest.duplicates:,} duplicates, "
        f"{rejected:,} to be rejected) in {manifest.objects:,} objects "
        f"({manifest.compressed_bytes / MEGABYTE:,.1f} MiB) under {about['raw']} for {about['from']} to {about['to']}, "
        f"{seconds:.1f} s, {manifest.lines / max(seconds, 1e-9):,.0f} lines/s"
    )
