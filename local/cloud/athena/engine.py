"""One query → its answer, by DuckDB over the Iceberg files in this cloud's own S3; every value as Athena writes it."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

import duckdb

from local.cloud import emulator
from local.cloud.athena.dialect import translate
from local.cloud.athena.tables import QueryError, TableScans
from local.cloud.emulator import Scope
from local.cloud.json_protocol import Payload
from local.cloud.settings import HOST
from local.duckdb_iceberg import load_iceberg, s3_secret

_MEMORY: Final = "1GB"
#: DuckDB's type → Athena's, and the precision that Athena returns for it.
_TYPES: Final = {
    "BOOLEAN": ("boolean", 0),
    "TINYINT": ("tinyint", 3),
    "SMALLINT": ("smallint", 5),
    "INTEGER": ("integer", 10),
    "BIGINT": ("bigint", 19),
    "HUGEINT": ("bigint", 19),  # DuckDB sums bigints to a hugeint, Athena to a bigint
    "FLOAT": ("float", 17),
    "DOUBLE": ("double", 17),
    "VARCHAR": ("varchar", 2147483647),
    "BLOB": ("varbinary", 1073741824),
    "DATE": ("date", 0),
    "TIMESTAMP": ("timestamp", 6),
    "TIMESTAMP WITH TIME ZONE": ("timestamp with time zone", 6),
    "NULL": ("unknown", 0),
}
_NESTED: Final = {"list": "array", "map": "map", "struct": "row"}
_DECIMAL: Final = re.compile(r"DECIMAL\((\d+),(\d+)\)")


@dataclass(frozen=True, kw_only=True)
class ResultSet:
    """The results of a query: columns as GetQueryResults describes them; a value is its text, or None for NULL."""

    columns: tuple[Payload, ...]
    rows: tuple[tuple[str | None, ...], ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column["Name"] for column in self.columns)

    def csv(self) -> bytes:
        """Return what Athena puts into the result location: every value quoted, NULL as nothing at all."""
        return "".join(",".join(map(_quoted, line)) + "\n" for line in (self.names, *self.rows)).encode()


def _quoted(value: str | None) -> str:
    return "" if value is None else '"' + value.replace('"', '""') + '"'


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The results of a query, and the size of the tables that it named: no less than Athena would have scanned."""

    results: ResultSet
    bytes: int


def run(
    connection: duckdb.DuckDBPyConnection, sql: str, *, scope: Scope, database: str, bytes_limit: int | None, port: int
) -> Answer:
    """Run a query on a connection of its own, which another thread may interrupt.

    Raise `QueryError` with Athena's reason. `database` is that of tables without one, `port` that of this cloud's S3.
    """
    with connection:
        _prepare(connection, scope, port)
        scans = TableScans(connection, lambda name: emulator.glue_table(scope, database=name.database, name=name.name))
        try:
            translated = translate(sql, database=database, scans=scans)
            if bytes_limit is not None and scans.bytes > bytes_limit:
                raise QueryError(f"Bytes scanned limit was exceeded: {scans.bytes} of {bytes_limit}")
            return Answer(results=result_set(connection.sql(translated)), bytes=scans.bytes)
        except duckdb.Error as error:
            raise QueryError(_reason(error)) from error


def _prepare(connection: duckdb.DuckDBPyConnection, scope: Scope, port: int) -> None:
    """Let DuckDB read this cloud's S3, but no file of this machine, and let no query change a setting."""
    load_iceberg(connection)
    connection.execute(
        s3_secret(
            endpoint_url=f"http://{HOST}:{port}",
            region=scope.region,
            access_key=scope.account,
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


def _reason(error: duckdb.Error) -> str:
    """Return DuckDB's error after the code that Athena would give it."""
    text = str(error).splitlines()[0]
    if isinstance(error, duckdb.CatalogException) and "Function with name" in text:
        return f"FUNCTION_NOT_FOUND: {text}"
    if isinstance(error, duckdb.ConversionException):
        return f"INVALID_CAST_ARGUMENT: {text}"
    if isinstance(error, duckdb.BinderException | duckdb.ParserException | duckdb.CatalogException):
        return f"SYNTAX_ERROR: {text}"
    return f"GENERIC_INTERNAL_ERROR: {text}"


def result_set(found: duckdb.DuckDBPyRelation) -> ResultSet:
    """Return all rows as Athena writes them; raise `QueryError` for a column of a type that Athena lacks."""
    columns = tuple(_column(name, type_) for name, type_ in zip(found.columns, found.types, strict=True))
    return ResultSet(columns=columns, rows=tuple(tuple(map(_text, row)) for row in found.fetchall()))


def _column(name: str, duckdb_type: Any) -> Payload:
    scale, spelling = 0, str(duckdb_type).strip('"')
    if decimal := _DECIMAL.fullmatch(spelling):
        athena, precision, scale = "decimal", int(decimal[1]), int(decimal[2])
    elif duckdb_type.id in _NESTED:
        athena, precision = _NESTED[duckdb_type.id], 0
    elif spelling in _TYPES:
        athena, precision = _TYPES[spelling]
    else:
        raise QueryError(f"NOT_SUPPORTED: column {name}: the local cloud's Athena does not return {duckdb_type}")
    return {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": name,
        "Label": name,
        "Type": athena,
        "Precision": precision,
        "Scale": scale,
        "Nullable": "UNKNOWN",
        "CaseSensitive": athena == "varchar",
    }


def _text(value: Any) -> str | None:
    """Return a value's text; None for NULL."""
    match value:
        case None:
            return None
        case bool():
            return str(value).lower()
        case float():
            return _double(value)
        case datetime():
            moment = value.astimezone(UTC) if value.tzinfo else value
            return f"{moment:%Y-%m-%d %H:%M:%S.%f}{' UTC' if value.tzinfo else ''}"
        case date():
            return value.isoformat()
        case Decimal():
            return f"{value:f}"
        case bytes():
            return value.hex(" ")
        case list() | tuple():
            return f"[{', '.join(map(_inner, value))}]"
        case dict():
            return f"{{{', '.join(f'{_inner(key)}={_inner(item)}' for key, item in value.items())}}}"
    return str(value)


def _inner(value: Any) -> str:
    return "null" if value is None else str(_text(value))


def _double(value: float) -> str:
    """Return Java's Double.toString: plain between 10^-3 and 10^7, else with an exponent."""
    if value != value or value in (float("inf"), float("-inf")):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    exact = Decimal(repr(value))
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        plain = f"{exact:f}"
        return plain if "." in plain else f"{plain}.0"
    sign, digits, exponent = exact.normalize().as_tuple()
    assert isinstance(exponent, int)
    first, *rest = map(str, digits)
    return f"{'-' * sign}{first}.{''.join(rest) or '0'}E{len(rest) + exponent}"
