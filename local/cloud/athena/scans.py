"""A table that a query names → its columns and the SQL of its rows, from the Iceberg metadata that Glue points at."""

from collections.abc import Callable, Mapping
from typing import Any

import duckdb

from local.cloud.athena import iceberg, metadata_tables
from local.cloud.athena.dialect import Columns, TableName, Version, no_rows
from local.cloud.athena.errors import QueryError
from local.cloud.athena.iceberg import IcebergTable

#: A table of the Glue catalog as GetTable has it, or None.
GlueTable = Callable[[TableName], Mapping[str, Any] | None]


class TableScans:
    """What one query reads; `bytes` is the size of the tables that it has scanned so far."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, glue_table: GlueTable) -> None:
        self.bytes = 0
        self._connection = connection
        self._glue_table = glue_table
        self._tables: dict[TableName, IcebergTable | None] = {}

    def columns(self, name: TableName) -> Columns | None:
        """Return a table's columns; None if there is no such table."""
        table = self._table(name)
        if table is None:
            return None
        return table.columns if name.metadata is None else metadata_tables.columns_of(name.metadata)

    def rows_sql(self, name: TableName, version: Version) -> str:
        """Return DuckDB's SQL for the rows of a table that is there, as of a version."""
        table = self._table(name)
        assert table is not None  # its columns were asked for before
        if name.metadata is not None:
            return metadata_tables.rows_sql(name.metadata, table)
        snapshot_id = self._snapshot_id(name, table, version)
        if snapshot_id is None:
            return no_rows(table.columns)
        snapshot = table.snapshot(snapshot_id)
        self.bytes += snapshot.bytes if snapshot else 0
        return f"SELECT * FROM iceberg_scan('{table.metadata_location}', snapshot_from_id => {snapshot_id})"  # noqa: S608

    def _table(self, name: TableName) -> IcebergTable | None:
        if name not in self._tables:
            self._tables[name] = self._read(name)
        return self._tables[name]

    def _read(self, name: TableName) -> IcebergTable | None:
        found = self._glue_table(name)
        if found is None:
            return None
        parameters: Mapping[str, str] = found.get("Parameters") or {}
        if parameters.get("table_type", "").upper() != "ICEBERG":
            raise QueryError(f"NOT_SUPPORTED: {name.name}: the local cloud's Athena reads Iceberg tables only")
        location = parameters["metadata_location"]
        (text,) = self._connection.execute("SELECT content FROM read_text(?)", [location]).fetchall()[0]
        return iceberg.parse(location, text)

    def _snapshot_id(self, name: TableName, table: IcebergTable, version: Version) -> int | None:
        if version.time_sql is not None:
            (epoch_ms,) = self._connection.execute(f"SELECT epoch_ms({version.time_sql})").fetchall()[0]
            current = table.current_at(epoch_ms)
            if current is None:
                raise QueryError(f"INVALID_ARGUMENTS: No version history table {name.name} at or before {epoch_ms}")
            return current.snapshot_id
        if version.snapshot_id is not None and table.snapshot(version.snapshot_id) is None:
            raise QueryError(f"INVALID_ARGUMENTS: Iceberg snapshot ID does not exist: {version.snapshot_id}")
        return version.snapshot_id or table.current_snapshot_id
