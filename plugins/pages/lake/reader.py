"""What a view asks: rows of tables of some days, SQL over these, and the live document, all as they are at one moment.

`LakeReader` lives as long as the process, and keeps what was read. `Lake` lives for one view: it sees one version of
each table, and remembers which ones it read, so that the same view need not be computed, nor sent, twice.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar
from uuid import uuid4

import duckdb
import pyarrow as pa

from contracts.event_settings import DEFAULTS, EventSettings
from contracts.live_document import LiveDocument
from contracts.tables import Column, Table
from pages.errors import QueryError
from pages.lake.accepted import AcceptedDay, AcceptedReader
from pages.lake.iceberg import DataFile, Days, StoredVersion, empty, file_io
from pages.lake.live import LiveReader, PublishedDocument
from pages.lake.manifests import Manifests
from pages.lake.once import Believed, Once
from pages.lake.slow import PATIENCE_SECONDS, NotYetError, Slow
from pages.lake.tables import BELIEVED_SECONDS, Catalog, Locations

#: Bytes of rows that are kept: a hundred days of hourly tables are a few megabytes.
KEPT_BYTES: Final = 192 * 1024 * 1024
KEPT_VERSIONS: Final = 100
KEPT_PLANS: Final = 400
#: Rows of one table that a view may take: it is a page that a person waits for.
MOST_ROWS: Final = 3_000_000
#: The days of a table that are read before somebody asks for them, and the rows of a file that is.
AHEAD: Final = timedelta(days=92)
AHEAD_ROWS: Final = 100_000
#: Files that are read at the same time; what takes long is the way to S3.
READ_AT_ONCE: Final = 8
#: Nothing that a name of an event or a product could be can reach a file, or a variable of ours.
_DUCKDB: Final[Mapping[str, Any]] = {
    "threads": 1,
    "memory_limit": "512MB",
    "enable_external_access": "false",
    "python_enable_replacements": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}

#: The version of a table that is not there, and the names under which a view remembers what is no table: the live
#: document, and before a day what was accepted on it.
NOT_THERE: Final = "not there"
LIVE: Final = "(live)"
ACCEPTED: Final = "(accepted) "

Row = tuple[Any, ...]
Value = TypeVar("Value")


class LakeReader:
    """The tables of one database; `live` reads the live document, `accepted` what CloudWatch counted, if there are.

    `patience` is how many seconds a view waits for what takes long before it does without.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        properties: Mapping[str, str],
        live: LiveReader | None = None,
        accepted: AcceptedReader | None = None,
        settings: EventSettings = DEFAULTS,
        believed_seconds: float = BELIEVED_SECONDS,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._io = file_io(properties)
        self._manifests = Manifests(self._io)
        self._locations = Believed(catalog.locations, believed_seconds)
        self._live = live
        self._accepted = accepted
        self.settings = settings
        self._versions: Once[str, StoredVersion] = Once(KEPT_VERSIONS, lambda _: 1)
        self._plans: Once[tuple[str, Days | None], tuple[DataFile, ...]] = Once(KEPT_PLANS, lambda _: 1)
        self._rows: Once[tuple[tuple[str, ...], tuple[str, ...]], pa.Table] = Once(KEPT_BYTES, lambda rows: rows.nbytes)
        self._asked: dict[str, Table] = {}
        self._pool = ThreadPoolExecutor(READ_AT_ONCE, thread_name_prefix="clickstream-pages")
        self._duckdb = duckdb.connect(config=dict(_DUCKDB))
        self.slow = Slow(patience=patience)

    def lake(self) -> "Lake":
        """Return the lake as it is now; raise `LakeUnreachableError`."""
        return Lake(self, self._locations.now())

    def versions_now(self, read: Mapping[str, str]) -> dict[str, str]:
        """Return the versions that have now what was read."""
        locations = self._locations.now()
        return {name: self._version_now(name, locations) for name in read}

    def _version_now(self, name: str, locations: Locations) -> str:
        if name == LIVE:
            return self.published().version
        if name.startswith(ACCEPTED):
            accepted = self.accepted(date.fromisoformat(name.removeprefix(ACCEPTED)))
            return accepted.version if accepted else NOT_THERE
        return locations.get(name, NOT_THERE)

    def current(self) -> Mapping[str, str]:
        """Return the version of each table now; raise `LakeUnreachableError`."""
        return self._locations.now()

    def published(self) -> PublishedDocument:
        """Return the live document as it is published now."""
        return self._live.now() if self._live else PublishedDocument.none()

    def accepted(self, day: date) -> AcceptedDay | None:
        """Return what CloudWatch counted on a day; None if nobody is to be asked."""
        return self._accepted.of(day) if self._accepted else None

    def version(self, table: Table, location: str) -> StoredVersion:
        """Return a version of a table."""
        return self._versions.get(location, partial(StoredVersion, table, location, self._io, self._manifests))

    def files(self, table: Table, location: str, days: Days) -> tuple[DataFile, ...]:
        """Return the files of some days."""
        stored = self.version(table, location)
        planned = None if stored.is_by_day else days
        files = self._plans.get((location, planned), partial(stored.files, planned))
        return tuple(file for file in files if file.is_of(days))

    def rows(self, table: Table, location: str, files: Sequence[DataFile], columns: Sequence[str]) -> pa.Table:
        """Return the rows of files; a file is read once, whole, for all views that ask for some columns of it."""
        self._asked[table.name] = table
        stored = self.version(table, location)
        found = self._pool.map(lambda file: self._whole(stored, table, file, columns).select(columns), files)
        return pa.concat_tables([empty(table, columns), *found])

    def read_ahead(self, last: date) -> Iterator[None]:
        """Read, a file at each turn, the days up to `last` of all tables that a view has asked for, the newest first.

        It ends where half of the room is taken, and leaves out what is large.
        """
        locations = self._locations.now()
        days = Days(first=last - AHEAD, last=last)
        there = [table for table in list(self._asked.values()) if table.name in locations]
        found = [(file, table) for table in there for file in self.files(table, locations[table.name], days)]
        for file, table in sorted(found, key=lambda each: each[0].day, reverse=True):
            if self._rows.size > KEPT_BYTES // 2:
                return
            if file.rows <= AHEAD_ROWS:
                self._whole(self.version(table, locations[table.name]), table, file, ())
                yield

    def _whole(self, stored: StoredVersion, table: Table, file: DataFile, columns: Sequence[str]) -> pa.Table:
        kept = [column.name for column in table.columns if column.name in columns or not _is_long(column)]
        return self._rows.get((file.name, tuple(kept)), partial(stored.rows, file, kept))

    def matching(
        self,
        table: Table,
        location: str,
        files: Sequence[DataFile],
        columns: Sequence[str],
        one_of: tuple[str, Sequence[str]] | None,
    ) -> pa.Table:
        """Return the rows of files in which a column has one of some values."""
        stored = self.version(table, location)
        found = self._pool.map(lambda file: next(stored.matching([file], columns, one_of=one_of)), files)
        return pa.concat_tables([empty(table, columns), *found])

    def ask(self, sql: str, parameters: Sequence[Any], tables: Mapping[str, pa.Table]) -> list[Row]:
        """Return the rows that SQL gives over tables."""
        with self._duckdb.cursor() as connection:
            for name, rows in tables.items():
                connection.register(name, rows)
            found = connection.execute(sql, [_naive(value) for value in parameters]).fetchall()
        return [tuple(map(_aware, row)) for row in found]


class Lake:
    """The lake at one moment; `read` has the version of each table that was looked at."""

    def __init__(self, reader: LakeReader, locations: Locations) -> None:
        self._reader = reader
        self._locations = locations
        self.read: dict[str, str] = {}

    @property
    def settings(self) -> EventSettings:
        """Return what the environment says of its events."""
        return self._reader.settings

    def has(self, table: Table) -> bool:
        """Return whether a run has created the table."""
        self.read[table.name] = self._locations.get(table.name, NOT_THERE)
        return table.name in self._locations

    def rows(self, table: Table, columns: Sequence[str], first: date, last: date) -> pa.Table:
        """Return the rows of the days from `first` to `last`; none if there is no such table yet.

        Raises `QueryError` for more rows than a page can take.
        """
        if not self.has(table):
            return empty(table, columns)
        files = self.files(table, first, last)
        count = sum(file.rows for file in files)
        if count > MOST_ROWS:
            raise QueryError(
                f"{table.name} has {count:,} rows from {first} to {last}, and a page takes at most {MOST_ROWS:,}",
                "Choose fewer days, or ask the table by SQL (docs/queries.md).",
            )
        return self._reader.rows(table, self._locations[table.name], files, columns)

    def files(self, table: Table, first: date, last: date) -> tuple[DataFile, ...]:
        """Return the files of some days of a table that is there."""
        self.has(table)
        return self._reader.files(table, self._locations[table.name], Days(first=first, last=last))

    def matching(
        self,
        table: Table,
        files: Sequence[DataFile],
        columns: Sequence[str],
        one_of: tuple[str, Sequence[str]] | None = None,
    ) -> pa.Table:
        """Return the rows of files in which a column has one of some values; the files are read side by side.

        Nothing of it is kept: it is for a few rows of large tables.
        """
        self.has(table)
        return self._reader.matching(table, self._locations[table.name], files, columns, one_of)

    def stored(self, table: Table) -> StoredVersion:
        """Return the version of a table that is there."""
        self.has(table)
        return self._reader.version(table, self._locations[table.name])

    def live(self) -> LiveDocument | None:
        """Return the live document; None if none was ever published. Raises `LakeUnreachableError`."""
        published = self._reader.published()
        self.read[LIVE] = published.version
        return published.document

    def accepted(self, day: date) -> AcceptedDay | None:
        """Return what CloudWatch counted on a day; None if nobody is to be asked."""
        accepted = self._reader.accepted(day)
        self.read[f"{ACCEPTED}{day}"] = accepted.version if accepted else NOT_THERE
        return accepted

    def slowly(self, key: tuple[str, ...], compute: Callable[[], Value]) -> Value | None:
        """Return what takes longer than a page should; None while it is still computed: the view is to be asked again.

        The key must name all that it is computed from, the version of the table too. Raises what `compute` raises.
        """
        try:
            return self._reader.slow.get(key, compute)
        except NotYetError:
            self.read["(not yet)"] = uuid4().hex
            return None

    def ask(self, sql: str, parameters: Sequence[Any] = (), /, **tables: pa.Table) -> list[Row]:
        """Return the rows that SQL gives over tables, by the names they are passed under; instants are of UTC."""
        return self._reader.ask(sql, parameters, tables)


def _is_long(column: Column) -> bool:
    """Return whether a row's value is a list (the keys of an hour's raw objects): it is read for who asks for it."""
    return column.type == "array<string>"


def _naive(value: Any) -> Any:
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value


def _aware(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
