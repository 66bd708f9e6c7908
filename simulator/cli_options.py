"""Options that several commands share, and the reading of their values."""

import argparse
import json
import math
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from contracts.names import EnvironmentNames
from contracts.partitions import PartitionKeyError, parse_hour_key
from simulator.defects import DEFAULT_SHARES, Defect, DefectShares
from simulator.errors import BadArgumentError
from simulator.manifest import Manifest
from simulator.shapes import Shape


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


def environment(text: str) -> EnvironmentNames:
    """Read an environment's name."""
    try:
        return EnvironmentNames(environment=text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def add_world_options(command: argparse.ArgumentParser, *, shape: Shape) -> None:
    """Add what decides about the visitors."""
    group = command.add_argument_group("visitors")
    group.add_argument("--seed", type=int, default=1, help="which world: catalogue, prices, visitors (default 1)")
    group.add_argument(
        "--shape",
        type=Shape,
        choices=list(Shape),
        default=shape,
        metavar="{" + ",".join(Shape) + "}",
        help=f"traffic over time, as a factor of --rate: steady 1; wave 0.3 to 1.66, by the time of day (UTC), mean 1; "
        f"ramp 0 to 2; spike 1, and 10 in the middle tenth (default {shape})",
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
        help="how late a late event is at most (2 to 156, default 156)",
    )


def defect_shares(options: argparse.Namespace) -> DefectShares:
    """Return the shares that the options ask for."""
    shares = DEFAULT_SHARES if options.defects == "default" else DefectShares()
    given = {defect.value: getattr(options, defect.value) for defect in Defect}
    named = {name: share for name, share in given.items() if share is not None}
    return replace(shares, longest_delay_hours=options.longest_delay, **named)


def add_report_options(command: argparse.ArgumentParser, *, manifest: str) -> None:
    """Add where results go; `manifest` says what the manifest holds."""
    group = command.add_argument_group("reports")
    group.add_argument("--manifest", type=Path, metavar="FILE.json", help=manifest)
    group.add_argument("--json", action="store_true", help="print the summary as one JSON object")
    group.add_argument("--quiet", action="store_true", help="show no progress")


def write_manifest(path: Path | None, manifest: Manifest, about: dict[str, Any]) -> None:
    """Write a manifest, whole or not at all; `about` says of which run it is."""
    if path is None:
        return
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps({"about": about, **manifest.as_json()}, indent=1) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise BadArgumentError(f"can't write the manifest {path}: {error.strerror}") from error
