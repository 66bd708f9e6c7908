"""Text → its statements → their rows, over views of each table's newest commit, as a box, CSV or JSON."""

import csv
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

import duckdb
import sqlglot
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType

from infra.errors import InfraError
from local.cloud.athena.tables import QueryError
from local.lake_shell.lake import Lake, LakeTables
from local.lake_shell.run_tables import RunTables

Show = Callable[[duckdb.DuckDBPyRelation], None]

#: Syntax that Athena has and DuckDB lacks: a table as it was, and the list of its commits.
_ATHENA: Final = re.compile(r'\bFOR\s+(VERSION|TIMESTAMP)\s+AS\s+OF\b|"\w+\$(history|snapshots)"', re.IGNORECASE)
#: Rows that a box shows at most; it says how many there are.
_BOX_ROWS: Final = 100
#: The width of a box that is not printed on a terminal.
_UNLIMITED: Final = 100_000


class StatementError(InfraError):
    """A statement failed; the message is DuckDB's, and what else is known."""


class Session:
    """One DuckDB connection to a lake: tables that a user creates in it last until it ends."""

    def __init__(self, lake: Lake | Path) -> None:
        """Ask a lake, or the folder that a run of `make run` filled."""
        self._connection = duckdb.connect()
        self._tables: LakeTables | RunTables
        if isinstance(lake, Path):
            self._tables = RunTables(lake, self._connection)
        else:
            self._tables = LakeTables(lake, self._connection)
        self._tables.renew()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    @property
    def tables(self) -> LakeTables | RunTables:
        return self._tables

    def run(self, statement: str) -> duckdb.DuckDBPyRelation | None:
        """Return the rows of a statement, None if it has none by its kind; raise `StatementError` if it is refused.

        DuckDB reads rows when they are shown: that may raise `duckdb.Error`, too.
        """
        self._tables.renew()
        try:
            sql = self._tables.translated(statement) if is_athena_sql(statement) else statement
            return self._connection.sql(sql)
        except (duckdb.Error, QueryError) as error:
            raise StatementError(f"{error}{self._hint(statement, error)}") from error

    def answer(self, text: str, show: Show) -> None:
        """Show the rows of each statement of a text, up to the first statement that is refused.

        Ctrl-C stops what runs, which is a `KeyboardInterrupt`.
        """
        with self._stopping():
            for statement in split_statements(text):
                found = self.run(statement)
                if found is not None:
                    show(found)

    @contextmanager
    def _stopping(self) -> Iterator[None]:
        """Stop all of DuckDB's threads upon Ctrl-C: by itself it stops the calling one, and the next query waits."""
        try:
            yield
        except KeyboardInterrupt:
            self._connection.interrupt()
            raise
        except RuntimeError as error:
            if "interrupted" not in str(error):
                raise
            self._connection.interrupt()
            raise KeyboardInterrupt from error  # this is how DuckDB reports it

    def _hint(self, statement: str, error: Exception) -> str:
        if not isinstance(error, duckdb.CatalogException):
            return ""
        missing, forbidden = (
            ", ".join(name for name in names if re.search(rf"\b{name}\b", statement))
            for names in (self._tables.missing, self._tables.forbidden)
        )
        unmade = f"\nNo job has made {missing} yet." if missing else ""
        return unmade + (f"\nThese credentials may not read {forbidden}." if forbidden else "")


def is_complete(text: str) -> bool:
    """Say whether a text ends with a semicolon that is not part of a string, a name or a comment."""
    tokens = _tokens(text)
    return bool(tokens) and tokens[-1].token_type is TokenType.SEMICOLON


def split_statements(text: str) -> list[str]:
    """Return the statements of a text, without semicolons; a text that cannot be read is one, for DuckDB to refuse."""
    tokens = _tokens(text)
    if not tokens:
        return [text.strip()] if text.strip() else []
    ends = [token.start for token in tokens if token.token_type is TokenType.SEMICOLON]
    pieces = [text[start:end] for start, end in zip([0, *(end + 1 for end in ends)], [*ends, len(text)], strict=True)]
    return [piece.strip() for piece in pieces if _tokens(piece)]


def is_athena_sql(statement: str) -> bool:
    """Say whether a statement is in Athena's SQL, because it reads a table as it was; all others are DuckDB's."""
    return _ATHENA.search(statement) is not None


def _tokens(text: str) -> list[Token]:
    try:
        return sqlglot.tokenize(text, read="duckdb")
    except TokenError:  # a string or a comment has no end
        return []


def show_box(found: duckdb.DuckDBPyRelation) -> None:
    """Print a box, as wide as the terminal; elsewhere than on a terminal it has every column."""
    if found.columns == ["explain_key", "explain_value"]:
        print("\n".join(plan for _, plan in found.fetchall()))
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _UNLIMITED
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
