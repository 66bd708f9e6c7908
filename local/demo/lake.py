"""What lies in the lake → rows and counts, read by pyiceberg and boto3: a second pair of eyes beside Spark."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import boto3
from pyiceberg.catalog import load_catalog
from pyiceberg.exceptions import NoSuchTableError

from contracts.partitions import RAW_PREFIX, WAREHOUSE_PREFIX, landing_hour_of_key
from infra.settings import settings_of
from local.waits import Waiter

LOCAL_ENVIRONMENT: Final = "local"
#: What the local cloud says it is.
_ACCOUNT: Final = "000000000000"
_REGION: Final = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class StackOutputs:
    """What the deployed stack says of itself."""

    api_url: str
    stream_name: str
    raw_bucket: str
    raw_uri: str
    warehouse_uri: str
    database: str

    @classmethod
    def of(cls, outputs: Mapping[str, str]) -> "StackOutputs":
        """Return the outputs that `python -m infra.deploy` printed."""
        return cls(
            api_url=outputs["ApiUrl"],
            stream_name=outputs["StreamName"],
            raw_bucket=outputs["RawBucket"],
            raw_uri=outputs["RawUri"],
            warehouse_uri=outputs["WarehouseUri"],
            database=outputs["Database"],
        )

    def pipeline_variables(self) -> dict[str, str]:
        """Return the environment that tells Airflow's DAGs of a local stack."""
        return _pipeline_variables(self.raw_uri, self.warehouse_uri, self.database)


def local_pipeline_variables() -> dict[str, str]:
    """Return the same before the stack is there: its names are fixed, so Airflow can start while it is deployed."""
    names = settings_of(LOCAL_ENVIRONMENT).names
    raw, warehouse = (bucket(_ACCOUNT, _REGION) for bucket in (names.raw_bucket, names.warehouse_bucket))
    return _pipeline_variables(
        f"s3://{raw}/{RAW_PREFIX.rstrip('/')}", f"s3://{warehouse}/{WAREHOUSE_PREFIX.rstrip('/')}", names.database
    )


def _pipeline_variables(raw_uri: str, warehouse_uri: str, database: str) -> dict[str, str]:
    return {
        "CLICKSTREAM_ENVIRONMENT": LOCAL_ENVIRONMENT,
        "CLICKSTREAM_RAW_URI": raw_uri,
        "CLICKSTREAM_WAREHOUSE_URI": warehouse_uri,
        "CLICKSTREAM_DATABASE": database,
        "CLICKSTREAM_BUFFER_SECONDS": str(settings_of(LOCAL_ENVIRONMENT).buffer_seconds),
    }


class Lake:
    """The raw bucket and the tables of one local cloud."""

    #: How long Firehose may hold an event back.
    buffer_interval: Final = timedelta(seconds=settings_of(LOCAL_ENVIRONMENT).buffer_seconds)

    def __init__(self, outputs: StackOutputs, endpoint_url: str) -> None:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        self._s3 = boto3.client("s3", endpoint_url=endpoint_url, region_name=_REGION, **keys)
        self._bucket = outputs.raw_bucket
        self._database = outputs.database
        self._lines: dict[str, int] = {}
        place = {"endpoint": endpoint_url, "region": _REGION, "access-key-id": "test", "secret-access-key": "test"}
        properties = {f"{service}.{name}": value for service in ("glue", "s3") for name, value in place.items()}
        self._catalog = load_catalog("glue", type="glue", **properties)

    def wait_for_lines(self, lines: int, waiter: Waiter) -> list[datetime]:
        """Wait until so many lines lie in S3; return the landing hours that hold them, in order."""
        hours: dict[datetime, int] = {}

        def missing() -> str:
            nonlocal hours
            hours = self.raw_lines()
            landed = sum(hours.values())
            return "" if landed >= lines else f"{landed:,} of {lines:,} lines"

        waiter.until("not every accepted event arrived in S3", missing)
        return sorted(hours)

    def raw_lines(self) -> dict[datetime, int]:
        """Return how many lines lie under each landing hour; an object is read once, for it never changes."""
        hours: dict[datetime, int] = {}
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=RAW_PREFIX):
            for item in page.get("Contents", ()):
                key = item["Key"]
                if key not in self._lines:
                    self._lines[key] = self._count(key)
                hour = landing_hour_of_key(key)
                hours[hour] = hours.get(hour, 0) + self._lines[key]
        return hours

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return every row of a table; none while no job has made it."""
        try:
            return list(self._catalog.load_table((self._database, table)).scan().to_arrow().to_pylist())
        except NoSuchTableError:
            return []

    def _count(self, key: str) -> int:
        body = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        return gzip.decompress(body).count(b"\n")
