"""Ledgers and raw objects as lists, for questions that are asked of a lake."""

from collections.abc import Iterable
from datetime import date, datetime

from contracts.data_checks import CheckResult, Stage
from contracts.ledger import DayRow, EventRow, LandingRow
from contracts.partitions import DAY, HOUR, start_of_day
from contracts.versions import RawObject, event_hour_input_version
from pipeline.lake_status.store import FailedChecks


class FakeLedger:
    """The ledgers as lists."""

    def __init__(self, landed: Iterable[LandingRow], made: Iterable[DayRow] = ()) -> None:
        self.landed = list(landed)
        self.events = [event_row(row, self.landed) for row in self.landed if row.received]
        self.days = list(made)
        self.results: list[CheckResult] = []

    def landing_rows(self, start: datetime, end: datetime) -> list[LandingRow]:
        return [row for row in self.landed if start <= row.landing_hour < end]

    def event_rows(self, start: datetime, end: datetime) -> list[EventRow]:
        return [row for row in self.events if start <= row.event_hour < end]

    def day_rows(self, start: date, end: date) -> list[DayRow]:
        return [row for row in self.days if start <= row.day < end]

    def landing_row(self, hour: datetime) -> LandingRow | None:
        return next(iter(self.landing_rows(hour, hour + HOUR)), None)

    def day_row(self, day: date) -> DayRow | None:
        return next(iter(self.day_rows(day, day + DAY)), None)

    def failed_checks(self) -> list[FailedChecks]:
        rows: list[tuple[Stage, datetime, LandingRow | EventRow | DayRow]] = []
        rows += [(Stage.LANDING_HOUR, row.landing_hour, row) for row in self.landed]
        rows += [(Stage.EVENT_HOUR, row.event_hour, row) for row in self.events]
        rows += [(Stage.DAY, start_of_day(row.day), row) for row in self.days]
        return [
            FailedChecks(stage=stage, checked_from=start, input_version=row.input_version)
            for stage, start, row in rows
            if row.failed_checks
        ]

    def check_results(self, stage: Stage, start: datetime, end: datetime) -> list[CheckResult]:
        return [found for found in self.results if found.stage == stage and start <= found.checked_from < end]


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
