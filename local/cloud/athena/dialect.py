"""Athena's SQL → DuckDB's, with a scan of its Iceberg files in the place of each table.

sqlglot parses, resolves every column against the tables' own schemas, and translates functions. A query that the two
engines would answer differently, whatever the translation, is refused: dividing or averaging decimals, where Athena
returns decimals and DuckDB doubles. One difference stays: `AT TIME ZONE` shows the local time without its zone.
"""

import re
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import OptimizeError, ParseError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.schema import MappingSchema

from local.cloud.athena.tables import QueryError, TableName, TableScans, Version

_CATALOG: Final = "awsdatacatalog"
_UNRESOLVED: Final = re.compile(
    r"Column '(?P<name>[^']+)' could not be resolved\. Line: (?P<line>\d+), Col: (?P<end>\d+)"
)
_ACCENTS: Final = re.compile(r"\x1b\[[0-9;]*m")
_EXACT_QUOTIENTS: Final = frozenset({*exp.DataType.INTEGER_TYPES, *exp.DataType.FLOAT_TYPES})


def translate(sql: str, *, database: str, scans: TableScans) -> str:
    """Return DuckDB's SQL for a query in Athena's; raise QueryError with Athena's reason."""
    query = _parsed(sql)
    _name_columns(query)
    tables = [(node, _name(node, database)) for node in _tables(query)]
    schema = MappingSchema(dialect="duckdb")
    for node, name in tables:
        columns = scans.columns(name)
        if columns is None:
            raise QueryError(
                _at("TABLE_NOT_FOUND", node, f"Table '{_CATALOG}.{name.database}.{name.whole}' does not exist")
            )
        node.set("catalog", None)
        node.set("db", exp.to_identifier(name.database))
        schema.add_table(node, dict(columns))
    resolved = _resolved(query, schema, database)
    _refuse_decimal_quotients(resolved)
    _keep_dates(resolved)
    _unnest_maps(resolved)
    for node in _tables(resolved):
        _replace(node, _name(node, database), scans)
    return resolved.sql("duckdb")


def _parsed(sql: str) -> exp.Query:
    try:
        statements = sqlglot.parse(sql, read="athena")
    except ParseError as error:
        found = error.errors[0]
        raise QueryError(f"SYNTAX_ERROR: line {found['line']}:{found['col']}: {found['description']}") from error
    if len(statements) != 1:
        raise QueryError(f"SYNTAX_ERROR: Only one sql statement is allowed, not {len(statements)}")
    (statement,) = statements
    if not isinstance(statement, exp.Query):
        raise QueryError(
            f"NOT_SUPPORTED: the local cloud's Athena runs queries only (SELECT, WITH), not: {sql.strip()[:80]}"
        )
    return statement


def _tables(query: exp.Query) -> list[exp.Table]:
    """Return the tables that the query reads, without the names of a WITH and without table functions."""
    found = [source for scope in traverse_scope(query) for source in scope.sources.values()]
    return list(
        {id(one): one for one in found if isinstance(one, exp.Table) and isinstance(one.this, exp.Identifier)}.values()
    )


def _name(node: exp.Table, database: str) -> TableName:
    if node.catalog and node.catalog.lower() != _CATALOG:
        raise QueryError(_at("CATALOG_NOT_FOUND", node, f"Catalog '{node.catalog}' not found"))
    name, _, metadata = node.name.lower().partition("$")
    if not (node.db or database):
        raise QueryError(_at("MISSING_SCHEMA_NAME", node, "Schema must be specified when session schema is not set"))
    return TableName(database=(node.db or database).lower(), name=name, metadata=metadata or None)


def _resolved(query: exp.Query, schema: MappingSchema, database: str) -> exp.Query:
    try:
        qualified = qualify(query, dialect="athena", schema=schema, db=database or None, quote_identifiers=True)
        resolved = annotate_types(qualified, schema=schema, dialect="athena")
    except OptimizeError as error:
        text = _ACCENTS.sub("", str(error))
        match = _UNRESOLVED.search(text)
        if match is None:
            raise QueryError(f"SYNTAX_ERROR: {text}") from error
        column = int(match["end"]) - len(match["name"]) + 1
        where = f"line {match['line']}:{column}"
        raise QueryError(f"COLUMN_NOT_FOUND: {where}: Column '{match['name']}' cannot be resolved") from error
    assert isinstance(resolved, exp.Query)
    return resolved


def _refuse_decimal_quotients(query: exp.Query) -> None:
    for quotient in query.find_all(exp.Div, exp.Avg):
        operand = quotient if isinstance(quotient, exp.Div) else quotient.this
        if operand.type is None or operand.type.this not in _EXACT_QUOTIENTS:
            raise QueryError(
                f"NOT_SUPPORTED: {quotient.sql('athena')}: the local cloud's Athena divides and averages integers and "
                "doubles only; cast to double"
            )


def _keep_dates(query: exp.Query) -> None:
    """Cast to a date where DuckDB returns a timestamp and Athena a date: for a truncated or shifted date."""
    for node in list(query.find_all(exp.DateTrunc, exp.TimestampTrunc, exp.DateAdd, exp.DateSub, exp.Add, exp.Sub)):
        shifted = not isinstance(node, exp.Add | exp.Sub) or isinstance(node.expression, exp.Interval)
        if shifted and node.this.type is not None and node.this.type.this == exp.DataType.Type.DATE:
            kept = exp.Cast(this=exp.Null(), to=exp.DataType.build("date"))
            node.replace(kept)
            kept.set("this", node)


def _unnest_maps(query: exp.Query) -> None:
    """Unnest a map as its keys beside its values, because DuckDB unnests lists only."""
    for node in list(query.find_all(exp.Unnest)):
        (unnested, *more) = node.expressions
        if unnested.type is None or unnested.type.this != exp.DataType.Type.MAP:
            continue
        if more or node.args.get("offset"):
            raise QueryError("NOT_SUPPORTED: the local cloud's Athena unnests a map alone, and without ordinality")
        both = [exp.func("unnest", exp.func(side, unnested.copy())) for side in ("map_keys", "map_values")]
        node.replace(exp.Subquery(this=exp.select(*both), alias=node.args.get("alias")))


def _name_columns(query: exp.Query) -> None:
    """Name a column without a name by its place, as Athena does."""
    while isinstance(query, exp.SetOperation):
        query = query.left
    for place, column in enumerate(query.expressions):
        if not isinstance(column, exp.Alias | exp.Column | exp.Star):
            column.replace(exp.alias_(column.copy(), f"_col{place}"))


def _replace(node: exp.Table, name: TableName, scans: TableScans) -> None:
    version = node.args.get("version")
    rows = sqlglot.parse_one(scans.rows_sql(name, _version(version) if version else Version()), read="duckdb")
    alias = node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(name.whole, quoted=True))
    scan = exp.Subquery(this=rows, alias=alias)
    for argument in ("joins", "pivots", "sample"):
        if node.args.get(argument):
            scan.set(argument, node.args[argument])
    node.replace(scan)


def _version(version: exp.Expression) -> Version:
    value = version.expression
    if version.name.upper() == "TIMESTAMP":
        return Version(time_sql=value.sql("duckdb"))
    if isinstance(value, exp.Literal) and not value.is_string:
        return Version(snapshot_id=int(value.name))
    raise QueryError(f"NOT_SUPPORTED: FOR VERSION AS OF takes a snapshot's id here, not {value.sql('athena')}")


def _at(code: str, node: exp.Table, text: str) -> str:
    """Return a reason with the place of a name; sqlglot keeps where a name ends."""
    first = node.args.get("catalog") or node.args.get("db") or node.this
    meta = first.meta if "line" in first.meta else {}
    where = f"line {meta['line']}:{meta['col'] - len(first.name) + 1}: " if meta else ""
    return f"{code}: {where}{text}"
