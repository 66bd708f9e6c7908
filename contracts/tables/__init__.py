"""The tables of the lakehouse, each declared once: columns, types, partition, sort order, input window.

Spark schemas, the Iceberg tables, `docs/tables.md` and the tests' expectations are made from them; which there are,
`contracts.stages` says.
"""

from contracts.tables.daily import (
    DAILY_FUNNEL,
    DAILY_PRODUCT_STATS,
    DAILY_RETENTION,
    DAILY_SOURCES,
    DAILY_TABLES,
    DAILY_TRAFFIC,
    DAILY_TRANSITIONS,
    IDENTITY_LINKS,
    SESSIONS,
    USER_DAYS,
)
from contracts.tables.declaration import Column, ColumnType, Partition, Table
from contracts.tables.events import CLEAN_EVENTS, EVENT_COLUMNS, RECEIVED_EVENTS, REJECTED_EVENTS
from contracts.tables.hourly import (
    HOURLY_EVENT_COUNTS,
    HOURLY_PRODUCT_STATS,
    HOURLY_TABLES,
    HOURLY_TRAFFIC,
    WITHOUT_BOTS,
)
from contracts.tables.ledgers import DATA_CHECKS, DAY_LEDGER, ERASED_USERS, EVENT_LEDGER, LANDING_LEDGER
from contracts.tables.properties import table_properties
from contracts.tables.scaling import SCALING_DECISIONS

__all__ = [
    "CLEAN_EVENTS",
    "DAILY_FUNNEL",
    "DAILY_PRODUCT_STATS",
    "DAILY_RETENTION",
    "DAILY_SOURCES",
    "DAILY_TABLES",
    "DAILY_TRAFFIC",
    "DAILY_TRANSITIONS",
    "DATA_CHECKS",
    "DAY_LEDGER",
    "ERASED_USERS",
    "EVENT_COLUMNS",
    "EVENT_LEDGER",
    "HOURLY_EVENT_COUNTS",
    "HOURLY_PRODUCT_STATS",
    "HOURLY_TABLES",
    "HOURLY_TRAFFIC",
    "IDENTITY_LINKS",
    "LANDING_LEDGER",
    "RECEIVED_EVENTS",
    "REJECTED_EVENTS",
    "SCALING_DECISIONS",
    "SESSIONS",
    "USER_DAYS",
    "WITHOUT_BOTS",
    "Column",
    "ColumnType",
    "Partition",
    "Table",
    "table_properties",
]
