"""Ledgers and raw objects as lists, for questions that are asked of a lake."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from contracts.data_checks import CheckResult
from contracts.event_settings import DEFAULTS
from contracts.ledger import DayRow, EventRow, LandingRow
from contracts.partitions import start_of
from contracts.stages import DAYS, EVENT_HOURS, LANDING_HOURS, STAGES, WEEKS, Stage, WeekRow
from contracts.versions import RawObject, event_hour_input_version
from pipeline.lake_status.store import FailedChecks


class FakeLedger:
    """The ledgers as lists."""

    def __init__(self, landed: Iterable[LandingRow], made: Iterable[DayRow] = ()) -> None:
        self.settings = DEFAULTS
        self.landed = list(landed)
        self.events = [event_row(row, self.landed) for row in self.landed if row.received]
        self.days = list(made)
        self.weeks: list[WeekRow] = []
        self.results: list[CheckResult] = []

    def rows(self, stage: Stage[Any, Any], start: date, end: date) -> list[Any]:
        return [row for row in self._all(stage) if start <= row.key < end]

    def row(self, stage: Stage[Any, Any], key: date) -> Any:
        return next(iter(self.rows(stage, key, key + stage.step)), None)

    def failed_checks(self) -> list[FailedChecks]:
        return [
            FailedChecks(stage=stage, key=row.key, input_version=row.input_version)
            for stage in STAGES
            for row in self._all(stage)
            if row.failed_checks
        ]

    def check_results(self, stage: Stage[Any, Any], first: date, last: date) -> list[CheckResult]:
        start, end = start_of(first), start_of(last + stage.step)
        return [found for found in self.results if found.stage == stage.name and start <= found.checked_from < end]

    def _all(self, stage: Stage[Any, Any]) -> list[Any]:
        rows: dict[Stage[Any, Any], list[Any]] = {
            LANDING_HOURS: self.landed,
            EVENT_HOURS: self.events,
            DAYS: self.days,
            WEEKS: self.weeks,
        }
        return rows[stage]


class FakeRaw:
    """Raw objects by landing hour, as a listing shows them."""

    def __init__(self, *hours: datetime) -> None:
        self.objects = {hour: [RawObject(key="a.gz", etag="e", size=1)] for hour in hours}

    def landed_between(self, _: object, start: datetime, end: datetime) -> dict[datetime, list[RawObject]]:
        return {hour: objects for hour, objects in self.objects.items() if start <= hour < end}


def landed(hour: datetime, received: int = 1, *, settled: bool = True) -> LandingRow:
    return LandingRow(
        landing_hour=hour,
        input_version="v1",
        settled=settled,
        unreadable_objects=0,
        lines=received,
        received=received,
        rejected=0,
        received_by_event_hour={hour: received} if received else {},
    )


def event_row(row: LandingRow, all_landed: Iterable[LandingRow]) -> EventRow:
    version = event_hour_input_version(row.landing_hour, all_landed)
    counts = {"received": row.received, "clean": row.received, "duplicates": 0}
    return EventRow(event_hour=row.landing_hour, input_version=version, **counts)
