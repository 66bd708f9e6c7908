"""The store reads the ledger tables as the jobs write them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from contracts.ledger import EventRow, LandingRow
from hour_ledger.store import LedgerStore

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
TIMESTAMP = pa.timestamp("us", tz="UTC")
COUNT = pa.int64()
LANDING_SCHEMA = pa.schema(
    [
        ("landing_hour", TIMESTAMP),
        ("input_version", pa.string()),
        ("settled", pa.bool_()),
        ("objects", pa.list_(pa.string())),
        *((name, COUNT) for name in ("unreadable_objects", "bytes", "lines", "received", "rejected")),
        ("rejected_by_reason", pa.map_(pa.string(), COUNT)),
        ("received_by_event_hour", pa.map_(pa.string(), COUNT)),
    ]
)
EVENT_SCHEMA = pa.schema(
    [
        ("event_hour", TIMESTAMP),
        ("input_version", pa.string()),
        *((name, COUNT) for name in ("received", "clean", "duplicates")),
    ]
)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[SqlCatalog]:
    catalog = SqlCatalog("test", uri=f"sqlite:///{tmp_path}/catalog.db", warehouse=tmp_path.as_uri())
    catalog.create_namespace("lake")
    yield catalog
    catalog.engine.dispose()


def store_rows(catalog: SqlCatalog, table: str, schema: pa.Schema, rows: list[dict[str, Any]]) -> None:
    catalog.create_table(("lake", table), schema).append(pa.Table.from_pylist(rows, schema=schema))


def landing(hour: datetime) -> dict[str, Any]:
    return {
        "landing_hour": hour,
        "input_version": "v1",
        "settled": True,
        "objects": ["a.gz"],
        "unreadable_objects": 1,
        "bytes": 100,
        "lines": 10,
        "received": 8,
        "rejected": 2,
        "rejected_by_reason": {"not_json": 2},
        "received_by_event_hour": {"2026-11-22T10": 7, "2026-11-22T09": 1},
    }


def test_landing_rows_of_the_asked_hours_come_back(catalog: SqlCatalog) -> None:
    rows = [landing(TEN + n * HOUR) for n in (-1, 0, 1)]
    store_rows(catalog, "landing_ledger", LANDING_SCHEMA, rows)

    assert LedgerStore(catalog=catalog, database="lake").landing_rows(TEN, TEN + HOUR) == [
        LandingRow(
            landing_hour=TEN,
            input_version="v1",
            settled=True,
            unreadable_objects=1,
            lines=10,
            received=8,
            rejected=2,
            received_by_event_hour={TEN: 7, TEN - HOUR: 1},
        )
    ]


def test_an_event_row_comes_back(catalog: SqlCatalog) -> None:
    row = {"event_hour": TEN, "input_version": "v1", "received": 8, "clean": 7, "duplicates": 1}
    store_rows(catalog, "event_ledger", EVENT_SCHEMA, [row])
    ledger = LedgerStore(catalog=catalog, database="lake")

    assert ledger.event_row(TEN) == EventRow(event_hour=TEN, input_version="v1", received=8, clean=7, duplicates=1)
    assert ledger.event_row(TEN + HOUR) is None


def test_a_table_that_no_job_has_made_yet_is_an_empty_ledger(catalog: SqlCatalog) -> None:
    ledger = LedgerStore(catalog=catalog, database="lake")

    assert ledger.landing_row(TEN) is None
    assert ledger.event_rows(TEN, TEN + HOUR) == []
