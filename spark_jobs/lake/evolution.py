"""Declared tables → tables in the catalog: created when missing, given new columns, refused when they differ otherwise.

The jobs do this themselves, and the CloudFormation template does not, so that no stack update can reset a table.
"""

from collections.abc import Iterable, Iterator, Mapping

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException

from contracts.names import CATALOG
from contracts.stages import ALL_TABLES, TABLES
from contracts.tables import Column, Table, table_properties
from spark_jobs.errors import CatalogError, TableMismatchError
from spark_jobs.lake.iceberg import StoredTable, stored_table
from spark_jobs.lake.lake import Lake


def ensure_tables(lake: Lake, tables: Iterable[Table] = TABLES) -> None:
    """Make the catalog's tables what `contracts.tables` declares; raise `TableMismatchError` naming every obstacle.

    Raise `CatalogError` if the catalog doesn't answer, or if a table can't be read.
    """
    _ensure_namespace(lake)
    mismatches = [mismatch for table in tables for mismatch in _ensure_readable_table(lake, table)]
    if mismatches:
        raise TableMismatchError(
            "tables differ from contracts/tables/; change the declaration back or migrate them by hand:\n  "
            + "\n  ".join(mismatches)
        )


def ensure_filled_lake(lake: Lake) -> None:
    """Do as `ensure_tables`, but raise `CatalogError` if the database has none: a job was sent to the wrong place.

    For jobs that begin with the tables of other jobs: their answer would be trusted ("nothing holds this user"), and a
    slip must not create empty tables.
    """
    if not _has_a_table(lake):
        raise CatalogError(
            f"there is no table in the database {lake.database!r} of {lake.warehouse_uri}: check --database and "
            "--warehouse-uri; where nothing was transformed yet, transform an hour first"
        )
    ensure_tables(lake)


def _has_a_table(lake: Lake) -> bool:
    try:
        return any(lake.has(table) for table in ALL_TABLES)
    except (Py4JJavaError, PySparkException):
        return True  # `ensure_tables`, which comes next, says what is wrong with the catalog or the table


def _ensure_namespace(lake: Lake) -> None:
    """Make the database; it is a job's first question to the catalog, so here shows whether it can be reached."""
    try:
        lake.spark.sql(f"CREATE NAMESPACE IF NOT EXISTS {CATALOG}.{lake.database}")
    except Py4JJavaError as error:
        reason = str(error.java_exception.toString()).splitlines()[0]
        raise CatalogError(
            f"the catalog of {lake.warehouse_uri} can't make or find the database {lake.database!r}: {reason}; check "
            "the warehouse, the credentials and their rights, AWS_REGION, and AWS_ENDPOINT_URL if it is a local one"
        ) from error


def _ensure_readable_table(lake: Lake, table: Table) -> list[str]:
    """Return the mismatches of a table; raise `CatalogError` if its metadata is gone or broken."""
    try:
        return _ensure_table(lake, table)
    except (Py4JJavaError, PySparkException) as error:
        java = getattr(error, "java_exception", None)
        reason = str(error if java is None else java.toString()).splitlines()[0]
        raise CatalogError(
            f"table {lake.name(table)} can't be read or made: {reason}; if its metadata file is gone or broken, "
            "restore it, or drop the table and make it again from what it is made from"
        ) from error


def _ensure_table(lake: Lake, table: Table) -> list[str]:
    name = lake.name(table)
    stored = stored_table(lake.spark, name)
    if stored is None:
        lake.spark.sql(create_statement(table, name))
        _ensure_order(lake, table, [])
        return []
    mismatches = [*_column_mismatches(table, stored), *_partition_mismatches(table, stored)]
    if mismatches:
        return mismatches
    missing = [column for column in table.columns if column.name not in stored.columns]
    if missing:
        lake.spark.sql(
            f"ALTER TABLE {name} ADD COLUMNS ({', '.join(_column_definition(column) for column in missing)})"
        )
    _ensure_order(lake, table, stored.sort)
    # The format's version is none of the properties once a table is made.
    lacking = {
        key: value
        for key, value in table_properties(table).items()
        if key != "format-version" and stored.properties.get(key) != value
    }
    if lacking:
        lake.spark.sql(f"ALTER TABLE {name} SET TBLPROPERTIES ({_listed(lacking)})")
    return []


def _ensure_order(lake: Lake, table: Table, sort: list[str]) -> None:
    """Let Iceberg note of new files that they are sorted as declared, which they are."""
    if sort != list(table.sort):
        order = f"LOCALLY ORDERED BY {', '.join(table.sort)}" if table.sort else "UNORDERED"
        lake.spark.sql(f"ALTER TABLE {lake.name(table)} WRITE {order}")


def create_statement(table: Table, name: str) -> str:
    """Return the DDL of a table under its full name."""
    columns = ",\n  ".join(_column_definition(column) for column in table.columns)
    partitions = ", ".join(str(partition) for partition in table.partitions)
    return (
        f"CREATE TABLE IF NOT EXISTS {name} (\n  {columns}\n) USING iceberg\n"
        f"{f'PARTITIONED BY ({partitions})' if partitions else ''}\n"
        f"COMMENT {_quoted(table.row_is)}\n"
        f"TBLPROPERTIES ({_listed(table_properties(table))})"
    )


def _listed(properties: Mapping[str, str]) -> str:
    return ", ".join(f"{_quoted(key)} = {_quoted(value)}" for key, value in properties.items())


def _column_definition(column: Column) -> str:
    required = "" if column.nullable else " NOT NULL"
    return f"{column.name} {column.type}{required} COMMENT {_quoted(column.description)}"


def _column_mismatches(table: Table, stored: StoredTable) -> Iterator[str]:
    existing = dict(stored.columns)
    for column in table.columns:
        found = existing.pop(column.name, None)
        if found is None:
            if not column.nullable:
                yield f"{table.name}.{column.name}: a column can be added only if it may be null"
            continue
        if found.type != column.type:
            yield f"{table.name}.{column.name}: is {found.type}, declared {column.type}"
        if found.nullable != column.nullable:
            actual, declared = _nullability(found.nullable), _nullability(column.nullable)
            yield f"{table.name}.{column.name}: is {actual}, declared {declared}"
    for undeclared in existing:
        yield f"{table.name}.{undeclared}: is there, but not declared"


def _partition_mismatches(table: Table, stored: StoredTable) -> Iterator[str]:
    declared = [(partition.column, partition.transform.removesuffix("s")) for partition in table.partitions]
    if stored.partitions != declared:
        yield f"{table.name}: is partitioned by {stored.partitions}, declared {declared}"


def _nullability(nullable: bool) -> str:
    return "nullable" if nullable else "required"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
