"""A lake of a test's own: tables in files, and the pages' reader of them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from benchmarks import written_lake
from contracts.tables import Table
from pages.lake.reader import Lake, LakeReader
from pages.selection import Selection

DATABASE = "lake"
#: A Friday, half past noon: the day is open, and the hour too.
NOW = datetime(2026, 11, 27, 12, 30, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class SmallLake:
    """Tables in files below a directory; `calls` has an entry for each time that the catalog was asked."""

    catalog: SqlCatalog
    calls: list[str] = field(default_factory=list)

    def put(self, table: Table, *rows: Mapping[str, Any], columns: list[str] | None = None) -> None:
        """Commit rows in the place of those of their partitions."""
        written_lake.put(self.catalog, DATABASE, table, rows, columns=columns)

    def locations(self) -> Mapping[str, str]:
        """Return where each table's metadata lies."""
        self.calls.append("locations")
        names = [name for _, name in self.catalog.list_tables(DATABASE)]
        return {name: self.catalog.load_table((DATABASE, name)).metadata_location for name in names}

    def reader(self, **options: Any) -> LakeReader:
        """Return a reader that believes the catalog for no time at all and waits, unless it is told otherwise."""
        return LakeReader(catalog=self, properties={}, **{"believed_seconds": 0.0, "patience": 60.0, **options})

    def now(self) -> Lake:
        """Return the lake as it is now."""
        return self.reader().lake()


@pytest.fixture
def small_lake(tmp_path: Path) -> Iterator[SmallLake]:
    catalog = SqlCatalog("test", uri=f"sqlite:///{tmp_path}/catalog.db", warehouse=tmp_path.as_uri())
    catalog.create_namespace(DATABASE)
    yield SmallLake(catalog=catalog)
    catalog.engine.dispose()


@pytest.fixture
def selection() -> Callable[..., Selection]:
    """Return what makes a selection of choices by name."""

    def chosen(now: datetime = NOW, **query: str) -> Selection:
        return Selection(query=query, now=now.replace(minute=0))

    return chosen
