"""One query → its answer, by DuckDB over the Iceberg files in this cloud's own S3."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import duckdb

from local.cloud import emulator
from local.cloud.athena.dialect import TableName, translate
from local.cloud.athena.errors import QueryError
from local.cloud.athena.result_set import ResultSet, column, result_set
from local.cloud.athena.scans import TableScans
from local.cloud.emulator import Scope
from local.cloud.settings import HOST
from local.duckdb_iceberg import load_iceberg, s3_secret

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

    def stop(self) -> None:
        """Interrupt what runs at this moment; between two steps there is nothing to interrupt, so ask again."""
        with contextlib.suppress(duckdb.ConnectionException):  # it has just ended
            self._connection.interrupt()

    def run(self) -> Answer:
        """Run the query; raise `QueryError` with Athena's reason."""
        with self._connection as connection:
            self._prepare(connection)
            scans = TableScans(connection, self._glue_table)
            try:
                sql = translate(self._sql, database=self._database, columns_of=scans.columns, scan_of=scans.rows_sql)
                if self._bytes_limit is not None and scans.bytes > self._bytes_limit:
                    raise QueryError(f"Bytes scanned limit was exceeded: {scans.bytes} of {self._bytes_limit}")
                found = connection.sql(sql)
                columns = [column(name, type_) for name, type_ in zip(found.columns, found.types, strict=True)]
                return Answer(results=result_set(columns, found.fetchall()), bytes=scans.bytes)
            except duckdb.Error as error:
                raise QueryError(_reason(error)) from error

    def _prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let DuckDB read this cloud's S3, and nothing else: no file of this machine, no setting changed by a query."""
        load_iceberg(connection)
        connection.execute(
            s3_secret(
                endpoint_url=f"http://{HOST}:{self._port}",
                region=self._owner.region,
                access_key=self._owner.account,
                secret_key="none",  # noqa: S106 (the local cloud asks for no secret)
            )
        )
        for setting in (
            "TimeZone = 'UTC'",
            f"memory_limit = '{_MEMORY}'",
            "disabled_filesystems = 'LocalFileSystem'",
            "lock_configuration = true",
        ):
            connection.execute(f"SET {setting}")

    def _glue_table(self, name: TableName) -> Mapping[str, Any] | None:
        return emulator.glue_table(self._owner, database=name.database, name=name.name)


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
