"""The catalog → where the metadata of each table lies now: a name for its version, and the way to its files.

One call tells it of all tables, and what it said is believed for some seconds (`once.Believed`), so that many people
who look at the same time make one call.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from pages.errors import LakeUnreachableError

#: For so many seconds an answer of the catalog is believed.
BELIEVED_SECONDS: Final = 5.0

Locations = Mapping[str, str]


class Catalog(Protocol):
    """Says where the metadata of all tables of the database lies."""

    def locations(self) -> Locations:
        """Return the location of each table's metadata by the table's name; raise `LakeUnreachableError`."""
        ...


class GlueCatalog:
    """The Glue catalog, reached the way boto3 reaches AWS."""

    def __init__(self, database: str) -> None:
        self._database = database
        # A person waits: three tries of a few seconds each, and then the page says what is wrong.
        waiting = Config(connect_timeout=3, read_timeout=8, retries={"total_max_attempts": 3, "mode": "standard"})
        self._glue = boto3.client("glue", config=waiting)

    def locations(self) -> Locations:
        """Return them; a database that does not exist yet has none."""
        pages = self._glue.get_paginator("get_tables").paginate(DatabaseName=self._database)
        try:
            return dict(_locations(pages))
        except ClientError as error:
            if error.response["Error"]["Code"] == "EntityNotFoundException":
                return {}
            raise self._away(error) from error
        except BotoCoreError as error:
            raise self._away(error) from error

    def _away(self, error: Exception) -> LakeUnreachableError:
        return LakeUnreachableError(
            f"The catalog does not tell which tables {self._database} has: {error}",
            "Look whether it is up (the local cloud of a demo ends with it), and at the credentials and rights of "
            "Airflow's API server, AWS_DEFAULT_REGION, and AWS_ENDPOINT_URL of a local cloud.",
        )


def _locations(pages: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, str]]:
    for page in pages:
        for table in page["TableList"]:
            if location := table.get("Parameters", {}).get("metadata_location"):
                yield table["Name"], location
