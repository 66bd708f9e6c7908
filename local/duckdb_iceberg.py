"""A DuckDB connection → one that reads Iceberg tables in S3, with the extensions that came as wheels.

Nothing is downloaded: the versions are those of requirements.lock.
"""

from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import duckdb


def load_iceberg(connection: duckdb.DuckDBPyConnection) -> None:
    """Let a connection read Iceberg tables, on disk and in S3; the order matters, iceberg needs the other two."""
    for extension in ("avro", "httpfs", "iceberg"):
        folder = Path(str(files(f"duckdb_extension_{extension}")))
        (path,) = folder.glob(f"extensions/*/{extension}.duckdb_extension")
        connection.load_extension(str(path))


def s3_secret(
    *, endpoint_url: str, region: str, access_key: str, secret_key: str, session_token: str | None = None
) -> str:
    """Return the SQL that lets a connection into S3: AWS's own, or another under an endpoint of its own."""
    endpoint = urlsplit(endpoint_url)
    options = {
        "KEY_ID": access_key,
        "SECRET": secret_key,
        "REGION": region,
        "ENDPOINT": endpoint.netloc,
        # A bucket has a host name of its own on AWS only.
        "URL_STYLE": "vhost" if ".amazonaws." in f"{endpoint.netloc}/" else "path",
    } | ({"SESSION_TOKEN": session_token} if session_token else {})
    texts = [f"{name} {sql_text(value)}" for name, value in options.items()]
    use_ssl = str(endpoint.scheme == "https").lower()
    return f"CREATE OR REPLACE SECRET lake (TYPE s3, USE_SSL {use_ssl}, {', '.join(texts)})"


def sql_text(value: str) -> str:
    """Return a value as a SQL string."""
    return "'" + value.replace("'", "''") + "'"


def sql_name(name: str) -> str:
    """Return a name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
