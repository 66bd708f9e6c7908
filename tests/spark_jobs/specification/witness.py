"""Exported tables → the same ones made by `duckdb_tables.sql` from `received_events` alone, and where they differ."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import duckdb

from contracts.stages import TABLES, table_named
from contracts.tables import Column, ColumnType, Table
from tests.specification.clean_events import is_http_client

SQL: Final = Path(__file__).resolve().parents[2] / "specification" / "duckdb_tables.sql"
#: Tables that the witness makes.
WITNESSED: Final = (
    "clean_events",
    "hourly_event_counts",
    "hourly_traffic",
    "hourly_product_stats",
    "sessions",
    "user_days",
    "daily_traffic",
    "daily_funnel",
    "daily_retention",
    "daily_product_stats",
    "daily_sources",
    "daily_transitions",
    "identity_links",
    "weekly_traffic",
    "event_ledger",
    "day_ledger",
    "week_ledger",
)
#: Versions, hashes and findings, which are no facts about events.
LEFT_OUT: Final = ("input_version", "events_version", "users_fingerprint", "id_sample", "failed_checks")
_COMPARED_AS: Final[dict[ColumnType, str]] = {"array<string>": "VARCHAR[]"}


def tell_agents(
    connection: duckdb.DuckDBPyConnection, is_crawler: Callable[[str], bool], own_programs: tuple[str, ...] = ()
) -> None:
    """Make the tables of the user agents in `received` that are a crawler's, and that are an HTTP client's.

    So are those that begin like one of the shop's own programs.
    """
    found = connection.execute("SELECT DISTINCT user_agent FROM received WHERE user_agent IS NOT NULL").fetchall()
    clients = [agent for (agent,) in found if is_http_client(agent) or agent.startswith(own_programs)]
    crawlers = [agent for (agent,) in found if agent not in clients and is_crawler(agent)]
    for table, agents in (("crawlers", crawlers), ("http_clients", clients)):
        connection.execute(f"CREATE TABLE {table} AS SELECT unnest(?::VARCHAR[]) AS user_agent", [agents])


def tell_shop(
    connection: duckdb.DuckDBPyConnection, *, currency: str | None = None, ids_per_site: bool = False
) -> None:
    """Make the table of the shop's currency, and of whether its ids are per site."""
    shop = "CREATE TABLE shop AS SELECT ?::VARCHAR AS shops_currency, ?::BOOLEAN AS ids_per_site"
    connection.execute(shop, [currency, ids_per_site])


class Witness:
    """DuckDB with a run's exported tables (`DIRECTORY/<table>/*.parquet`) and its own."""

    def __init__(self, exported: Path, is_crawler: Callable[[str], bool]) -> None:
        self._exported = exported
        self.duckdb = duckdb.connect()
        received = next(table for table in TABLES if table.name == "received_events")
        self.duckdb.execute(f"CREATE VIEW received AS SELECT {_columns(received)} FROM {self._rows(received)}")
        tell_agents(self.duckdb, is_crawler)
        tell_shop(self.duckdb)
        self.duckdb.execute(SQL.read_text(encoding="utf-8"))

    def count(self, table: str) -> int:
        """Return the rows of one of the witness's tables."""
        return int(self._value(f"SELECT count(*) FROM {table}"))

    def empty_tables(self) -> set[str]:
        """Return the names of the witness's tables that have no row, of which a comparison says little."""
        return {name for name in WITNESSED if not self.count(name)}

    def all_differences(self) -> dict[str, list[tuple[object, ...]]]:
        """Return the differences of each table that has some."""
        found = {name: self.differences(table_named(name)) for name in WITNESSED}
        return {name: rows for name, rows in found.items() if rows}

    def differences(self, table: Table) -> list[tuple[object, ...]]:
        """Return up to five rows that a side has too much, each after the side's name."""
        columns, exported = _columns(table), self._rows(table)
        found: list[tuple[object, ...]] = []
        for side, these, others in (("jobs", exported, table.name), ("witness", table.name, exported)):
            too_much = f"SELECT {columns} FROM {these} EXCEPT ALL SELECT {columns} FROM {others}"
            found += self.duckdb.execute(f"SELECT '{side}', * FROM ({too_much}) LIMIT 5").fetchall()
        return found

    def _rows(self, table: Table) -> str:
        return f"read_parquet('{self._exported}/{table.name}/*.parquet')"

    def _value(self, sql: str) -> int:
        row = self.duckdb.execute(sql).fetchone()
        assert row is not None
        return int(row[0])


def _columns(table: Table) -> str:
    """Return a table's columns in types that both sides have; a time with a zone becomes one in UTC without it."""
    columns = [column for column in table.columns if column.name not in LEFT_OUT]
    return ", ".join(f"{_value_of(column)} AS {column.name}" for column in columns)


def _value_of(column: Column) -> str:
    if column.type == "timestamp":
        return f"make_timestamp(epoch_us({column.name}))"
    return f"CAST({column.name} AS {_COMPARED_AS.get(column.type, column.type)})"
