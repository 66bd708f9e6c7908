"""The ledger's Iceberg tables → rows, by pyiceberg: a second or two where a Spark session takes ten."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import boto3
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import NoSuchTableError

from contracts.data_checks import CheckResult, Severity, Stage
from contracts.ledger import DayRow, EventRow, LandingRow
from contracts.names import LakeLocation
from contracts.partitions import DAY, HOUR, parse_hour_key
from contracts.tables import DATA_CHECKS, DAY_LEDGER, EVENT_LEDGER, LANDING_LEDGER, Table


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

    def landing_row(self, landing_hour: datetime) -> LandingRow | None:
        """Return the row of one landing hour, if it was ever transformed."""
        return next(iter(self.landing_rows(landing_hour, landing_hour + HOUR)), None)

    def day_row(self, day: date) -> DayRow | None:
        """Return the row of one day, if it was ever made."""
        return next(iter(self.day_rows(day, day + DAY)), None)

    def _rows(self, table: Table, column: str, start: date, end: date) -> Iterator[dict[str, Any]]:
        try:
            stored = self._catalog.load_table((self._database, table.name))
        except NoSuchTableError:
            return
        scan = stored.scan(
            row_filter=f"{column} >= '{start.isoformat()}' and {column} < '{end.isoformat()}'",
            selected_fields=_FIELDS[table.name],
        )
        yield from scan.to_arrow().to_pylist()


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
    ),
    EVENT_LEDGER.name: ("event_hour", "input_version", "received", "clean", "duplicates"),
    DAY_LEDGER.name: tuple(column.name for column in DAY_LEDGER.columns),
    DATA_CHECKS.name: tuple(column.name for column in DATA_CHECKS.columns),
}


def open_ledger(lake: LakeLocation) -> LedgerStore:
    """Return the ledger in the Glue catalog, reached the way boto3 reaches AWS."""
    # boto3 knows of AWS_ENDPOINT_URL and profiles; pyiceberg's own file reader is told what it found.
    s3 = boto3.client("s3").meta
    catalog = load_catalog("glue", type="glue", **{"s3.endpoint": s3.endpoint_url, "s3.region": s3.region_name})
    return LedgerStore(catalog=catalog, database=lake.database)
