"""The folder that `make run` filled → a view for each of its tables, which are Parquet files without a catalog."""

from pathlib import Path
from typing import Final

import duckdb

from contracts.stages import ALL_TABLES
from local.cloud.athena.tables import QueryError
from local.duckdb_iceberg import sql_text
from local.lake_shell.lake import LakeError

_TABLES: Final = "tables"


class RunTables:
    """The tables of one run of `make run`, as `LakeTables` are those of a lake; a run that is made anew is seen."""

    forbidden: Final[list[str]] = []

    def __init__(self, out: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self._files = {table.name: out / _TABLES / table.name / f"{table.name}.parquet" for table in ALL_TABLES}
        if not any(file.exists() for file in self._files.values()):
            raise LakeError(f"{out} has no tables: name the folder that make run INPUT=… OUT=… has filled")
        self.place = str(out)
        connection.execute("SET TimeZone = 'UTC'")
        for name in self.names:
            rows = f"read_parquet({sql_text(str(self._files[name]))})"
            connection.execute(f"CREATE VIEW {name} AS FROM {rows}")

    @property
    def names(self) -> list[str]:
        """The tables that exist, in the order in which data passes through them."""
        return [name for name, file in self._files.items() if file.exists()]

    @property
    def missing(self) -> list[str]:
        """The tables that a run without Airflow and a stream does not have."""
        return [name for name, file in self._files.items() if not file.exists()]

    def renew(self) -> None:
        """Do nothing: a view of Parquet files reads them anew each time."""

    def translated(self, athena: str) -> str:
        """Raise `QueryError`: files have no commits to ask for."""
        raise QueryError(f"NOT_SUPPORTED: what make run wrote has no earlier commits: {athena[:80]}")
