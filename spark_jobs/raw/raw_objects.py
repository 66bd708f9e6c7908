"""Landing hours → the raw objects that lie under their prefixes, and each object's bytes: in S3, or in a directory.

`s3://bucket/raw` and a directory `…/raw` hold the same layout, so a laptop's files and the lake's are read alike. A
store is small and can be pickled: the driver lists with it, and each task reads with its own copy.
"""

import hashlib
import os
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any, Final, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from contracts.partitions import RAW_PREFIX, PartitionKeyError, landing_hour_of_key, landing_prefix
from contracts.raw_survey import Level
from contracts.versions import RawObject
from spark_jobs.errors import RawStoreError
from spark_jobs.raw.local_directory import local_directory

BLOCK: Final = 1024 * 1024
LandedObjects = Mapping[datetime, tuple[RawObject, ...]]


class RawStore(Protocol):
    """A place where raw objects lie."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys of the objects below the raw prefix and then `prefix`, which is empty or ends in a slash."""
        ...

    def level(self, prefix: str) -> Level:
        """Return the folders and the keys of objects directly below the raw prefix and then `prefix`."""
        ...

    def listed(self, prefix: str) -> Iterator[RawObject]:
        """Yield the objects of these keys; in a directory, that is to read them."""
        ...

    def blocks(self, raw_object: RawObject) -> Iterator[bytes]:
        """Yield an object's bytes as they are stored; raise `RawStoreError` if it is not there as it was listed."""
        ...


def landed_objects(store: RawStore, landing_hours: Collection[datetime]) -> LandedObjects:
    """Return the objects of each of the landing hours, sorted by key; hours of one day cost one listing."""
    landed: dict[datetime, list[RawObject]] = {hour: [] for hour in landing_hours}
    for prefix in _prefixes(landing_hours):
        for raw_object in store.listed(prefix):
            hour = _landing_hour(raw_object.key)
            if hour in landed:
                landed[hour].append(raw_object)
    return {hour: tuple(sorted(objects)) for hour, objects in landed.items()}


def all_landed_objects(store: RawStore) -> LandedObjects:
    """Return the objects of every landing hour that has one."""
    landed: defaultdict[datetime, list[RawObject]] = defaultdict(list)
    for raw_object in store.listed(""):
        hour = _landing_hour(raw_object.key)
        if hour is not None:
            landed[hour].append(raw_object)
    return {hour: tuple(sorted(landed[hour])) for hour in sorted(landed)}


def landed_hours(store: RawStore) -> list[datetime]:
    """Return, in order, the landing hours that have an object."""
    return sorted({hour for key in store.keys("") if (hour := _landing_hour(key)) is not None})


def _prefixes(landing_hours: Collection[datetime]) -> Iterator[str]:
    """Yield the prefixes to list: an hour's where its day has no other, else the day's."""
    days: defaultdict[str, list[str]] = defaultdict(list)
    for hour in sorted(landing_hours):
        prefix = landing_prefix(hour).removeprefix(RAW_PREFIX)
        days[prefix.partition("/")[0] + "/"].append(prefix)
    for day, hours in days.items():
        yield hours[0] if len(hours) == 1 else day


def _landing_hour(key: str) -> datetime | None:
    """Return the landing hour that an object lies under; None for what else there may be below the raw prefix."""
    try:
        return landing_hour_of_key(key)
    except PartitionKeyError:
        return None


@dataclass(frozen=True, kw_only=True)
class RawDirectory:
    """Raw objects as files; a key begins with the directory's own name, as one in a bucket begins with `raw/`."""

    directory: Path

    def keys(self, prefix: str) -> Iterator[str]:
        self._require_directory()
        for path in (self.directory / prefix).rglob("*"):
            # Names that begin with a dot are files that are still being written.
            if path.is_file() and not path.name.startswith("."):
                yield self._key(path)

    def level(self, prefix: str) -> Level:
        self._require_directory()
        paths = [path for path in sorted((self.directory / prefix).iterdir()) if not path.name.startswith(".")]
        return Level(
            folders=tuple(f"{prefix}{path.name}/" for path in paths if path.is_dir()),
            keys=tuple(self._key(path) for path in paths if path.is_file()),
        )

    def _require_directory(self) -> None:
        if not self.directory.is_dir():
            raise RawStoreError(
                f"there is no directory {str(self.directory)!r}; --raw-uri names the one of raw objects"
            )

    def _key(self, path: Path) -> str:
        return path.relative_to(self.directory.parent).as_posix()

    def listed(self, prefix: str) -> Iterator[RawObject]:
        keys = list(self.keys(prefix))
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as threads:  # hashing leaves Python to other threads
            yield from threads.map(self._raw_object, keys)

    def _raw_object(self, key: str) -> RawObject:
        with self._path(key).open("rb") as file:
            etag = hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False)).hexdigest()
            return RawObject(key=key, etag=etag, size=file.tell())

    def _path(self, key: str) -> Path:
        return self.directory.parent / key

    def blocks(self, raw_object: RawObject) -> Iterator[bytes]:
        try:
            with self._path(raw_object.key).open("rb") as file:
                while block := file.read(BLOCK):
                    yield block
        except OSError as error:
            raise RawStoreError(f"can't read {raw_object.key}: {error.strerror}; transform its hour again") from error


@dataclass(frozen=True, kw_only=True)
class RawBucket:
    """Raw objects in S3; `prefix` is empty or ends in a slash."""

    bucket: str
    prefix: str

    def keys(self, prefix: str) -> Iterator[str]:
        return (raw_object.key for raw_object in self.listed(prefix))

    def level(self, prefix: str) -> Level:
        pages = list(self._pages(prefix, Delimiter="/"))
        folders = (
            entry["Prefix"].removeprefix(self.prefix) for page in pages for entry in page.get("CommonPrefixes", ())
        )
        return Level(folders=tuple(folders), keys=tuple(entry.key for page in pages for entry in _entries(page)))

    def listed(self, prefix: str) -> Iterator[RawObject]:
        for page in self._pages(prefix):
            yield from _entries(page)

    def _pages(self, prefix: str, **more: str) -> Iterator[Mapping[str, Any]]:
        pages = s3_client().get_paginator("list_objects_v2")
        try:
            yield from pages.paginate(Bucket=self.bucket, Prefix=self.prefix + prefix, **more)
        except (BotoCoreError, ClientError) as error:
            raise RawStoreError(f"can't list s3://{self.bucket}/{self.prefix}{prefix}: {error}") from error

    def blocks(self, raw_object: RawObject) -> Iterator[bytes]:
        try:
            answer = s3_client().get_object(Bucket=self.bucket, Key=raw_object.key, IfMatch=raw_object.etag)
            with closing(answer["Body"]) as body:
                yield from body.iter_chunks(BLOCK)
        except (BotoCoreError, ClientError) as error:
            raise RawStoreError(
                f"can't read s3://{self.bucket}/{raw_object.key} as it was listed: {error}; transform its hour again"
            ) from error


def _entries(page: Mapping[str, Any]) -> Iterator[RawObject]:
    """Yield the objects of a page of a listing, without the markers of folders."""
    for entry in page.get("Contents", ()):
        if not entry["Key"].endswith("/"):
            yield RawObject(key=entry["Key"], etag=entry["ETag"].strip('"'), size=entry["Size"])


@cache
def s3_client() -> Any:
    """Return this process's client (boto3 has no types); a client may be shared, and costs 100 ms to make."""
    return boto3.client("s3", config=Config(retries={"mode": "standard", "max_attempts": 5}, max_pool_connections=4))


def raw_store(raw_uri: str) -> RawStore:
    """Return the store that a URI names: `s3://bucket/raw`, `file:/…/raw` or a directory."""
    scheme, separator, rest = raw_uri.partition("://")
    bucket, _, folder = rest.partition("/")
    if scheme == "s3" and bucket:
        prefix = folder.strip("/")
        return RawBucket(bucket=bucket, prefix=prefix + "/" if prefix else "")
    if not raw_uri or (separator and scheme != "file"):
        raise RawStoreError(f"{raw_uri!r} is no place for raw objects; write s3://bucket/raw, or a directory")
    return RawDirectory(directory=local_directory(raw_uri))
