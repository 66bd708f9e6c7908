"""A table that a query names → its columns and the SQL of its rows, from the Iceberg metadata that Glue points at.

`"table$history"` and `"table$snapshots"` list a table's commits: there a query finds a version to travel back to.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

import duckdb
from sqlglot import exp

#: Columns by name, with Athena's types.
Columns = Mapping[str, str]
#: A JSON object of a metadata file.
Json = dict[str, Any]

#: The names of these Iceberg types are read by sqlglot as Athena's.
_PRIMITIVES: Final = frozenset(
    {"boolean", "int", "long", "float", "double", "date", "timestamp", "timestamptz", "string", "binary"}
)


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


@dataclass(frozen=True)
class _IcebergTable:
    """A table as its metadata file describes it, in Iceberg's format version 1 or 2."""

    metadata_location: str
    document: Json

    @cached_property
    def columns(self) -> Columns:
        schemas, current = self.document["schemas"], self.document["current-schema-id"]
        schema = next(one for one in schemas if one["schema-id"] == current)
        return {field["name"]: _type(field["type"]) for field in schema["fields"]}

    @cached_property
    def snapshots(self) -> list[Json]:
        """The commits, the newest one last."""
        return sorted(self.document.get("snapshots") or [], key=lambda one: int(one["timestamp-ms"]))

    @property
    def log(self) -> list[Json]:
        """When which snapshot became the current one, the newest entry last."""
        return self.document.get("snapshot-log") or []

    @property
    def current_snapshot_id(self) -> int | None:
        current: int | None = self.document.get("current-snapshot-id")
        return None if current == -1 else current

    def snapshot(self, snapshot_id: int | None) -> Json | None:
        return next((one for one in self.snapshots if one["snapshot-id"] == snapshot_id), None)


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
        self._tables: dict[TableName, _IcebergTable | None] = {}

    def columns(self, name: TableName) -> Columns | None:
        """Return a table's columns; None if there is no such table."""
        table = self._table(name)
        if table is None:
            return None
        return table.columns if name.metadata is None else _metadata_table(name.metadata)[0]

    def rows_sql(self, name: TableName, version: Version = Version()) -> str:
        """Return DuckDB's SQL for the rows of a table that exists, as of a version."""
        table = self._table(name)
        assert table is not None  # the caller has read its columns before
        if name.metadata is not None:
            columns, rows = _metadata_table(name.metadata)
            return _values_sql(columns, list(rows(table)))
        snapshot_id = self._snapshot_id(name, table, version)
        if snapshot_id is None:
            return _values_sql(table.columns, [])
        snapshot = table.snapshot(snapshot_id)
        # The size of all data files of the table as this commit left it.
        self.bytes += int(snapshot["summary"].get("total-files-size", 0)) if snapshot else 0
        return f"SELECT * FROM iceberg_scan('{table.metadata_location}', snapshot_from_id => {snapshot_id})"  # noqa: S608

    def _table(self, name: TableName) -> _IcebergTable | None:
        if name not in self._tables:
            self._tables[name] = self._read(name)
        return self._tables[name]

    def _read(self, name: TableName) -> _IcebergTable | None:
        found = self._glue_table(name)
        if found is None:
            return None
        parameters: Mapping[str, str] = found.get("Parameters") or {}
        if parameters.get("table_type", "").upper() != "ICEBERG":
            raise QueryError(f"NOT_SUPPORTED: {name.name}: the local cloud's Athena reads Iceberg tables only")
        location = parameters["metadata_location"]
        (text,) = self._connection.execute("SELECT content FROM read_text(?)", [location]).fetchall()[0]
        return _IcebergTable(location, json.loads(text))

    def _snapshot_id(self, name: TableName, table: _IcebergTable, version: Version) -> int | None:
        if version.time_sql is not None:
            (epoch_ms,) = self._connection.execute(f"SELECT epoch_ms({version.time_sql})").fetchall()[0]
            found: list[int] = [one["snapshot-id"] for one in table.log if one["timestamp-ms"] <= epoch_ms]
            if not found or table.snapshot(found[-1]) is None:
                raise QueryError(f"INVALID_ARGUMENTS: No version history table {name.name} at or before {epoch_ms}")
            return found[-1]
        if version.snapshot_id is not None and table.snapshot(version.snapshot_id) is None:
            raise QueryError(f"INVALID_ARGUMENTS: Iceberg snapshot ID does not exist: {version.snapshot_id}")
        return version.snapshot_id or table.current_snapshot_id


def _type(iceberg: Any) -> str:
    match iceberg:
        case {"type": "list", "element": element}:
            return f"array({_type(element)})"
        case {"type": "map", "key": key, "value": value}:
            return f"map({_type(key)}, {_type(value)})"
        case str() if iceberg in _PRIMITIVES or iceberg.startswith("decimal"):
            return iceberg
    raise NotImplementedError(f"the local cloud's Athena does not have the Iceberg type {iceberg}")


_Rows = Callable[[_IcebergTable], Iterator[tuple[Any, ...]]]


def _metadata_table(kind: str) -> tuple[Columns, _Rows]:
    """Return a metadata table's columns, and the function that yields its rows."""
    try:
        return _METADATA_TABLES[kind]
    except KeyError:
        raise QueryError(f"NOT_SUPPORTED: the local cloud's Athena does not have the metadata table ${kind}") from None


def _history(table: _IcebergTable) -> Iterator[tuple[Any, ...]]:
    ancestors = set()
    snapshot = table.snapshot(table.current_snapshot_id)
    while snapshot is not None:
        ancestors.add(snapshot["snapshot-id"])
        snapshot = table.snapshot(snapshot.get("parent-snapshot-id"))
    for entry in table.log:
        snapshot_id = entry["snapshot-id"]
        parent_id = (table.snapshot(snapshot_id) or {}).get("parent-snapshot-id")
        yield _time(entry), snapshot_id, parent_id, snapshot_id in ancestors


def _snapshots(table: _IcebergTable) -> Iterator[tuple[Any, ...]]:
    for one in table.snapshots:
        summary = dict(one["summary"])
        operation = summary.pop("operation")
        parent_id = one.get("parent-snapshot-id")
        yield _time(one), one["snapshot-id"], parent_id, operation, one["manifest-list"], summary


def _time(entry: Json) -> datetime:
    return datetime.fromtimestamp(entry["timestamp-ms"] / 1000, UTC)


_METADATA_TABLES: Final[Mapping[str, tuple[Columns, _Rows]]] = {
    "history": (
        {
            "made_current_at": "timestamp with time zone",
            "snapshot_id": "bigint",
            "parent_id": "bigint",
            "is_current_ancestor": "boolean",
        },
        _history,
    ),
    "snapshots": (
        {
            "committed_at": "timestamp with time zone",
            "snapshot_id": "bigint",
            "parent_id": "bigint",
            "operation": "varchar",
            "manifest_list": "varchar",
            "summary": "map(varchar, varchar)",
        },
        _snapshots,
    ),
}


def _values_sql(columns: Columns, rows: list[tuple[Any, ...]]) -> str:
    """Return DuckDB's SQL for a table of these columns and rows."""
    types = {name: exp.DataType.build(type_, dialect="athena") for name, type_ in columns.items()}
    given = exp.values(rows or [(None,) * len(columns)], alias="given", columns=list(columns))
    casts = [
        exp.alias_(exp.cast(exp.column(name, quoted=True), type_), name, quoted=True) for name, type_ in types.items()
    ]
    query = exp.select(*casts).from_(given)
    return (query if rows else query.where("false")).sql("duckdb")
