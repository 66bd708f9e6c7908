"""Environment variables, or what the demo wrote → the lake to query, with a view for each of its tables.

An environment of infra/settings.py names a lake, or CLICKSTREAM_DATABASE does; credentials, region and endpoint are
then found as every AWS client finds them (AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL, …). Without either the lake is
that of the demo that is up.

A view of Iceberg files stays at one commit. So before each statement the Glue catalog is read again, and the views of
the tables that have a new commit are replaced.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import boto3
import duckdb
from botocore.exceptions import BotoCoreError, ClientError

from contracts.partitions import RAW_PREFIX
from contracts.stages import ALL_TABLES
from infra.account import account_at
from infra.errors import InfraError
from infra.settings import settings_of
from local.cloud.athena.dialect import translate
from local.cloud.athena.tables import TableName, TableScans, table_rows
from local.duckdb_iceberg import load_iceberg, s3_secret, sql_name, sql_text

DATABASE: Final = "CLICKSTREAM_DATABASE"
RAW_URI: Final = "CLICKSTREAM_RAW_URI"
#: In the demo's folder, written as soon as its stack is deployed.
CONNECTION: Final = "connection.json"

#: A function of Athena that the queries of docs/queries.md use and DuckDB lacks. It shows bytes that are not UTF-8 as
#: \\xFF.
_MACROS: Final = ("from_utf8(bytes) AS coalesce(try(decode(bytes)), CAST(bytes AS varchar))",)
_RAW_LINES: Final = "raw_lines"
_FORBIDDEN: Final = 403
_WAY_OUT: Final = (
    f"start the demo (make demo), or name a lake with {DATABASE} and the variables of AWS's clients "
    "(AWS_PROFILE and AWS_REGION, or AWS_ENDPOINT_URL)"
)


class LakeError(InfraError):
    """There is no lake to query, or it does not answer; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Lake:
    """A lake; `raw_uri` is None if the location of its raw objects is not known."""

    database: str
    session: Any
    endpoint_url: str | None  # None: as the session finds it
    raw_uri: str | None
    #: Where it is, for a person.
    place: str
    #: What to do when it does not answer.
    way_out: str

    def client(self, service: str) -> Any:
        """Return a boto3 client of one of the lake's services."""
        return self.session.client(service, endpoint_url=self.endpoint_url)


def find_lake(environ: Mapping[str, str], demo: Path) -> Lake:
    """Return the lake that the environment names, else that of the demo in a folder; raise `LakeError` for none."""
    if environ.get(DATABASE):
        return _named(environ)
    connection = demo / CONNECTION
    if connection.exists():
        return _demos(connection)
    raise LakeError(f"no lake to ask: {DATABASE} is not set, and no demo is up in {demo}. Do one of both: {_WAY_OUT}")


def lake_of(environment: str, environ: Mapping[str, str]) -> Lake:
    """Return the lake of a deployed environment; raise `InfraError` for an unknown one, or without credentials."""
    names = settings_of(environment).names
    account = account_at(environ.get("AWS_ENDPOINT_URL"))
    raw_uri = f"s3://{names.raw_bucket(account.number, account.region)}/{RAW_PREFIX}"
    return _named({**environ, DATABASE: names.database, RAW_URI: raw_uri})


def _named(environ: Mapping[str, str]) -> Lake:
    session = boto3.Session()
    if session.region_name is None:
        raise LakeError(f"{DATABASE} is {environ[DATABASE]}, but no region is named: set AWS_REGION, or AWS_PROFILE")
    return Lake(
        database=environ[DATABASE],
        session=session,
        endpoint_url=None,
        raw_uri=environ.get(RAW_URI, "").rstrip("/") or None,
        place=environ.get("AWS_ENDPOINT_URL", f"AWS in {session.region_name}"),
        way_out="check AWS_ENDPOINT_URL, region and credentials",
    )


def _demos(connection: Path) -> Lake:
    try:
        written = json.loads(connection.read_text())
        database, region, raw_uri = written["database"], written["region"], written["raw_uri"]
        endpoint_url = written["endpoint_url"]
    except (ValueError, KeyError) as error:
        raise LakeError(f"{connection} is not what a demo writes ({error!r}): {_WAY_OUT}") from error
    return Lake(
        database=database,
        # The local cloud asks for no keys, but clients do.
        session=boto3.Session(region_name=region, aws_access_key_id="test", aws_secret_access_key="test"),  # noqa: S106
        endpoint_url=endpoint_url,
        raw_uri=raw_uri.rstrip("/"),
        place=f"{endpoint_url}, the demo's",
        way_out=f"the demo that wrote {connection} is not up any more: {_WAY_OUT}",
    )


class LakeTables:
    """The tables as views, in a schema with the name of their database; a user's own tables are apart, in `main`."""

    def __init__(self, lake: Lake, connection: duckdb.DuckDBPyConnection) -> None:
        self.lake = lake
        self.place = f"{lake.database} at {lake.place}"
        self._connection = connection
        self._glue = lake.client("glue")
        self._s3_url: str = lake.client("s3").meta.endpoint_url
        self._found: dict[str, Mapping[str, Any]] = {}
        self._shown: dict[str, str] = {}  # the location of the metadata that a view shows
        self._forbidden: dict[str, str] = {}  # … that the credentials may not read
        self._secret = ""
        self._prepare()

    @property
    def names(self) -> list[str]:
        """The tables that exist, in the order in which data passes through them."""
        return [table.name for table in ALL_TABLES if table.name in self._shown]

    @property
    def forbidden(self) -> list[str]:
        """The tables that the credentials may not read, as those of an analyst not the rejected lines."""
        return list(self._forbidden)

    @property
    def missing(self) -> list[str]:
        """The tables that no job has created yet."""
        return [table.name for table in ALL_TABLES if table.name not in self._found]

    def renew(self) -> None:
        """Let each view show the newest commit of its table; raise `LakeError` if the lake does not answer."""
        self._renew_secret()
        self._found = self._tables()
        for name in self._shown.keys() - self._found.keys():
            self._connection.execute(f"DROP VIEW IF EXISTS {self._view(name)}")
            del self._shown[name]
        for name, table in self._found.items():
            location = table["Parameters"]["metadata_location"]
            if location not in (self._shown.get(name), self._forbidden.get(name)):
                self._show(name, location)

    def translated(self, athena: str) -> str:
        """Return DuckDB's SQL for a query in Athena's; raise `QueryError` with Athena's reason."""
        scans = TableScans(self._connection, self._glue_table)
        return translate(athena, database=self.lake.database, scans=scans)

    def _show(self, name: str, location: str) -> None:
        try:
            self._connection.execute(f"CREATE OR REPLACE VIEW {self._view(name)} AS {table_rows(location)}")
            self._shown[name] = location
        except duckdb.IOException as error:
            if getattr(error, "status_code", None) != _FORBIDDEN:
                raise LakeError(f"{name} can't be read: {error}: {self.lake.way_out}") from error
            self._forbidden[name] = location

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
                self._glue.get_database(
                    Name=self.lake.database
                )  # the local cloud lists no tables, and no error, for a database that is not there
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
    """Return a macro of the raw lines of a landing hour, as JSON; a line that is not JSON is null.

    It is a macro and not a view, since a view would list every raw object in each query.
    """
    objects = f"{sql_text(f'{raw_uri}/landing_date=')} || replace(landing_hour, 'T', '/landing_hour=') || '/*.gz'"
    lines = f"read_json_objects({objects}, format = 'newline_delimited', ignore_errors = true, filename = true)"
    return f"{_RAW_LINES}(landing_hour) AS TABLE SELECT json AS line, filename AS object_url FROM {lines}"  # noqa: S608
