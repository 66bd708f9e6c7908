"""The ledger's Iceberg tables → rows; the raw bucket → the objects of each landing hour.

pyiceberg reads the tables within a second or two, where a Spark session takes ten.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from operator import itemgetter
from typing import Any, Final

import boto3
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import NoSuchTableError

from contracts.data_checks import CheckResult, Severity, Stage
from contracts.ledger import DayRow, EventRow, LandingRow
from contracts.names import LakeLocation
from contracts.partitions import (
    DAY,
    HOUR,
    RAW_PREFIX,
    PartitionKeyError,
    day_key,
    hour_key,
    hours_between,
    landing_hour_of_key,
    landing_prefix,
    parse_hour_key,
    start_of_day,
)
from contracts.raw_survey import Level, RawSurvey, survey_raw
from contracts.tables import DATA_CHECKS, DAY_LEDGER, EVENT_LEDGER, LANDING_LEDGER, Table
from contracts.versions import RawObject

#: What has data checks: the ledger that says whether they failed, and the column that names the hour or day.
_CHECKED: Final = {
    Stage.LANDING_HOUR: (LANDING_LEDGER, "landing_hour"),
    Stage.EVENT_HOUR: (EVENT_LEDGER, "event_hour"),
    Stage.DAY: (DAY_LEDGER, "day"),
}
#: The classes of the rows; the store reads only the columns that they have.
_ROWS: Final[Mapping[str, type[Any]]] = {
    LANDING_LEDGER.name: LandingRow,
    EVENT_LEDGER.name: EventRow,
    DAY_LEDGER.name: DayRow,
    DATA_CHECKS.name: CheckResult,
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
        return [
            LandingRow(**{**row, "received_by_event_hour": _by_hour(row["received_by_event_hour"])})
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
        """Return all hours and days in which data checks failed, in the order of the stages."""
        return [
            FailedChecks(stage=stage, checked_from=_start(row[column]), input_version=row["input_version"])
            for stage, (table, column) in _CHECKED.items()
            for row in sorted(self._matching(table, "failed_checks > 0"), key=itemgetter(column))
        ]

    def landing_row(self, landing_hour: datetime) -> LandingRow | None:
        """Return the row of one landing hour, if it was ever transformed."""
        return next(iter(self.landing_rows(landing_hour, landing_hour + HOUR)), None)

    def day_row(self, day: date) -> DayRow | None:
        """Return the row of one day, if it was ever written."""
        return next(iter(self.day_rows(day, day + DAY)), None)

    def _rows(self, table: Table, column: str, start: date, end: date) -> Iterator[dict[str, Any]]:
        return self._matching(table, f"{column} >= '{start.isoformat()}' and {column} < '{end.isoformat()}'")

    def _matching(self, table: Table, row_filter: str) -> Iterator[dict[str, Any]]:
        try:
            stored = self._catalog.load_table((self._database, table.name))
        except NoSuchTableError:
            return
        columns = tuple(field.name for field in fields(_ROWS[table.name]))
        yield from stored.scan(row_filter=row_filter, selected_fields=columns).to_arrow().to_pylist()


def open_ledger(lake: LakeLocation) -> LedgerStore:
    """Return the ledger in the Glue catalog, reached the way boto3 reaches AWS."""
    # boto3 knows of AWS_ENDPOINT_URL and profiles; pyiceberg's own file reader does not, so it gets what boto3 found.
    s3 = boto3.client("s3").meta
    catalog = load_catalog("glue", type="glue", **{"s3.endpoint": s3.endpoint_url, "s3.region": s3.region_name})
    return LedgerStore(catalog=catalog, database=lake.database)


@dataclass(frozen=True, kw_only=True)
class RawFolders:
    """The raw bucket by its folders; `prefix` is empty or ends in a slash."""

    client: Any
    bucket: str
    prefix: str

    @classmethod
    def at(cls, raw_uri: str, client: Any) -> "RawFolders":
        """Return the folders below a raw URI, listed by `client` or else by a new S3 client."""
        bucket, _, folder = raw_uri.removeprefix("s3://").partition("/")
        return cls(client=client or boto3.client("s3"), bucket=bucket, prefix=f"{folder}/" if folder else "")

    def level(self, prefix: str) -> Level:
        """Return what is directly below the raw prefix and then `prefix`."""
        pages = list(self._pages(prefix, Delimiter="/"))
        folders = (
            entry["Prefix"].removeprefix(self.prefix) for page in pages for entry in page.get("CommonPrefixes", ())
        )
        return Level(folders=tuple(folders), keys=tuple(item.key for page in pages for item in _items(page)))

    def objects(self, prefix: str) -> Iterator[RawObject]:
        """Yield all objects below the raw prefix and then `prefix`."""
        return (item for page in self._pages(prefix) for item in _items(page))

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys of the same objects."""
        return (item.key for item in self.objects(prefix))

    def _pages(self, prefix: str, **more: str) -> Iterator[Mapping[str, Any]]:
        paginator = self.client.get_paginator("list_objects_v2")
        yield from paginator.paginate(Bucket=self.bucket, Prefix=self.prefix + prefix, **more)


def list_landing_hours(
    raw_uri: str, start: datetime, end: datetime, client: Any = None
) -> dict[datetime, list[RawObject]]:
    """Return the objects of the landing hours of `[start, end)`; an hour without any is left out.

    Lists hour by hour for a short range and day by day for a long one: a call brings up to 1,000 keys.
    """
    folders = RawFolders.at(raw_uri, client)
    found: dict[datetime, list[RawObject]] = {}
    for prefix in _prefixes(start, end):
        for item in folders.objects(prefix):
            hour = _landing_hour(item.key)
            if hour and start <= hour < end:
                found.setdefault(hour, []).append(item)
    return found


def survey(raw_uri: str, start: datetime, end: datetime, client: Any = None) -> RawSurvey:
    """Return whether the landing hours of `[start, end)` hold anything, and which objects no job reads."""
    return survey_raw(RawFolders.at(raw_uri, client), start, end)


def _by_hour(counts: Iterable[tuple[str, int]]) -> dict[datetime, int]:
    return {parse_hour_key(key): count for key, count in counts}


def _start(checked: date) -> datetime:
    return checked if isinstance(checked, datetime) else start_of_day(checked)


def _prefixes(start: datetime, end: datetime) -> list[str]:
    hours = [landing_prefix(hour).removeprefix(RAW_PREFIX) for hour in hours_between(start, end)]
    if end - start <= timedelta(hours=6):
        return hours
    return sorted({prefix[: prefix.index("landing_hour=")] for prefix in hours})


def _landing_hour(key: str) -> datetime | None:
    """Return the landing hour in an object's key; None for a key of another form."""
    try:
        return landing_hour_of_key(key)
    except PartitionKeyError:
        return None


def _items(page: Mapping[str, Any]) -> Iterator[RawObject]:
    """Yield the objects of a page of a listing, without the markers of folders."""
    for item in page.get("Contents", ()):
        if not item["Key"].endswith("/"):
            yield RawObject(key=item["Key"], etag=item["ETag"].strip('"'), size=item["Size"])
