"""Options that several commands share, the reading of their values, and the settings of sending that they give.

The parser is argparse, as in every command of this project. It has what the commands need and typer lacks: groups of
options that commands share, and a choice of which one is required (`--rate` or `--events`).
"""

import argparse
import math
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from contracts.event import MAX_BATCH_EVENTS
from contracts.names import EnvironmentNames
from contracts.partitions import PartitionKeyError, parse_hour_key
from simulator.errors import BadArgumentError
from simulator.http.client import BackOff
from simulator.http.sending import Sending, reachable_url
from simulator.world.defects import DEFAULT_SHARES, Defect, DefectShares
from simulator.world.traffic import PaceSettings, Shape


def hour(text: str) -> datetime:
    """Read an hour's key."""
    try:
        return parse_hour_key(text)
    except PartitionKeyError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def number(text: str) -> float:
    """Read a finite number that is not negative."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 0")
    return value


def positive_number(text: str) -> float:
    """Read a finite number above zero."""
    value = number(text)
    if value == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0")
    return value


def positive_count(text: str) -> int:
    """Read a whole number above zero; `1_000_000` is one."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return value


def _environment(text: str) -> EnvironmentNames:
    try:
        return EnvironmentNames(environment=text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def add_environment_option(command: argparse.ArgumentParser) -> None:
    """Add whose raw objects are written."""
    command.add_argument(
        "--environment",
        type=_environment,
        default="local",
        help="whose delivery stream the objects are named after (default %(default)s)",
    )


def add_world_options(command: argparse.ArgumentParser, *, shape: Shape) -> None:
    """Add what decides about the visitors."""
    group = command.add_argument_group("visitors")
    group.add_argument(
        "--seed", type=int, default=1, help="which world: catalogue, prices, visitors (default %(default)s)"
    )
    group.add_argument(
        "--shape",
        type=Shape,
        choices=list(Shape),
        default=shape,
        metavar="{" + ",".join(Shape) + "}",
        help="traffic over time, as a factor of --rate: steady 1; wave 0.3 to 1.66, by the time of day (UTC), mean 1; "
        "ramp 0 to 2; spike 1, and 10 in the middle tenth (default %(default)s)",
    )


def add_defect_options(command: argparse.ArgumentParser) -> None:
    """Add the shares of defects."""
    group = command.add_argument_group("defects, each as a share of the events (0 to 1)")
    group.add_argument("--defects", choices=["none", "default"], default="none", help="a share for all of them at once")
    helps = {
        Defect.DUPLICATE: "sent a second time, up to two minutes later",
        Defect.LATE: "happened 1 to --longest-delay hours before it was received; still a good event",
        Defect.TOO_LATE: "happened more than 7 days before it was received",
        Defect.FUTURE: "happens hours after it was received",
        Defect.MALFORMED: "wrong in one of the ways that the contract knows",
    }
    for defect, text in helps.items():
        default = getattr(DEFAULT_SHARES, defect)
        flag = "--" + defect.value.replace("_", "-")
        group.add_argument(
            flag, type=number, dest=defect.value, metavar="SHARE", help=f"{text} ({default} with --defects default)"
        )
    group.add_argument(
        "--longest-delay",
        type=positive_count,
        default=DefectShares().longest_delay_hours,
        metavar="HOURS",
        help="how late a late event is at most (2 to 156, default %(default)s)",
    )


def defect_shares(options: argparse.Namespace) -> DefectShares:
    """Return the shares that the options ask for."""
    shares = DEFAULT_SHARES if options.defects == "default" else DefectShares()
    given = {defect.value: getattr(options, defect.value) for defect in Defect}
    named = {name: share for name, share in given.items() if share is not None}
    return replace(shares, longest_delay_hours=options.longest_delay, **named)


def add_sending_options(command: argparse.ArgumentParser, *, rate: float) -> None:
    """Add how events are sent."""
    group = command.add_argument_group("sending")
    group.add_argument(
        "--rate", type=number, default=rate, help="events per second; 0: as fast as possible (default %(default)g)"
    )
    group.add_argument(
        "--batch-size",
        type=positive_count,
        default=100,
        help=f"events per request: 1 to {MAX_BATCH_EVENTS}; 1 sends them to /events, one by one (default %(default)s)",
    )
    group.add_argument("--concurrency", type=positive_count, default=8, help="requests at a time (default %(default)s)")
    group.add_argument(
        "--timeout", type=positive_number, default=30.0, help="seconds for one request (default %(default)g)"
    )
    group.add_argument(
        "--max-tries", type=positive_count, default=BackOff().max_tries, help="attempts per event (default %(default)s)"
    )
    group.add_argument(
        "--give-up-after",
        type=positive_number,
        default=BackOff().give_up_seconds,
        metavar="SECONDS",
        help="from an event's first attempt (default %(default)g)",
    )
    group.add_argument(
        "--accepted-log",
        type=Path,
        metavar="FILE",
        help="write the click_id of each accepted good event, one per line, once",
    )


def sending(options: argparse.Namespace) -> Sending:
    """Return how and where the options ask to send; raise `ApiError` if nothing answers there."""
    if options.batch_size > MAX_BATCH_EVENTS:
        raise BadArgumentError(f"--batch-size {options.batch_size} is above {MAX_BATCH_EVENTS}, the API's limit")
    length = options.duration
    if length is None and options.events is not None and options.rate > 0:
        length = options.events / options.rate
    return Sending(
        pace=PaceSettings(rate=options.rate, shape=options.shape, speedup=options.speedup, length=length),
        api_url=reachable_url(options.api_url),
        batch_size=options.batch_size,
        concurrency=options.concurrency,
        duration=options.duration,
        back_off=BackOff(max_tries=options.max_tries, give_up_seconds=options.give_up_after),
        timeout=options.timeout,
        accepted_log=options.accepted_log,
        total=options.events,
        quiet=options.quiet,
        label=options.command,
    )


def add_report_options(command: argparse.ArgumentParser, *, manifest: str | None = None) -> None:
    """Add where results go; `manifest` says what the manifest holds, if the command writes one."""
    group = command.add_argument_group("reports") if manifest else command
    if manifest:
        group.add_argument("--manifest", type=Path, metavar="FILE.json", help=manifest)
    group.add_argument("--json", action="store_true", help="print the summary as one JSON object")
    group.add_argument("--quiet", action="store_true", help="show no progress")
