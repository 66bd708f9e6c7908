"""Command-line arguments that the entry points share: where the lake lies, and which hours or days are meant."""

import argparse
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Generic

from contracts.estimates import EstimateError, estimate_object
from contracts.event_settings import DEFAULTS, OPTIONS, EventSettings, EventSettingsError, SettingOption
from contracts.names import LakeLocation
from contracts.partitions import SETTLING_MARGIN, PartitionKeyError, key_text
from contracts.stages import Key, Stage

#: Of the hours and days that can be asked for: events arrive in 1970 or later, and are older by a week at most.
YEARS: Final = range(1969, 9999)

#: What Glue, Athena and Spark's SQL all take without quotes.
_DATABASE: Final = re.compile("[a-z_][a-z0-9_]{0,251}")


@dataclass(frozen=True, kw_only=True)
class Span(Generic[Key]):
    """Keys `[start, end)`; `is_range` if they were given as a range, and so may hold keys without events."""

    start: Key
    end: Key
    is_range: bool


def add_lake_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say where the lake lies, and what its environment says of its events."""
    parser.add_argument("--raw-uri", required=True, help="raw objects: s3://bucket/raw, or a directory")
    parser.add_argument("--warehouse-uri", required=True, help="tables: s3://bucket/warehouse, or a directory")
    parser.add_argument("--database", required=True, type=database, help="database of the tables in the catalog")
    add_event_arguments(parser)


def location_of(arguments: argparse.Namespace) -> LakeLocation:
    """Return where the lake lies, by the arguments of `add_lake_arguments`."""
    return LakeLocation(
        raw_uri=arguments.raw_uri,
        warehouse_uri=arguments.warehouse_uri,
        database=arguments.database,
        events=event_settings_of(arguments),
    )


def add_event_arguments(parser: argparse.ArgumentParser, defaults: EventSettings = DEFAULTS) -> None:
    """Add the options of the settings of events; `defaults` are those that none of them changes."""
    for option in OPTIONS:
        default = getattr(defaults, option.field)
        if option.metavar is None:
            parser.add_argument(option.flag, dest=option.field, action="store_true", default=default, help=option.help)
        else:
            many = isinstance(default, tuple)
            parser.add_argument(
                option.flag,
                dest=option.field,
                action="append" if many else "store",
                type=_setting_type(option),
                default=list(default) if many else default,
                metavar=option.metavar,
                help=option.help,
            )


def event_settings_of(arguments: argparse.Namespace) -> EventSettings:
    """Return the settings of events, by the arguments of `add_event_arguments`."""
    given = ((option.field, getattr(arguments, option.field)) for option in OPTIONS)
    settings: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in given}
    return EventSettings(**settings)


def _setting_type(option: SettingOption) -> Callable[[str], Any]:
    """Return what reads one value of a setting from an argument (for argparse, which shows the error)."""

    def setting(text: str) -> Any:
        try:
            return option.one(text)
        except EventSettingsError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return setting


def add_json_argument(parser: argparse.ArgumentParser, what: str) -> None:
    """Add `--json`, a file that can be written when all is done; `what` says what of."""
    parser.add_argument("--json", type=file_to_write, metavar="FILE", help=f"also write {what} to a file")


def add_estimate_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--estimate-name`, under which a run that changes nothing writes what a person in Airflow decides by."""
    parser.add_argument(
        "--estimate-name",
        type=_estimate_name,
        metavar="NAME",
        help="also write the figures to the object estimates/NAME/figures.json beside the tables, for whoever decides",
    )


def add_span_arguments(parser: argparse.ArgumentParser, stage: Stage[Any, Any], *, single: bool = True) -> None:
    """Add `--from` and `--to` for a range of a stage's keys and, unless it is no `single` one, the option for one."""
    what, key, metavar = stage.title, _key_type(stage), stage.unit.upper()
    if single:
        option = f"--{stage.name.replace('_', '-')}"
        help_ = f"one {what}, like {stage.example} (UTC)"
        parser.add_argument(option, dest="one", type=key, metavar=metavar, help=help_)
    parser.add_argument("--from", dest="first", type=key, metavar=metavar, help=f"first {what} of a range")
    parser.add_argument("--to", dest="last", type=key, metavar=metavar, help=f"last {what} of the range, included")


def span_of(parser: argparse.ArgumentParser, arguments: argparse.Namespace, stage: Stage[Key, Any]) -> Span[Key]:
    """Return the keys that were asked for; end the program with status 2 if they are not one key or one range."""
    one, first, last = getattr(arguments, "one", None), arguments.first, arguments.last
    if one is not None and first is None and last is None:
        return Span(start=one, end=one + stage.step, is_range=False)
    if one is not None or first is None or last is None:
        parser.error(f"give either one {stage.unit}, or a range by both --from and --to")
    if last < first:
        parser.error(f"--to {key_text(last)} is before --from {key_text(first)}")
    return Span(start=first, end=last + stage.step, is_range=True)


def add_settled_argument(parser: argparse._ActionsContainer, later: str) -> None:
    """Add `--settled-before`; `later` says what becomes of hours that are not settled by then."""
    parser.add_argument(
        "--settled-before",
        type=moment,
        metavar="TIME",
        help=f"landing hours that ended by this time (ISO 8601 with a zone) receive no more objects, {later}; default: "
        "two minutes ago, for a caller that has waited for Firehose's buffer interval, as the DAGs do",
    )


def settled_before_of(arguments: argparse.Namespace) -> datetime:
    """Return the time by which a landing hour must have ended to be settled: what was given, or two minutes ago."""
    given: datetime | None = arguments.settled_before
    return given or datetime.now(UTC) - SETTLING_MARGIN


def held_back_note(failed_in: str, keys: Iterable[str]) -> str:
    """Return a clause that names hours or days that a failed data check of their input held back, if there are any."""
    named = " ".join(keys)
    return f"; held back by a failed data check of a {failed_in} (see data_checks): {named}" if named else ""


def database(text: str) -> str:
    """Return the name of a database (for argparse, which shows the error)."""
    if not _DATABASE.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no name of a database: lower-case letters, digits and underscores, no digit first"
        )
    return text


def file_to_write(text: str) -> Path:
    """Return the path of a file in a directory that is there: what a job did must not be lost for want of one."""
    file = Path(text)
    if file.is_dir() or not file.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} can't be written: name a file in a directory that exists")
    return file


def _estimate_name(text: str) -> str:
    try:
        estimate_object(text)
    except EstimateError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _key_type(stage: Stage[Key, Any]) -> Callable[[str], Key]:
    """Return what reads a key of a stage from an argument (for argparse, which shows the error)."""

    def key(text: str) -> Key:
        try:
            named = stage.parse(text)
        except PartitionKeyError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        # Another year has no room for the days that are looked at before and after it, and is a slip of the keyboard.
        if named.year not in YEARS:
            raise argparse.ArgumentTypeError(f"{text!r} is not in the years {YEARS.start} to {YEARS.stop - 1}")
        return named

    return key


def moment(text: str) -> datetime:
    """Return the instant that an argument names; it must have a zone."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time with a zone; write it like 2026-11-22T10:20:00+00:00")
    return instant
