"""The Glue catalog and a DuckDB connection → a view for each table of the lake, at its newest commit.

A view of Iceberg files stays at one commit. So before each statement the catalog is asked where the tables are by now,
and the views of those that have moved are replaced.
"""

from collections.abc import Mapping
from typing import Any, Final

import duckdb
from botocore.exceptions import BotoCoreError, ClientError

from contracts.tables import ALL_TABLES
from local.cloud.athena.dialect import translate
from local.cloud.athena.tables import TableName, TableScans
from local.duckdb_iceberg import load_iceberg, s3_secret, sql_name, sql_text
from local.lake_shell.lake import Lake, LakeError

#: Athena's name of a function that the queries of docs/queries.md need and DuckDB lacks. Bytes that are no UTF-8 are
#: shown as \\xFF.
_MACROS: Final = ("from_utf8(bytes) AS coalesce(try(decode(bytes)), CAST(bytes AS varchar))",)
_RAW_LINES: Final = "raw_lines"


class LakeTables:
    """The tables as views, in a schema with the name of their database; what a user makes is apart, in `main`."""

    def __init__(self, lake: Lake, connection: duckdb.DuckDBPyConnection) -> None:
        self.lake = lake
        self._connection = connection
        self._glue = lake.client("glue")
        self._s3_url: str = lake.client("s3").meta.endpoint_url
        self._found: dict[str, Mapping[str, Any]] = {}
        self._shown: dict[str, str] = {}  # where the metadata is that a view was made from
        self._secret = ""
        self._prepare()

    @property
    def names(self) -> list[str]:
        """The tables that are there, in the order in which data passes through them."""
        return [table.name for table in ALL_TABLES if table.name in self._found]

    @property
    def unmade(self) -> list[str]:
        """The tables that no job has made yet."""
        return [table.name for table in ALL_TABLES if table.name not in self._found]

    def renew(self) -> None:
        """Let each view show the newest commit of its table; raise `LakeError` if the lake does not answer."""
        self._renew_secret()
        self._found = self._tables()
        for name in self._shown.keys() - self._found.keys():
            self._connection.execute(f"DROP VIEW IF EXISTS {self._view(name)}")
            del self._shown[name]
        scans = TableScans(self._connection, self._glue_table)
        for name, table in self._found.items():
            location = table["Parameters"]["metadata_location"]
            if self._shown.get(name) != location:
                self._show(name, scans)
                self._shown[name] = location

    def translated(self, athena: str) -> str:
        """Return DuckDB's SQL for a query in Athena's; raise `QueryError` with Athena's reason."""
        scans = TableScans(self._connection, self._glue_table)
        return translate(athena, database=self.lake.database, scans=scans)

    def _show(self, name: str, scans: TableScans) -> None:
        try:
            rows = scans.rows_sql(TableName(database=self.lake.database, name=name))
            self._connection.execute(f"CREATE OR REPLACE VIEW {self._view(name)} AS {rows}")
        except duckdb.IOException as error:
            raise LakeError(f"{name} can't be read: {error}: {self.lake.way_out}") from error

    def _prepare(self) -> None:
        load_iceberg(self._connection)
        schema = sql_name(self.lake.database)
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.execute(f"CREATE SCHEMA {schema}")
        for macro in _MACROS:
            self._connection.execute(f"CREATE MACRO {schema}.{macro}")
        if self.lake.raw_uri is not None:
            self._connection.execute(f"CREATE MACRO {schema}.{_raw_lines(self.lake.raw_uri)}")
        path = sql_text(f"main,{schema}")
        self._connection.execute(f"SET search_path = {path}")

    def _renew_secret(self) -> None:
        """Give DuckDB the credentials that AWS's clients would take at this moment: those of a role expire."""
        credentials = self.lake.session.get_credentials()
        if credentials is None:
            raise LakeError("no credentials were found: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and its secret")
        frozen = credentials.get_frozen_credentials()
        secret = s3_secret(
            endpoint_url=self._s3_url,
            region=self.lake.session.region_name,
            access_key=frozen.access_key,
            secret_key=frozen.secret_key,
            session_token=frozen.token,
        )
        if secret != self._secret:
            self._connection.execute(secret)
            self._secret = secret

    def _tables(self) -> dict[str, Mapping[str, Any]]:
        declared = {table.name for table in ALL_TABLES}
        try:
            if not self._shown:
                self._glue.get_database(Name=self.lake.database)  # the local cloud lists no tables of no database
            pages = self._glue.get_paginator("get_tables").paginate(DatabaseName=self.lake.database)
            return {table["Name"]: table for page in pages for table in page["TableList"] if table["Name"] in declared}
        except self._glue.exceptions.EntityNotFoundException as error:
            raise LakeError(
                f"there is no database {self.lake.database} at {self.lake.place}: deploy the stack there "
                "(python -m infra.deploy), or name another database"
            ) from error
        except (BotoCoreError, ClientError) as error:
            raise LakeError(f"the Glue catalog can't be asked: {error}: {self.lake.way_out}") from error

    def _glue_table(self, name: TableName) -> Mapping[str, Any] | None:
        return self._found.get(name.name) if name.database == self.lake.database else None

    def _view(self, name: str) -> str:
        return f"{sql_name(self.lake.database)}.{sql_name(name)}"


def _raw_lines(raw_uri: str) -> str:
    """Return a macro: raw lines of a landing hour as JSON, null where a line is none.

    A macro rather than a view, since a view would list every raw object whenever it is named.
    """
    objects = f"{sql_text(f'{raw_uri}/landing_date=')} || replace(landing_hour, 'T', '/landing_hour=') || '/*.gz'"
    lines = f"read_json_objects({objects}, format = 'newline_delimited', ignore_errors = true, filename = true)"
    return f"{_RAW_LINES}(landing_hour) AS TABLE SELECT json AS line, filename AS object_url FROM {lines}"  # noqa: S608
