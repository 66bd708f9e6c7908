"""What goes in: raw lines, each with the landing hour and the key of the object that it lies in."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class RawLine:
    """A line without its newline."""

    landing_hour: datetime
    object_key: str
    line: bytes
