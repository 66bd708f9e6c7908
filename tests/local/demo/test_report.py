"""The demo's comparison: equal figures have no difference, and no single figure can change without one."""

from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from local.demo.report import Tables, differences, expected_accounts, tabled_accounts

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)

MANIFESTS: list[dict[str, Any]] = [
    {
        "lines": 7,
        "received": 6,
        "clean": 5,
        "duplicates": 1,
        "rejected": {"too_late": 1},
        "event_hours": {
            "2026-11-22T10": {
                "received": 6,
                "clean": 5,
                "duplicates": 1,
                "by_name": {"Search": 2, "Purchase": 2, "Refund": 1},
                "revenue": "20.50",
                "refunded": "1.50",
            }
        },
    },
    {
        "lines": 2,
        "received": 1,
        "clean": 1,
        "duplicates": 0,
        "rejected": {"not_json": 1},
        "event_hours": {
            "2026-11-22T10": {
                "received": 1,
                "clean": 1,
                "duplicates": 0,
                "by_name": {"Search": 1},
                "revenue": "0.00",
                "refunded": "0.00",
            }
        },
    },
]

TABLES: dict[str, list[dict[str, Any]]] = {
    "landing_ledger": [
        {"lines": 8, "received": 7, "rejected_by_reason": [("too_late", 1)]},
        {"lines": 1, "received": 0, "rejected_by_reason": [("not_json", 1)]},
    ],
    "event_ledger": [{"event_hour": TEN, "received": 7, "clean": 6, "duplicates": 1}],
    "hourly_event_counts": [
        {"event_hour": TEN, "event_name": "Search", "events": 3},
        {"event_hour": TEN, "event_name": "Purchase", "events": 2},
        {"event_hour": TEN, "event_name": "Refund", "events": 1},
    ],
    "hourly_traffic": [{"event_hour": TEN, "revenue": Decimal("20.50"), "refunded": Decimal("1.50")}],
    "daily_traffic": [
        {
            "day": TEN.date(),
            "events": 6,
            "purchases": 2,
            "revenue": Decimal("20.50"),
            "refunds": 1,
            "refunded": Decimal("1.50"),
        }
    ],
}


def found_in(tables: dict[str, list[dict[str, Any]]]) -> list[str]:
    return differences(expected_accounts(MANIFESTS), tabled_accounts(Tables(**tables)))


def test_tables_that_hold_what_was_sent_have_no_difference() -> None:
    assert found_in(TABLES) == []


@pytest.mark.parametrize(
    ("table", "column", "value", "sentence"),
    [
        pytest.param("landing_ledger", "lines", 9, "lines: expected 9, tables hold 10", id="lines"),
        pytest.param("landing_ledger", "received", 8, "received: expected 7, tables hold 8", id="received"),
        pytest.param(
            "landing_ledger", "rejected_by_reason", [], "rejected too_late: expected 1, tables hold 0", id="rejected"
        ),
        pytest.param("event_ledger", "clean", 7, "2026-11-22T10 clean: expected 6, tables hold 7", id="clean"),
        pytest.param(
            "hourly_event_counts", "events", 5, "2026-11-22T10 name Search: expected 3, tables hold 5", id="name"
        ),
        pytest.param(
            "hourly_traffic",
            "revenue",
            Decimal(20),
            "2026-11-22T10 revenue: expected 20.50, tables hold 20",
            id="revenue",
        ),
        pytest.param(
            "daily_traffic",
            "refunded",
            Decimal(1),
            "2026-11-22 refunded: expected 1.50, tables hold 1",
            id="day-refunded",
        ),
        pytest.param("daily_traffic", "events", 7, "2026-11-22 events: expected 6, tables hold 7", id="day"),
        pytest.param(
            "daily_traffic",
            "revenue",
            Decimal(1),
            "2026-11-22 revenue: expected 20.50, tables hold 1",
            id="day-revenue",
        ),
    ],
)
def test_each_figure_that_differs_is_named(table: str, column: str, value: object, sentence: str) -> None:
    tables = deepcopy(TABLES)
    tables[table][0][column] = value
    assert sentence in found_in(tables)


def test_an_hour_that_was_not_sent_is_a_difference() -> None:
    tables = deepcopy(TABLES)
    tables["hourly_event_counts"].append({"event_hour": TEN.replace(hour=11), "event_name": "Search", "events": 1})
    assert found_in(tables) == ["2026-11-22T11 name Search: expected 0, tables hold 1"]
