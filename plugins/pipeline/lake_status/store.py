"""The ledger's Iceberg tables → rows.

pyiceberg reads the tables within a second or two, where a Spark session takes ten.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Final

import boto3
from botocore.config import Config
from pyiceberg.catalog import Catalog
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.exceptions import NoSuchTableError

from contracts.data_checks import CheckResult, Severity
from contracts.event_settings import DEFAULTS, EventSettings
from contracts.ledger import Row, columns_of, key_column, row_of
from contracts.names import LakeLocation
from contracts.partitions import start_of
from contracts.stages import STAGES, Key, Stage
from contracts.tables import DATA_CHECKS, Table
from storage.bucket import iceberg_s3_properties

_MOST_TRIES: Final = 10  # pyiceberg's own


@dataclass(frozen=True, kw_only=True)
class FailedChecks:
    """An hour or a day whose row of the ledger says that data checks of severity `fail` did not hold."""

    stage: Stage[Any, Any]
    key: date
    input_version: str

    @property
    def named(self) -> str:
        """Return its name for a person, e.g. `event hour 2026-11-22T10`."""
        return self.stage.named(self.key)

    @property
    def identity(self) -> str:
        """Return a text that no other failure has: of another key, or of the same one when it is written again."""
        return f"{self.named} {self.input_version}"


class LedgerStore:
    """Reads the ledger of one database; a table that no job has created yet is an empty one.

    `settings` are those that versions are reckoned with.
    """

    def __init__(self, *, catalog: Catalog, database: str, settings: EventSettings = DEFAULTS) -> None:
        self._catalog = catalog
        self._database = database
        self.settings = settings

    def rows(self, stage: Stage[Key, Row], start: Key, end: Key) -> list[Row]:
        """Return the rows of a stage's keys of `[start, end)`."""
        return self._rows_matching(stage.row_type, _between(key_column(stage.row_type), start, end))

    def row(self, stage: Stage[Key, Row], key: Key) -> Row | None:
        """Return the row of one key, if it was ever written."""
        return next(iter(self.rows(stage, key, key + stage.step)), None)

    def check_results(self, stage: Stage[Key, Row], first: Key, last: Key) -> list[CheckResult]:
        """Return what the data checks of a stage found in the keys from `first` to `last`."""
        columns = [column.name for column in fields(CheckResult)]
        checked = _between("checked_from", start_of(first), start_of(last + stage.step))
        return [
            CheckResult(**{**row, "severity": Severity(row["severity"])})
            for row in self._matching(DATA_CHECKS, checked, columns)
            if row["stage"] == stage.name
        ]

    def failed_checks(self) -> list[FailedChecks]:
        """Return all hours and days in which data checks failed, in the order of the stages."""
        return [
            FailedChecks(stage=stage, key=row.key, input_version=row.input_version)
            for stage in STAGES
            for row in sorted(self._rows_matching(stage.row_type, "failed_checks > 0"), key=lambda row: row.key)
        ]

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
    # A client of boto3's own session, as for S3: another session reads the descriptions of AWS's services again.
    glue = boto3.client("glue", config=Config(retries={"mode": "standard", "max_attempts": _MOST_TRIES}))
    catalog = GlueCatalog("glue", client=glue, **iceberg_s3_properties())
    return LedgerStore(catalog=catalog, database=lake.database, settings=lake.events)


def _between(column: str, start: date, end: date) -> str:
    return f"{column} >= '{start.isoformat()}' and {column} < '{end.isoformat()}'"
