"""What lies in the lake → rows and counts, read by pyiceberg and boto3: a second pair of eyes beside Spark."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import boto3
from pyiceberg.catalog import load_catalog
from pyiceberg.exceptions import NoSuchTableError

from contracts.partitions import RAW_PREFIX, landing_hour_of_key
from infra.settings import settings_of


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
        return {
            "CLICKSTREAM_ENVIRONMENT": "local",
            "CLICKSTREAM_RAW_URI": self.raw_uri,
            "CLICKSTREAM_WAREHOUSE_URI": self.warehouse_uri,
            "CLICKSTREAM_DATABASE": self.database,
            "CLICKSTREAM_BUFFER_SECONDS": str(settings_of("local").buffer_seconds),
        }


class Lake:
    """The raw bucket and the tables of one local cloud."""

    def __init__(self, outputs: StackOutputs, endpoint_url: str) -> None:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        self._s3 = boto3.client("s3", endpoint_url=endpoint_url, region_name="us-east-1", **keys)
        self._bucket = outputs.raw_bucket
        self._database = outputs.database
        self._lines: dict[str, int] = {}
        place = {"endpoint": endpoint_url, "region": "us-east-1", "access-key-id": "test", "secret-access-key": "test"}
        properties = {f"{service}.{name}": value for service in ("glue", "s3") for name, value in place.items()}
        self._catalog = load_catalog("glue", type="glue", **properties)

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
