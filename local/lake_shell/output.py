"""What a statement found → standard output: DuckDB's box for a person, CSV or JSON for a program."""

import csv
import shutil
import sys
from collections.abc import Callable, Mapping
from typing import Final

import duckdb

Show = Callable[[duckdb.DuckDBPyRelation], None]

#: Rows that a box shows at most; it says how many there are.
_BOX_ROWS: Final = 100
#: No terminal, no width to fit into.
_UNBOUND: Final = 100_000


def show_box(found: duckdb.DuckDBPyRelation) -> None:
    """Print a box, as wide as the terminal; on a pipe every column is shown."""
    if found.columns == ["explain_key", "explain_value"]:
        print("\n".join(plan for _, plan in found.fetchall()))
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _UNBOUND
    found.show(max_rows=_BOX_ROWS, max_width=width)


def show_csv(found: duckdb.DuckDBPyRelation) -> None:
    """Print all rows as CSV, with a line of names; NULL is empty."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(found.columns)
    while rows := found.fetchmany(1_000):
        writer.writerows(rows)


def show_json(found: duckdb.DuckDBPyRelation) -> None:
    """Print all rows as JSON, an object a line."""
    objects = found.query("found", "SELECT CAST(to_json(found) AS varchar) FROM found")
    while rows := objects.fetchmany(1_000):
        print("\n".join(row for (row,) in rows))


FORMATS: Final[Mapping[str, Show]] = {"box": show_box, "csv": show_csv, "json": show_json}
