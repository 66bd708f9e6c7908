"""The ledger's Iceberg tables → rows, by pyiceberg: a second or two where a Spark session takes ten."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from operator import itemgetter
from typing import Any, Final

import boto3
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import NoSuchTableError

from contracts.data_checks import CheckResult, Severity, Stage
from contracts.ledger import DayRow, EventRow, LandingRow
from contracts.names import LakeLocation
from contracts.partitions import DAY, HOUR, day_key, hour_key, parse_hour_key, start_of_day
from contracts.tables import DATA_CHECKS, DAY_LEDGER, EVENT_LEDGER, LANDING_LEDGER, Table


@dataclass(frozen=True, kw_only=True)
class FailedChecks:
    """An hour or a day whose row of the ledger says that data checks of severity `fail` did not hold."""

    stage: Stage
    checked_from: datetime
    input_version: str

    @property
    def named(self) -> str:
        """Return what it is, for a person."""
        key = day_key(self.checked_from.date()) if self.stage is Stage.DAY else hour_key(self.checked_from)
        return f"{self.stage.replace('_', ' ')} {key}"


class LedgerStore:
    """Reads the ledger of one database; a table that no job has made yet is an empty one."""

    def __init__(self, *, catalog: Catalog, database: str) -> None:
        self._catalog = catalog
        self._database = database

    def landing_rows(self, start: datetime, end: datetime) -> list[LandingRow]:
        """Return the rows of the landing hours of `[start, end)`."""
        return [
            LandingRow(
                landing_hour=row["landing_hour"],
                input_version=row["input_version"],
                settled=row["settled"],
                unreadable_objects=row["unreadable_objects"],
                lines=row["lines"],
                received=row["received"],
                rejected=row["rejected"],
                received_by_event_hour={parse_hour_key(key): n for key, n in row["received_by_event_hour"]},
                failed_checks=row["failed_checks"],
            )
            for row in self._rows(LANDING_LEDGER, "landing_hour", start, end)
        ]

    def event_rows(self, start: datetime, end: datetime) -> list[EventRow]:
        """Return the rows of the event hours of `[start, end)`."""
        return [EventRow(**row) for row in self._rows(EVENT_LEDGER, "event_hour", start, end)]

    def day_rows(self, start: date, end: date) -> list[DayRow]:
        """Return the rows of the days of `[start, end)`."""
        return [DayRow(**row) for row in self._rows(DAY_LEDGER, "day", start, end)]

    def check_results(self, stage: Stage, start: datetime, end: datetime) -> list[CheckResult]:
        """Return what the data checks of a stage found in the hours (or days) that begin in `[start, end)`."""
        return [
            CheckResult(**{**row, "stage": Stage(row["stage"]), "severity": Severity(row["severity"])})
            for row in self._rows(DATA_CHECKS, "checked_from", start, end)
            if row["stage"] == stage
        ]

    def failed_checks(self) -> list[FailedChecks]:
        """Return all hours and days in which data checks failed, in the order in which an hour comes by them."""
        return [
            FailedChecks(stage=stage, checked_from=_start(row[column]), input_version=row["input_version"])
            for stage, (table, column) in _CHECKED.items()
            for row in sorted(self._matching(table, "failed_checks > 0"), key=itemgetter(column))
        ]

    def landing_row(self, landing_hour: datetime) -> LandingRow | None:
        """Return the row of one landing hour, if it was ever transformed."""
        return next(iter(self.landing_rows(landing_hour, landing_hour + HOUR)), None)

    def day_row(self, day: date) -> DayRow | None:
        """Return the row of one day, if it was ever made."""
        return next(iter(self.day_rows(day, day + DAY)), None)

    def _rows(self, table: Table, column: str, start: date, end: date) -> Iterator[dict[str, Any]]:
        return self._matching(table, f"{column} >= '{start.isoformat()}' and {column} < '{end.isoformat()}'")

    def _matching(self, table: Table, row_filter: str) -> Iterator[dict[str, Any]]:
        try:
            stored = self._catalog.load_table((self._database, table.name))
        except NoSuchTableError:
            return
        scan = stored.scan(row_filter=row_filter, selected_fields=_FIELDS[table.name])
        yield from scan.to_arrow().to_pylist()


def _start(checked: date) -> datetime:
    return checked if isinstance(checked, datetime) else start_of_day(checked)


#: What is checked: the ledger that says whether it failed, and the column that names the hour or day.
_CHECKED: Final = {
    Stage.LANDING_HOUR: (LANDING_LEDGER, "landing_hour"),
    Stage.EVENT_HOUR: (EVENT_LEDGER, "event_hour"),
    Stage.DAY: (DAY_LEDGER, "day"),
}


#: `objects` names every raw object of an hour, and is not needed here.
_FIELDS = {
    LANDING_LEDGER.name: (
        "landing_hour",
        "input_version",
        "settled",
        "unreadable_objects",
        "lines",
        "received",
        "rejected",
        "received_by_event_hour",
        "failed_checks",
    ),
    EVENT_LEDGER.name: tuple(column.name for column in EVENT_LEDGER.columns),
    DAY_LEDGER.name: tuple(column.name for column in DAY_LEDGER.columns),
    DATA_CHECKS.name: tuple(column.name for column in DATA_CHECKS.columns),
}


def open_ledger(lake: LakeLocation) -> LedgerStore:
    """Return the ledger in the Glue catalog, reached the way boto3 reaches AWS."""
    # boto3 knows of AWS_ENDPOINT_URL and profiles; pyiceberg's own file reader is told what it found.
    s3 = boto3.client("s3").meta
    catalog = load_catalog("glue", type="glue", **{"s3.endpoint": s3.endpoint_url, "s3.region": s3.region_name})
    return LedgerStore(catalog=catalog, database=lake.database)
