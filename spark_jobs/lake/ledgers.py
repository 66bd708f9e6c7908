"""The ledgers of a lake, read and written as dataclasses by `contracts.ledger`.

A job writes its rows of the ledger with its last commit.
"""

from collections.abc import Collection, Mapping
from datetime import date, datetime

from contracts.ledger import LedgerRow, Row, columns_of, key_column, row_of, stored_row
from contracts.tables import Table
from spark_jobs.lake.filters import between
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.revision import Revision
from spark_jobs.lake.types import column_names


def read_ledger(lake: Lake, row_type: type[Row], start: date, end: date) -> list[Row]:
    """Return a ledger's rows of the hours or days in `[start, end)`, in order."""
    key = key_column(row_type)
    stored = lake.rows(row_type.LEDGER, between(key, start, end), *columns_of(row_type))
    rows = (row_of(row_type, values) for values in stored if start <= values[key] < end)
    return sorted(rows, key=lambda row: row.key)


def write_ledger(
    base: Revision,
    row_type: type[Row],
    rows: Collection[Row],
    keys: Collection[date],
    *,
    figures: Mapping[str, int] | None = None,
) -> None:
    """Replace the ledger's rows of the hours or days `keys`: one that has no row here has none afterwards."""
    table = row_type.LEDGER
    files = base.lake.write_rows(table, [_values(row, table) for row in rows])
    if table.partitions[0].transform == "identity":
        base.replace_days(table, files, keys, figures=figures)
    else:
        base.replace(table, files, [key for key in keys if isinstance(key, datetime)], figures=figures)


def _values(row: LedgerRow, table: Table) -> tuple[object, ...]:
    stored = stored_row(row)
    return tuple(stored[name] for name in column_names(table))
