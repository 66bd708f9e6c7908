"""The raw bucket → the objects of each landing hour, as one listing shows them."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import boto3

from contracts.partitions import RAW_PREFIX, PartitionKeyError, hours_between, landing_hour_of_key, landing_prefix
from contracts.versions import RawObject


def list_landing_hours(
    raw_uri: str, start: datetime, end: datetime, client: Any = None
) -> dict[datetime, list[RawObject]]:
    """Return the objects of the landing hours of `[start, end)`; an hour without any is not in it.

    Lists hour by hour for a short range and day by day for a long one: a call brings up to 1,000 keys.
    """
    client = client or boto3.client("s3")
    bucket, _, folder = raw_uri.removeprefix("s3://").partition("/")
    folder = f"{folder}/" if folder else ""
    found: dict[datetime, list[RawObject]] = {}
    for prefix in _prefixes(start, end):
        for item in _objects(client, bucket, folder + prefix):
            hour = _landing_hour(item.key)
            if hour and start <= hour < end:
                found.setdefault(hour, []).append(item)
    return found


def _prefixes(start: datetime, end: datetime) -> list[str]:
    hours = [landing_prefix(hour).removeprefix(RAW_PREFIX) for hour in hours_between(start, end)]
    if end - start <= timedelta(hours=6):
        return hours
    return sorted({prefix[: prefix.index("landing_hour=")] for prefix in hours})


def _landing_hour(key: str) -> datetime | None:
    """Return the landing hour that an object lies under; None for a folder's marker, and for what else there may be."""
    try:
        return None if key.endswith("/") else landing_hour_of_key(key)
    except PartitionKeyError:
        return None


def _objects(client: Any, bucket: str, prefix: str) -> Iterator[RawObject]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", ()):
            yield RawObject(key=item["Key"], etag=item["ETag"].strip('"'), size=item["Size"])
