"""A table that a query names → DuckDB's SQL for its rows, read from the Iceberg metadata file that Glue points at.

`"table$history"` and `"table$snapshots"` list a table's commits: there a query finds a version to travel back to.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import duckdb

#: Columns by name, with DuckDB's types.
Columns = Mapping[str, str]
#: A JSON object of a metadata file.
Json = dict[str, Any]

#: A metadata file as a table of one row, for the tables of metadata below.
_METADATA: Final = """
metadata AS (SELECT * FROM read_json('{location}', columns = {{
  'current-snapshot-id': 'BIGINT',
  'snapshot-log': 'STRUCT("snapshot-id" BIGINT, "timestamp-ms" BIGINT)[]',
  'snapshots': 'STRUCT("snapshot-id" BIGINT, "parent-snapshot-id" BIGINT, "timestamp-ms" BIGINT,
                       "manifest-list" VARCHAR, "summary" MAP(VARCHAR, VARCHAR))[]'
}})),
commits AS (
  SELECT one."snapshot-id" AS snapshot_id, one."parent-snapshot-id" AS parent_id, one."timestamp-ms" AS at_ms,
         one."manifest-list" AS manifest_list, one."summary" AS summary
  FROM (SELECT unnest("snapshots") AS one FROM metadata)
)"""
_METADATA_TABLES: Final = {
    "history": f"""
WITH RECURSIVE {_METADATA},
ancestors AS (
  SELECT "current-snapshot-id" AS snapshot_id FROM metadata
  UNION
  SELECT commits.parent_id FROM ancestors JOIN commits ON commits.snapshot_id = ancestors.snapshot_id
)
SELECT make_timestamptz(one."timestamp-ms" * 1000) AS made_current_at, one."snapshot-id" AS snapshot_id, parent_id,
       one."snapshot-id" IN (SELECT snapshot_id FROM ancestors WHERE snapshot_id IS NOT NULL) AS is_current_ancestor
FROM (SELECT unnest("snapshot-log") AS one FROM metadata)
LEFT JOIN commits ON commits.snapshot_id = one."snapshot-id"
""",  # noqa: S608
    "snapshots": f"""
WITH {_METADATA}
SELECT make_timestamptz(at_ms * 1000) AS committed_at, snapshot_id, parent_id, summary['operation'] AS operation,
       manifest_list, map_from_entries(list_filter(map_entries(summary), entry -> entry.key <> 'operation')) AS summary
FROM commits
""",  # noqa: S608
}


class QueryError(Exception):
    """A query fails; the text begins with Athena's code, e.g. `TABLE_NOT_FOUND: line 1:15: Table … does not exist`."""


@dataclass(frozen=True, kw_only=True)
class TableName:
    """A table as a query names it; `metadata` is the part after the $ of a metadata table (`orders$history`)."""

    database: str
    name: str
    metadata: str | None = None

    @property
    def whole(self) -> str:
        return self.name if self.metadata is None else f"{self.name}${self.metadata}"


@dataclass(frozen=True, kw_only=True)
class Version:
    """Which state of a table a query reads: a snapshot's id, or DuckDB's SQL for a time; the newest one by default."""

    snapshot_id: int | None = None
    time_sql: str | None = None


class TableScans:
    """What one query reads; `bytes` is the size of the tables that it has scanned so far.

    `glue_table` returns a table of the Glue catalog as GetTable has it, or None.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, glue_table: Callable[[TableName], Mapping[str, Any] | None]
    ) -> None:
        self.bytes = 0
        self._connection = connection
        self._glue_table = glue_table

    def columns(self, name: TableName) -> Columns | None:
        """Return a table's columns; None if there is no such table."""
        location = self._location(name)
        if location is None:
            return None
        rows = _metadata_rows(name, location) if name.metadata else table_rows(location)
        return {column: type_ for column, type_, *_ in self._connection.execute(f"DESCRIBE {rows}").fetchall()}

    def rows_sql(self, name: TableName, version: Version = Version()) -> str:
        """Return DuckDB's SQL for the rows of a table that exists, as of a version."""
        location = self._location(name)
        assert location is not None  # the caller has read its columns before
        if name.metadata is not None:
            return _metadata_rows(name, location)
        snapshot = self._snapshot(name, location, version)
        if snapshot is None:
            return table_rows(location)
        # The size of all data files of the table as this commit left it.
        self.bytes += int(snapshot["summary"].get("total-files-size", 0))
        return table_rows(location, f", snapshot_from_id => {snapshot['snapshot-id']}")

    def _location(self, name: TableName) -> str | None:
        """Return where the table's newest metadata file is."""
        found = self._glue_table(name)
        if found is None:
            return None
        parameters: Mapping[str, str] = found.get("Parameters") or {}
        if parameters.get("table_type", "").upper() != "ICEBERG":
            raise QueryError(f"NOT_SUPPORTED: {name.name}: the local cloud's Athena reads Iceberg tables only")
        return parameters["metadata_location"]

    def _snapshot(self, name: TableName, location: str, version: Version) -> Json | None:
        """Return the commit that a version means; None for a table without one."""
        (text,) = self._connection.execute("SELECT content FROM read_text(?)", [location]).fetchall()[0]
        document: Json = json.loads(text)
        snapshots: dict[int, Json] = {one["snapshot-id"]: one for one in document.get("snapshots") or []}
        if version.time_sql is not None:
            (epoch_ms,) = self._connection.execute(f"SELECT epoch_ms({version.time_sql})").fetchall()[0]
            earlier = [one for one in document.get("snapshot-log") or [] if one["timestamp-ms"] <= epoch_ms]
            if not earlier or earlier[-1]["snapshot-id"] not in snapshots:
                raise QueryError(f"INVALID_ARGUMENTS: No version history table {name.name} at or before {epoch_ms}")
            return snapshots[earlier[-1]["snapshot-id"]]
        if version.snapshot_id is not None and version.snapshot_id not in snapshots:
            raise QueryError(f"INVALID_ARGUMENTS: Iceberg snapshot ID does not exist: {version.snapshot_id}")
        return snapshots.get(version.snapshot_id or document.get("current-snapshot-id") or 0)


def table_rows(location: str, version: str = "") -> str:
    """Return DuckDB's SQL for the rows of the table with this metadata file; `version` is an argument of the scan."""
    return f"SELECT * FROM iceberg_scan('{location}'{version})"  # noqa: S608


def _metadata_rows(name: TableName, location: str) -> str:
    if name.metadata not in _METADATA_TABLES:
        raise QueryError(
            f"NOT_SUPPORTED: the local cloud's Athena does not have the metadata table ${name.metadata} of {name.name}"
        )
    return _METADATA_TABLES[name.metadata].format(location=location)
