"""DuckDB as an independent reader of Iceberg tables, with the extensions that came as wheels: nothing is downloaded."""

from importlib.resources import files
from pathlib import Path

import duckdb


def load_iceberg(connection: duckdb.DuckDBPyConnection) -> None:
    """Let a connection read Iceberg tables, on disk and in S3; the order matters, iceberg needs the other two."""
    for extension in ("avro", "httpfs", "iceberg"):
        folder = Path(str(files(f"duckdb_extension_{extension}")))
        (path,) = folder.glob(f"extensions/*/{extension}.duckdb_extension")
        connection.load_extension(str(path))
