"""The ledger's Iceberg tables → rows.

pyiceberg reads the tables within a second or two, where a Spark session takes ten.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Final

import boto3
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import NoSuchTableError

from contracts.data_checks import CheckResult, Severity, Stage
from contracts.ledger import DayRow, EventRow, LandingRow, LedgerRow, Row, columns_of, key_column, row_of
from contracts.names import LakeLocation
from contracts.partitions import DAY, HOUR, day_key, hour_key, start_of_day
from contracts.tables import DATA_CHECKS, Table

#: What has data checks, and the rows of the ledger that say whether they failed.
_CHECKED: Final[dict[Stage, type[LedgerRow]]] = {
    Stage.LANDING_HOUR: LandingRow,
    Stage.EVENT_HOUR: EventRow,
    Stage.DAY: DayRow,
}


@dataclass(frozen=True, kw_only=True)
class FailedChecks:
    """An hour or a day whose row of the ledger says that data checks of severity `fail` did not hold."""

    stage: Stage
    checked_from: datetime
    input_version: str

    @property
    def named(self) -> str:
        """Return its name for a person, e.g. `event hour 2026-11-22T10`."""
        key = day_key(self.checked_from.date()) if self.stage is Stage.DAY else hour_key(self.checked_from)
        return f"{self.stage.replace('_', ' ')} {key}"


class LedgerStore:
    """Reads the ledger of one database; a table that no job has created yet is an empty one."""

    def __init__(self, *, catalog: Catalog, database: str) -> None:
        self._catalog = catalog
        self._database = database

    def landing_rows(self, start: datetime, end: datetime) -> list[LandingRow]:
        """Return the rows of the landing hours of `[start, end)`."""
        return self._rows(LandingRow, start, end)

    def event_rows(self, start: datetime, end: datetime) -> list[EventRow]:
        """Return the rows of the event hours of `[start, end)`."""
        return self._rows(EventRow, start, end)

    def day_rows(self, start: date, end: date) -> list[DayRow]:
        """Return the rows of the days of `[start, end)`."""
        return self._rows(DayRow, start, end)

    def landing_row(self, landing_hour: datetime) -> LandingRow | None:
        """Return the row of one landing hour, if it was ever transformed."""
        return next(iter(self.landing_rows(landing_hour, landing_hour + HOUR)), None)

    def day_row(self, day: date) -> DayRow | None:
        """Return the row of one day, if it was ever written."""
        return next(iter(self.day_rows(day, day + DAY)), None)

    def check_results(self, stage: Stage, start: datetime, end: datetime) -> list[CheckResult]:
        """Return what the data checks of a stage found in the hours (or days) that begin in `[start, end)`."""
        columns = [column.name for column in fields(CheckResult)]
        return [
            CheckResult(**{**row, "stage": Stage(row["stage"]), "severity": Severity(row["severity"])})
            for row in self._matching(DATA_CHECKS, _between("checked_from", start, end), columns)
            if row["stage"] == stage
        ]

    def failed_checks(self) -> list[FailedChecks]:
        """Return all hours and days in which data checks failed, in the order of the stages."""
        return [
            FailedChecks(stage=stage, checked_from=_start(row.key), input_version=row.input_version)
            for stage, row_type in _CHECKED.items()
            for row in sorted(self._rows_matching(row_type, "failed_checks > 0"), key=lambda row: row.key)
        ]

    def _rows(self, row_type: type[Row], start: date, end: date) -> list[Row]:
        return self._rows_matching(row_type, _between(key_column(row_type), start, end))

    def _rows_matching(self, row_type: type[Row], row_filter: str) -> list[Row]:
        stored = self._matching(row_type.LEDGER, row_filter, columns_of(row_type))
        return [row_of(row_type, values) for values in stored]

    def _matching(self, table: Table, row_filter: str, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        try:
            stored = self._catalog.load_table((self._database, table.name))
        except NoSuchTableError:
            return
        yield from stored.scan(row_filter=row_filter, selected_fields=tuple(columns)).to_arrow().to_pylist()


def open_ledger(lake: LakeLocation) -> LedgerStore:
    """Return the ledger in the Glue catalog, reached the way boto3 reaches AWS."""
    # boto3 knows of AWS_ENDPOINT_URL and profiles; pyiceberg's own file reader does not, so it gets what boto3 found.
    s3 = boto3.client("s3").meta
    catalog = load_catalog("glue", type="glue", **{"s3.endpoint": s3.endpoint_url, "s3.region": s3.region_name})
    return LedgerStore(catalog=catalog, database=lake.database)


def _between(column: str, start: date, end: date) -> str:
    return f"{column} >= '{start.isoformat()}' and {column} < '{end.isoformat()}'"


def _start(checked: date) -> datetime:
    return checked if isinstance(checked, datetime) else start_of_day(checked)
