"""One query → its answer, by DuckDB over the Iceberg files in this cloud's own S3."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

import duckdb

from infra.local import emulator
from infra.local.athena import iceberg, metadata_tables
from infra.local.athena.dialect import TableName, Version, no_rows, translate
from infra.local.athena.errors import QueryError
from infra.local.athena.iceberg import IcebergTable
from infra.local.athena.result_set import ResultSet, column, result_set
from infra.local.emulator import Scope
from infra.local.settings import HOST

_MEMORY: Final = "1GB"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a query found, and the size of the tables that it named: no less than Athena would have scanned."""

    results: ResultSet
    bytes: int


class RunningQuery:
    """A query that runs in one thread and can be stopped from another."""

    def __init__(self, *, sql: str, database: str, owner: Scope, port: int, bytes_limit: int | None) -> None:
        self._sql = sql
        self._database = database
        self._owner = owner
        self._port = port
        self._bytes_limit = bytes_limit
        self._connection = duckdb.connect()
        self._tables: dict[str, IcebergTable | None] = {}
        self._bytes = 0

    def stop(self) -> None:
        """Interrupt what runs at this moment; between two steps there is nothing to interrupt, so ask again."""
        with contextlib.suppress(duckdb.ConnectionException):  # it has just ended
            self._connection.interrupt()

    def run(self) -> Answer:
        """Run the query; raise `QueryError` with Athena's reason."""
        with self._connection as connection:
            self._prepare(connection)
            try:
                sql = translate(self._sql, database=self._database, columns_of=self._columns, scan_of=self._scan)
                if self._bytes_limit is not None and self._bytes > self._bytes_limit:
                    raise QueryError(f"Bytes scanned limit was exceeded: {self._bytes} of {self._bytes_limit}")
                found = connection.sql(sql)
                columns = [column(name, type_) for name, type_ in zip(found.columns, found.types, strict=True)]
                return Answer(results=result_set(columns, found.fetchall()), bytes=self._bytes)
            except duckdb.Error as error:
                raise QueryError(_reason(error)) from error

    def _prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let DuckDB read this cloud's S3, and nothing else: no file of this machine, no setting changed by a query."""
        for extension in ("avro", "httpfs", "iceberg"):  # in this order: iceberg needs the other two
            (path,) = Path(str(files(f"duckdb_extension_{extension}"))).glob(
                f"extensions/*/{extension}.duckdb_extension"
            )
            connection.load_extension(str(path))
        connection.execute(
            f"CREATE SECRET (TYPE s3, KEY_ID '{self._owner.account}', SECRET 'none', REGION '{self._owner.region}', "
            f"ENDPOINT '{HOST}:{self._port}', URL_STYLE 'path', USE_SSL false)"
        )
        for setting in (
            "TimeZone = 'UTC'",
            f"memory_limit = '{_MEMORY}'",
            "disabled_filesystems = 'LocalFileSystem'",
            "lock_configuration = true",
        ):
            connection.execute(f"SET {setting}")

    def _table(self, name: TableName) -> IcebergTable | None:
        key = f"{name.database}.{name.name}"
        if key not in self._tables:
            self._tables[key] = self._read(name)
        return self._tables[key]

    def _read(self, name: TableName) -> IcebergTable | None:
        found = emulator.glue_table(self._owner, database=name.database, name=name.name)
        if found is None:
            return None
        parameters: Mapping[str, str] = found.get("Parameters") or {}
        if parameters.get("table_type", "").upper() != "ICEBERG":
            raise QueryError(f"NOT_SUPPORTED: {name.name}: the local cloud's Athena reads Iceberg tables only")
        location = parameters["metadata_location"]
        (text,) = self._connection.execute("SELECT content FROM read_text(?)", [location]).fetchall()[0]
        return iceberg.parse(location, text)

    def _columns(self, name: TableName) -> Mapping[str, str] | None:
        table = self._table(name)
        if table is None:
            return None
        return table.columns if name.metadata is None else metadata_tables.columns_of(name.metadata)

    def _scan(self, name: TableName, version: Version) -> str:
        table = self._table(name)
        assert table is not None  # its columns were asked for before
        if name.metadata is not None:
            return metadata_tables.rows_sql(name.metadata, table)
        snapshot_id = self._snapshot_id(name, table, version)
        if snapshot_id is None:
            return no_rows(table.columns)
        snapshot = table.snapshot(snapshot_id)
        self._bytes += snapshot.bytes if snapshot else 0
        return f"SELECT * FROM iceberg_scan('{table.metadata_location}', snapshot_from_id => {snapshot_id})"  # noqa: S608

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


def _reason(error: duckdb.Error) -> str:
    """Return DuckDB's error as Athena would begin it; its own words follow."""
    text = str(error).splitlines()[0]
    if isinstance(error, duckdb.CatalogException) and "Function with name" in text:
        return f"FUNCTION_NOT_FOUND: {text}"
    if isinstance(error, duckdb.ConversionException):
        return f"INVALID_CAST_ARGUMENT: {text}"
    if isinstance(error, duckdb.BinderException | duckdb.ParserException | duckdb.CatalogException):
        return f"SYNTAX_ERROR: {text}"
    return f"GENERIC_INTERNAL_ERROR: {text}"
