"""Rows of the ledgers, as far as anybody decides by them: what was made, from which version of its input, and how well.

`failed_checks` counts the data checks of severity `fail` that did not hold; a row that is not checked yet has none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

#: The version of an hour or a day whose first run has begun; no input has it, so it is stale.
UNFINISHED: Final = "unfinished"


@dataclass(frozen=True, kw_only=True)
class LandedHour:
    """What the landing ledger says of one landing hour: its version, and the rows it gave to each event hour."""

    landing_hour: datetime
    input_version: str
    received_by_event_hour: Mapping[datetime, int]
    failed_checks: int = 0


@dataclass(frozen=True, kw_only=True)
class LandingRow(LandedHour):
    """A landing hour, as its last transform left it: lines = received + rejected."""

    settled: bool
    unreadable_objects: int
    lines: int
    received: int
    rejected: int


@dataclass(frozen=True, kw_only=True)
class EventRow:
    """An event hour, as its last aggregation left it: received = clean + duplicates."""

    event_hour: datetime
    input_version: str
    received: int
    clean: int
    duplicates: int
    failed_checks: int = 0


@dataclass(frozen=True, kw_only=True)
class DayRow:
    """A day, as its last aggregation left it; `users_fingerprint` is what later days depend on."""

    day: date
    input_version: str
    events_version: str
    events: int
    users: int
    sessions: int
    users_fingerprint: str
    failed_checks: int = 0
