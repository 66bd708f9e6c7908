"""The tables of the lakehouse, each declared once: columns, types, partition, sort order, input window.

Spark schemas, the Iceberg tables, `docs/tables.md` and the tests' expectations are made from `TABLES`, which are made
of events, and `ALL_TABLES`, which has what the operation of the pipeline leaves behind as well.
"""

from typing import Final

from contracts.tables.daily import (
    DAILY_FUNNEL,
    DAILY_PRODUCT_STATS,
    DAILY_RETENTION,
    DAILY_TRAFFIC,
    SESSIONS,
    USER_DAYS,
)
from contracts.tables.declaration import Column, ColumnType, Partition, Table
from contracts.tables.events import CLEAN_EVENTS, EVENT_COLUMNS, RECEIVED_EVENTS, REJECTED_EVENTS
from contracts.tables.hourly import (
    HOURLY_EVENT_COUNTS,
    HOURLY_PRODUCT_STATS,
    HOURLY_TRAFFIC,
    WITHOUT_BOTS,
)
from contracts.tables.ledgers import DATA_CHECKS, DAY_LEDGER, ERASED_USERS, EVENT_LEDGER, LANDING_LEDGER
from contracts.tables.properties import table_properties
from contracts.tables.scaling import SCALING_DECISIONS

__all__ = [
    "ALL_TABLES",
    "CLEAN_EVENTS",
    "DAILY_FUNNEL",
    "DAILY_PRODUCT_STATS",
    "DAILY_RETENTION",
    "DAILY_TRAFFIC",
    "DATA_CHECKS",
    "DAY_LEDGER",
    "ERASED_USERS",
    "EVENT_COLUMNS",
    "EVENT_LEDGER",
    "HOURLY_EVENT_COUNTS",
    "HOURLY_PRODUCT_STATS",
    "HOURLY_TRAFFIC",
    "LANDING_LEDGER",
    "RECEIVED_EVENTS",
    "REJECTED_EVENTS",
    "SCALING_DECISIONS",
    "SESSIONS",
    "TABLES",
    "USER_DAYS",
    "WITHOUT_BOTS",
    "Column",
    "ColumnType",
    "Partition",
    "Table",
    "table_named",
    "table_properties",
]

#: In the order in which the data passes through them.
TABLES: Final = (
    RECEIVED_EVENTS,
    REJECTED_EVENTS,
    CLEAN_EVENTS,
    HOURLY_EVENT_COUNTS,
    HOURLY_TRAFFIC,
    HOURLY_PRODUCT_STATS,
    SESSIONS,
    USER_DAYS,
    DAILY_TRAFFIC,
    DAILY_FUNNEL,
    DAILY_RETENTION,
    DAILY_PRODUCT_STATS,
    LANDING_LEDGER,
    EVENT_LEDGER,
    DAY_LEDGER,
    DATA_CHECKS,
    ERASED_USERS,
)

#: And those that hold nothing of any event.
ALL_TABLES: Final = (*TABLES, SCALING_DECISIONS)


def table_named(name: str) -> Table:
    """Return a declared table; raise `KeyError` that names the known ones."""
    for table in ALL_TABLES:
        if table.name == name:
            return table
    raise KeyError(f"no table is named {name!r}; the tables are {', '.join(t.name for t in ALL_TABLES)}")
