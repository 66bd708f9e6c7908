"""The store reads the ledger tables as the jobs write them."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from contracts.data_checks import CheckResult, Severity
from contracts.ledger import DayRow, EventRow, LandingRow
from contracts.stages import DAYS, EVENT_HOURS, LANDING_HOURS
from pipeline.lake_status.store import LedgerStore

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
TIMESTAMP = pa.timestamp("us", tz="UTC")
COUNT = pa.int64()
COUNTS = {"received": 8, "clean": 7, "duplicates": 1}
LANDING_SCHEMA = pa.schema(
    [
        ("landing_hour", TIMESTAMP),
        ("input_version", pa.string()),
        ("settled", pa.bool_()),
        ("objects", pa.list_(pa.string())),
        *((name, COUNT) for name in ("unreadable_objects", "bytes", "lines", "received", "rejected")),
        ("rejected_by_reason", pa.map_(pa.string(), COUNT)),
        ("received_by_event_hour", pa.map_(pa.string(), COUNT)),
        ("failed_checks", COUNT),
    ]
)
EVENT_SCHEMA = pa.schema(
    [
        ("event_hour", TIMESTAMP),
        ("input_version", pa.string()),
        *((name, COUNT) for name in ("received", "clean", "duplicates", "failed_checks")),
    ]
)
DAY_SCHEMA = pa.schema(
    [
        ("day", pa.date32()),
        *((name, pa.string()) for name in ("input_version", "events_version", "users_fingerprint")),
        *((name, COUNT) for name in ("events", "users", "sessions", "failed_checks")),
    ]
)
CHECKS_SCHEMA = pa.schema(
    [
        ("checked_from", TIMESTAMP),
        *((name, pa.string()) for name in ("stage", "check_name", "severity", "expected", "detail", "input_version")),
        ("passed", pa.bool_()),
        ("observed", pa.float64()),
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
        "failed_checks": 2,
    }


def test_landing_rows_of_the_asked_hours_come_back(catalog: SqlCatalog) -> None:
    rows = [landing(TEN + n * HOUR) for n in (-1, 0, 1)]
    store_rows(catalog, "landing_ledger", LANDING_SCHEMA, rows)

    assert LedgerStore(catalog=catalog, database="lake").rows(LANDING_HOURS, TEN, TEN + HOUR) == [
        LandingRow(
            landing_hour=TEN,
            input_version="v1",
            settled=True,
            unreadable_objects=1,
            lines=10,
            received=8,
            rejected=2,
            received_by_event_hour={TEN: 7, TEN - HOUR: 1},
            failed_checks=2,
        )
    ]


def test_an_event_row_comes_back(catalog: SqlCatalog) -> None:
    row = EventRow(event_hour=TEN, input_version="v1", received=8, clean=7, duplicates=1, failed_checks=3)
    store_rows(catalog, "event_ledger", EVENT_SCHEMA, [asdict(row)])
    ledger = LedgerStore(catalog=catalog, database="lake")

    assert ledger.rows(EVENT_HOURS, TEN, TEN + HOUR) == [row]
    assert ledger.rows(EVENT_HOURS, TEN + HOUR, TEN + 2 * HOUR) == []


def test_a_day_row_comes_back(catalog: SqlCatalog) -> None:
    days = [TEN.date() + timedelta(days=n) for n in (-1, 0, 1)]
    rows = [
        DayRow(
            day=day,
            input_version="v1",
            events_version="e1",
            events=7,
            users=3,
            sessions=4,
            users_fingerprint="u1",
            failed_checks=1,
        )
        for day in days
    ]
    store_rows(catalog, "day_ledger", DAY_SCHEMA, [asdict(row) for row in rows])
    ledger = LedgerStore(catalog=catalog, database="lake")

    assert ledger.row(DAYS, days[1]) == rows[1]
    assert ledger.rows(DAYS, days[0], days[2]) == rows[:2]


def test_check_results_of_one_stage_come_back(catalog: SqlCatalog) -> None:
    texts = {"check_name": "events_lost", "expected": "exactly 0", "detail": "", "input_version": "v1"}
    rows = [
        {"checked_from": TEN, "stage": stage, "severity": "fail", "passed": False, "observed": None, **texts}
        for stage in ("landing_hour", "event_hour")
    ]
    store_rows(catalog, "data_checks", CHECKS_SCHEMA, rows)

    [found] = LedgerStore(catalog=catalog, database="lake").check_results(EVENT_HOURS, TEN, TEN)

    assert found == CheckResult(
        checked_from=TEN, stage="event_hour", severity=Severity.FAIL, passed=False, observed=None, **texts
    )


def test_hours_and_days_in_which_checks_failed_come_back_by_name(catalog: SqlCatalog) -> None:
    hours = [EventRow(event_hour=TEN + n * HOUR, input_version="v1", **COUNTS, failed_checks=1 - n) for n in (0, 1)]
    store_rows(catalog, "landing_ledger", LANDING_SCHEMA, [landing(TEN)])
    store_rows(catalog, "event_ledger", EVENT_SCHEMA, [asdict(row) for row in hours])
    day = {"day": TEN.date(), "input_version": "d1", "events_version": "e1", "users_fingerprint": "u1"}
    store_rows(catalog, "day_ledger", DAY_SCHEMA, [{**day, "events": 7, "users": 3, "sessions": 4, "failed_checks": 1}])

    found = LedgerStore(catalog=catalog, database="lake").failed_checks()

    assert [(failed.named, failed.key, failed.input_version) for failed in found] == [
        ("landing hour 2026-11-22T10", TEN, "v1"),
        ("event hour 2026-11-22T10", TEN, "v1"),
        ("day 2026-11-22", TEN.date(), "d1"),
    ]


def test_a_table_that_no_job_has_made_yet_is_an_empty_ledger(catalog: SqlCatalog) -> None:
    ledger = LedgerStore(catalog=catalog, database="lake")

    assert ledger.row(LANDING_HOURS, TEN) is None
    assert ledger.rows(EVENT_HOURS, TEN, TEN + HOUR) == []
    assert ledger.row(DAYS, TEN.date()) is None
    assert ledger.check_results(LANDING_HOURS, TEN, TEN) == []
    assert ledger.failed_checks() == []
