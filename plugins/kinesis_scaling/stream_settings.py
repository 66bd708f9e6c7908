"""A TOML file → the streams that are to be scaled: by which settings, and whether they are changed at all."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from kinesis_scaling.scaling_settings import Settings


class Mode(StrEnum):
    """How far a stream's DAG goes."""

    #: Nothing is looked at.
    OFF = "off"
    #: Decides and records, changes nothing.
    ADVISE = "advise"
    #: Decides, changes the stream, and records.
    ON = "on"


@dataclass(frozen=True, kw_only=True)
class ScaledStream:
    """One stream, and how it is to be scaled."""

    name: str
    mode: Mode
    settings: Settings
    #: How often the metrics are looked at.
    ask_every: timedelta = timedelta(seconds=30)
    #: A run ends, and is recorded, after so long at the latest.
    run_length: timedelta = timedelta(hours=1)
