"""In a bucket, and one that somebody made versioned: the erasure reaches what was replaced and deleted as well."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from pyspark.sql import SparkSession

from contracts.partitions import landing_prefix
from local.cloud.process import LocalCloud
from spark_jobs.lake.lake import Lake
from spark_jobs.operations.erasure.erase_users import Erasure, erase_users
from spark_jobs.operations.erasure.user_matching import SoughtUsers
from tests.spark_jobs.glue_session import glue_session
from tests.spark_jobs.operations.erasure.lakes import FIRST_LINES_KEPT, TEN, make_tables, objects

pytestmark = [pytest.mark.spark, pytest.mark.cloud, pytest.mark.slow]

BUCKET = "lake-to-erase-from"
MIXED = f"{landing_prefix(TEN)}mixed.gz"
EXPIRED = f"{landing_prefix(TEN)}theirs.gz"


@pytest.fixture
def s3_session(spark: SparkSession, tmp_path: Path) -> Iterator[SparkSession]:
    """Return a session whose catalog is the Glue of a cloud that this process talks to."""
    with (
        LocalCloud(tmp_path / "cloud") as cloud,
        glue_session(spark, cloud, warehouse_uri=f"s3://{BUCKET}/warehouse") as session,
    ):
        yield session


def versions(client: Any) -> dict[tuple[str, str], bytes]:
    """Return every version of every object, and the delete markers as versions without a byte."""
    found: dict[tuple[str, str], bytes] = {}
    for page in client.get_paginator("list_object_versions").paginate(Bucket=BUCKET):
        for entry in page.get("Versions", ()):
            which = {"Key": entry["Key"], "VersionId": entry["VersionId"]}
            found[entry["Key"], entry["VersionId"]] = client.get_object(Bucket=BUCKET, **which)["Body"].read()
        for marker in page.get("DeleteMarkers", ()):
            found[marker["Key"], marker["VersionId"]] = b""
    return found


def test_no_version_of_any_object_holds_the_user_and_objects_stay_described_as_they_were(
    s3_session: SparkSession,
) -> None:
    client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET)
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    for key, body in objects().items():
        client.put_object(
            Bucket=BUCKET, Key=key, Body=body, ContentType="application/x-gzip", Metadata={"shard": "shardId-0"}
        )
    lake = Lake(
        raw_uri=f"s3://{BUCKET}/raw", warehouse_uri=f"s3://{BUCKET}/warehouse", database="lake", spark=s3_session
    )
    make_tables(lake)
    client.delete_object(Bucket=BUCKET, Key=EXPIRED)  # as a lifecycle rule does in a versioned bucket

    report = erase_users(lake, Erasure(users=SoughtUsers(ids=("35",)), alone=True))

    assert report.search.survivors == ()
    left = versions(client)
    raw = {key: body for (key, _), body in left.items() if key.startswith("raw/")}
    assert EXPIRED not in raw
    assert gzip.decompress(raw[MIXED]) == b"".join(FIRST_LINES_KEPT)
    assert sum(key == MIXED for key, _ in left) == 1
    described = client.head_object(Bucket=BUCKET, Key=MIXED)
    assert (described["ContentType"], described["Metadata"]) == ("application/x-gzip", {"shard": "shardId-0"})
    users = {row.user_id for row in s3_session.table("glue.lake.clean_events").collect()}
    assert users == {"3", "1357"}
    again = erase_users(lake, Erasure(users=SoughtUsers(ids=("35",)), alone=True))
    assert (again.rewritten, again.search.removed, again.search.survivors) == ((), (), ())
