"""What DuckDB found → what Athena answers: names and types of columns, every value as text, and the CSV of it all."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from local.cloud.athena.errors import QueryError
from local.cloud.json_protocol import Payload

#: DuckDB's type → Athena's, and the precision that Athena gives for it.
_TYPES: Final = {
    "BOOLEAN": ("boolean", 0),
    "TINYINT": ("tinyint", 3),
    "SMALLINT": ("smallint", 5),
    "INTEGER": ("integer", 10),
    "BIGINT": ("bigint", 19),
    "HUGEINT": ("bigint", 19),  # what DuckDB's sum of bigints is, and Athena's is not
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
class Column:
    """A column of an answer."""

    name: str
    type: str
    precision: int
    scale: int

    def info(self) -> Payload:
        """Return it as GetQueryResults describes it."""
        return {
            "CatalogName": "hive",
            "SchemaName": "",
            "TableName": "",
            "Name": self.name,
            "Label": self.name,
            "Type": self.type,
            "Precision": self.precision,
            "Scale": self.scale,
            "Nullable": "UNKNOWN",
            "CaseSensitive": self.type == "varchar",
        }


@dataclass(frozen=True, kw_only=True)
class ResultSet:
    """An answer; a value is its text, or None for NULL."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str | None, ...], ...]

    def csv(self) -> bytes:
        """Return what Athena puts into the result location: every value quoted, NULL as nothing at all."""
        lines = [[column.name for column in self.columns], *self.rows]
        return "".join(",".join(map(_quoted, line)) + "\n" for line in lines).encode()


def column(name: str, duckdb_type: Any) -> Column:
    """Return Athena's column for a column of DuckDB's; `QueryError` for a type that Athena lacks."""
    decimal = _DECIMAL.fullmatch(str(duckdb_type))
    if decimal:
        return Column(name=name, type="decimal", precision=int(decimal[1]), scale=int(decimal[2]))
    if duckdb_type.id in _NESTED:
        return Column(name=name, type=_NESTED[duckdb_type.id], precision=0, scale=0)
    if str(duckdb_type).strip('"') not in _TYPES:
        raise QueryError(f"NOT_SUPPORTED: column {name}: the local cloud's Athena does not return {duckdb_type}")
    athena, precision = _TYPES[str(duckdb_type).strip('"')]
    return Column(name=name, type=athena, precision=precision, scale=0)


def result_set(columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> ResultSet:
    """Return the values as Athena writes them."""
    return ResultSet(columns=tuple(columns), rows=tuple(tuple(map(text_of, row)) for row in rows))


def text_of(value: Any) -> str | None:
    """Return a value's text."""
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
    return text_of(value) or "null" if value is None else str(text_of(value))


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


def _quoted(value: str | None) -> str:
    return "" if value is None else '"' + value.replace('"', '""') + '"'
