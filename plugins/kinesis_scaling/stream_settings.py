"""A TOML file → the streams to scale: their settings, and whether they are changed at all.

[streams.clickstream-prod-events]
mode = "on"                        # off, advise (the default: decides and records, changes nothing) or on
minimum_shards = 4                 # any field of Settings; one that is a time as <field>_minutes
maximum_shards = 200
patience_minutes = 240

[[streams.clickstream-prod-events.floors]]
shards = 40                        # at least 40 on Fridays from 06:00 UTC, for 18 hours
start = 2026-11-27T06:00:00Z
hours = 18
repeat_days = 7
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from kinesis_scaling.errors import ScalingSettingsError
from kinesis_scaling.scaling_settings import ScheduledFloor, Settings

#: Names the file.
VARIABLE: Final = "CLICKSTREAM_SCALING"
#: The environment's own stream without a file, as the deployed stack has it (`make outputs`).
_MODE: Final = "CLICKSTREAM_SCALING_MODE"
_BOUNDS: Final = {
    "minimum_shards": "CLICKSTREAM_MINIMUM_SHARDS",
    "maximum_shards": "CLICKSTREAM_MAXIMUM_SHARDS",
}
_MINUTES: Final = "_minutes"
_MINUTE: Final = timedelta(minutes=1)
#: The keys of how a stream is watched: the field of `ScaledStream`, and the key's unit.
_WATCH_KEYS: Final = {
    "ask_every_seconds": ("ask_every", timedelta(seconds=1)),
    "run_length_minutes": ("run_length", _MINUTE),
    "points_come_within_minutes": ("points_come_within", _MINUTE),
}
_FLOOR_KEYS: Final = ("shards", "start", "hours", "repeat_days")


class Mode(StrEnum):
    """What a stream's DAG does."""

    #: Nothing.
    OFF = "off"
    #: Decides and records, changes nothing.
    ADVISE = "advise"
    #: Decides, changes the stream, and records.
    ON = "on"


@dataclass(frozen=True, kw_only=True)
class ScaledStream:
    """One stream, and how to scale it."""

    name: str
    mode: Mode = Mode.ADVISE
    settings: Settings = Settings()  # noqa: RUF009 (frozen)
    #: The pause between two looks at the metrics.
    ask_every: timedelta = timedelta(seconds=30)
    #: A run ends, and is recorded, after this time at the latest.
    run_length: timedelta = timedelta(hours=1)
    #: A minute without points of incoming data counts as quiet once this time is over; before, they may still come.
    points_come_within: timedelta = timedelta(minutes=3)

    def __post_init__(self) -> None:
        if self.ask_every < timedelta(seconds=1):
            raise ScalingSettingsError(
                f"ask_every_seconds is {self.ask_every.total_seconds():g}; it must be at least 1"
            )
        if self.run_length < self.ask_every:
            raise ScalingSettingsError(
                f"run_length_minutes is {self.run_length / _MINUTE:g}, shorter than ask_every_seconds: {self.ask_every}"
            )

    def to_text(self) -> str:
        """Return the stream as text, for Airflow's database."""
        return _TEXT.dump_json(self).decode()

    @staticmethod
    def from_text(text: str) -> "ScaledStream":
        """Return the stream of `to_text`'s text."""
        return _TEXT.validate_json(text)


_TEXT: Final = TypeAdapter(ScaledStream)


def scaled_streams(environ: Mapping[str, str], own_stream: str) -> tuple[ScaledStream, ...]:
    """Return the streams of the file that CLICKSTREAM_SCALING names; without one, `own_stream` alone.

    Its mode and bounds are those of the deployed stack, in variables of their own; without these it is `advise`.
    Raises `ScalingSettingsError` that names file or variable, stream, key and value.
    """
    if not environ.get(VARIABLE):
        return (_own_stream(environ, own_stream),)
    path = Path(environ[VARIABLE])
    streams = _tables(path)
    found = []
    for name, table in streams.items():
        try:
            found.append(ScaledStream(**_arguments(name, table)))
        except ScalingSettingsError as error:
            raise ScalingSettingsError(f"{path}, stream {name}: {error}") from error
    return tuple(found)


def _own_stream(environ: Mapping[str, str], name: str) -> ScaledStream:
    bounds: dict[str, Any] = {}
    for key, variable in _BOUNDS.items():
        if text := environ.get(variable):
            if not text.isdecimal():
                raise ScalingSettingsError(f"{variable} is {text!r}; it must be a whole number")
            bounds[key] = int(text)
    try:
        return ScaledStream(name=name, mode=_mode(environ.get(_MODE) or Mode.ADVISE.value), settings=Settings(**bounds))
    except ScalingSettingsError as error:
        raise ScalingSettingsError(f"{', '.join((_MODE, *_BOUNDS.values()))}: {error}") from error


def _tables(path: Path) -> Mapping[str, Any]:
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScalingSettingsError(f"{VARIABLE} names {path}, which cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScalingSettingsError(f"{path} is no TOML: {error}") from error
    streams = found.pop("streams", None)
    if found or not isinstance(streams, dict) or not streams:
        rest = f", not {', '.join(found)}" if found else ""
        raise ScalingSettingsError(f'{path} must have tables [streams."<name of a stream>"], at least one{rest}')
    return streams


def _arguments(name: str, table: Any) -> dict[str, Any]:
    if not isinstance(table, Mapping):
        raise ScalingSettingsError(f"{table!r} is no table of settings")
    given = dict(table)
    arguments: dict[str, Any] = {"name": name}
    if "mode" in given:
        arguments["mode"] = _mode(given.pop("mode"))
    for key, (field, unit) in _WATCH_KEYS.items():
        if key in given:
            arguments[field] = _number(key, given.pop(key)) * unit
    arguments["settings"] = _settings(given)
    return arguments


def _settings(given: dict[str, Any]) -> Settings:
    known = {field.name + (_MINUTES if field.type is timedelta else ""): field for field in fields(Settings)}
    if unknown := given.keys() - known.keys():
        every = ", ".join(sorted(["mode", *_WATCH_KEYS, *known]))
        raise ScalingSettingsError(f"there is no setting {', '.join(sorted(unknown))}; the settings are {every}")
    arguments: dict[str, Any] = {}
    for key, value in given.items():
        field = known[key]
        if field.name == "floors":
            arguments["floors"] = _floors(value)
        elif field.type is timedelta:
            arguments[field.name] = timedelta(minutes=_number(key, value))
        elif field.type is int:
            arguments[field.name] = _whole(key, value)
        else:
            arguments[field.name] = _number(key, value)
    return Settings(**arguments)


def _floors(value: Any) -> tuple[ScheduledFloor, ...]:
    if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
        raise ScalingSettingsError(f"floors is {value!r}; write each as a table [[streams.<name>.floors]]")
    return tuple(map(_floor, value))


def _floor(table: dict[str, Any]) -> ScheduledFloor:
    missing = [key for key in _FLOOR_KEYS[:3] if key not in table]
    if missing or table.keys() - set(_FLOOR_KEYS):
        raise ScalingSettingsError(
            f"a floor has {', '.join(table)}; it needs shards, start and hours, and may have repeat_days"
        )
    repeat = table.get("repeat_days")
    return ScheduledFloor(
        shards=_whole("shards", table["shards"]),
        start=_moment(table["start"]),
        duration=timedelta(hours=_number("hours", table["hours"])),
        repeat=None if repeat is None else timedelta(days=_number("repeat_days", repeat)),
    )


def _mode(value: Any) -> Mode:
    try:
        return Mode(value)
    except ValueError:
        raise ScalingSettingsError(
            f"mode is {value!r}; it must be one of {', '.join(map(repr, map(str, Mode)))}"
        ) from None


def _number(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise ScalingSettingsError(f"{key} is {value!r}; it must be a number, 0 or more")
    return float(value)


def _whole(key: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ScalingSettingsError(f"{key} is {value!r}; it must be a whole number")
    return value


def _moment(value: Any) -> datetime:
    try:
        return value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ScalingSettingsError(f"start is {value!r}; it must be a time such as 2026-11-27T06:00:00Z") from None
