"""The raw bucket → the objects of each landing hour, as one listing shows them, and what lies beside the hours."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import boto3

from contracts.partitions import RAW_PREFIX, PartitionKeyError, hours_between, landing_hour_of_key, landing_prefix
from contracts.raw_survey import Level, RawSurvey, survey_raw
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


@dataclass(frozen=True, kw_only=True)
class RawFolders:
    """The raw bucket by its folders; `prefix` is empty or ends in a slash."""

    client: Any
    bucket: str
    prefix: str

    def level(self, prefix: str) -> Level:
        """Return what lies directly below the raw prefix and then `prefix`."""
        pages = list(_pages(self.client, self.bucket, self.prefix + prefix, Delimiter="/"))
        folders = (
            entry["Prefix"].removeprefix(self.prefix) for page in pages for entry in page.get("CommonPrefixes", ())
        )
        return Level(folders=tuple(folders), keys=tuple(item.key for page in pages for item in _items(page)))

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys of all objects below the raw prefix and then `prefix`."""
        return (item.key for item in _objects(self.client, self.bucket, self.prefix + prefix))


def survey(raw_uri: str, start: datetime, end: datetime, client: Any = None) -> RawSurvey:
    """Return whether the landing hours of `[start, end)` hold anything, and what lies where no job looks."""
    bucket, _, folder = raw_uri.removeprefix("s3://").partition("/")
    prefix = f"{folder}/" if folder else ""
    return survey_raw(RawFolders(client=client or boto3.client("s3"), bucket=bucket, prefix=prefix), start, end)


def _prefixes(start: datetime, end: datetime) -> list[str]:
    hours = [landing_prefix(hour).removeprefix(RAW_PREFIX) for hour in hours_between(start, end)]
    if end - start <= timedelta(hours=6):
        return hours
    return sorted({prefix[: prefix.index("landing_hour=")] for prefix in hours})


def _landing_hour(key: str) -> datetime | None:
    """Return the landing hour that an object lies under; None for what else there may be."""
    try:
        return landing_hour_of_key(key)
    except PartitionKeyError:
        return None


def _objects(client: Any, bucket: str, prefix: str) -> Iterator[RawObject]:
    for page in _pages(client, bucket, prefix):
        yield from _items(page)


def _pages(client: Any, bucket: str, prefix: str, **more: str) -> Iterator[Mapping[str, Any]]:
    yield from client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, **more)


def _items(page: Mapping[str, Any]) -> Iterator[RawObject]:
    """Yield the objects of a page of a listing, without the markers of folders."""
    for item in page.get("Contents", ()):
        if not item["Key"].endswith("/"):
            yield RawObject(key=item["Key"], etag=item["ETag"].strip('"'), size=item["Size"])
