"""A local cloud whose lake has two tables that pyiceberg writes: quicker than Spark, and another commit is one call."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
import pytest
from pyiceberg.catalog import Catalog, load_catalog

from local.cloud.process import LocalCloud

DATABASE: Final = "clickstream_shell"
RAW_BUCKET: Final = "shell-raw"

_DAILY_TRAFFIC: Final = pa.schema(
    [("day", pa.date32()), ("users", pa.int64()), ("revenue", pa.decimal128(38, 2)), ("note", pa.string())]
)
_REJECTED: Final = pa.schema([("rejection_reason", pa.string()), ("line", pa.binary())])


@dataclass(frozen=True, kw_only=True)
class SmallLake:
    """`daily_traffic` with a row for each day that was added, and an empty `rejected_events`."""

    cloud: LocalCloud
    catalog: Catalog
    environment: dict[str, str] = field(default_factory=dict)

    def add_day(self, day: date, users: int, revenue: str = "0.00") -> None:
        """Commit a row of `daily_traffic`."""
        row = {"day": day, "users": users, "revenue": Decimal(revenue), "note": None}
        self.catalog.load_table((DATABASE, "daily_traffic")).append(pa.Table.from_pylist([row], _DAILY_TRAFFIC))

    def reject(self, reason: str, line: bytes) -> None:
        """Commit a row of `rejected_events`."""
        row = {"rejection_reason": reason, "line": line}
        self.catalog.load_table((DATABASE, "rejected_events")).append(pa.Table.from_pylist([row], _REJECTED))

    def client(self, service: str) -> Any:
        return self.cloud.client(service)


@pytest.fixture(scope="session")
def shell_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    with LocalCloud(tmp_path_factory.mktemp("cloud")) as cloud:
        yield cloud


@pytest.fixture
def small_lake(shell_cloud: LocalCloud) -> Iterator[SmallLake]:
    place = {
        "endpoint": shell_cloud.endpoint_url,
        "region": "us-east-1",
        "access-key-id": "test",
        "secret-access-key": "test",
    }
    properties = {f"{service}.{name}": value for service in ("glue", "s3") for name, value in place.items()}
    catalog = load_catalog("glue", type="glue", warehouse="s3://shell-warehouse", **properties)
    where = {**shell_cloud.environment(), "CLICKSTREAM_DATABASE": DATABASE}
    lake = SmallLake(cloud=shell_cloud, catalog=catalog, environment=where)
    for bucket in (RAW_BUCKET, "shell-warehouse"):
        lake.client("s3").create_bucket(Bucket=bucket)
    catalog.create_namespace(DATABASE)
    catalog.create_table((DATABASE, "daily_traffic"), _DAILY_TRAFFIC)
    catalog.create_table((DATABASE, "rejected_events"), _REJECTED)
    lake.add_day(date(2026, 11, 16), 3, "20.50")
    yield lake
    for _, table in catalog.list_tables(DATABASE):
        catalog.drop_table((DATABASE, table))
    catalog.drop_namespace(DATABASE)
