"""Statements → their rows, over views that show each table's newest commit."""

import re
from types import TracebackType
from typing import Self

import duckdb

from infra.errors import InfraError
from local.cloud.athena.tables import QueryError
from local.lake_shell.lake import Lake
from local.lake_shell.output import Show
from local.lake_shell.statements import is_athenas, split
from local.lake_shell.tables import LakeTables


class StatementError(InfraError):
    """A statement failed; the message is DuckDB's, and what else is known."""


class Session:
    """One DuckDB connection to a lake: what a user makes in it lasts until it ends."""

    def __init__(self, lake: Lake) -> None:
        self._connection = duckdb.connect()
        self._tables = LakeTables(lake, self._connection)
        self._tables.renew()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._connection.close()

    @property
    def tables(self) -> LakeTables:
        return self._tables

    def run(self, statement: str) -> duckdb.DuckDBPyRelation | None:
        """Return what a statement finds, None if it is none that finds; raise `StatementError` if it is refused.

        Rows are read when they are shown, so that may raise `duckdb.Error`, too.
        """
        self._tables.renew()
        try:
            sql = self._tables.translated(statement) if is_athenas(statement) else statement
            return self._connection.sql(sql)
        except (duckdb.Error, QueryError) as error:
            raise StatementError(f"{error}{self._hint(statement, error)}") from error

    def answer(self, text: str, show: Show) -> None:
        """Show what each statement of a text finds, up to the first that is refused."""
        for statement in split(text):
            found = self.run(statement)
            if found is not None:
                show(found)

    def _hint(self, statement: str, error: Exception) -> str:
        unmade = [name for name in self._tables.unmade if re.search(rf"\b{name}\b", statement)]
        if not unmade or not isinstance(error, duckdb.CatalogException):
            return ""
        return f"\nNo job has made {', '.join(unmade)} yet."
