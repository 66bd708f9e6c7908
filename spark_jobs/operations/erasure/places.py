"""The three places of a lake (raw, errors, warehouse) → what is stored in each, to be read, replaced and removed.

A place is a prefix of a bucket or a directory. A bucket may be versioned, although ours is not: then what was replaced
or deleted is still stored, as a noncurrent version, and is listed too. A place is small and pickled into each task.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from contracts.names import LakeLocation
from contracts.partitions import ERROR_PREFIX
from spark_jobs.errors import RawStoreError
from spark_jobs.raw.local_directory import local_directory
from spark_jobs.raw.raw_objects import BLOCK, RawBucket, raw_store, s3_client

#: What an object is described by, besides its bytes; kept when it is replaced.
_DESCRIPTION: Final = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Metadata",
    "SSEKMSKeyId",
    "ServerSideEncryption",
    "StorageClass",
)


@dataclass(frozen=True, kw_only=True, order=True)
class StoredObject:
    """An object or file: its key below the bucket (or the directory's parent), and what a listing tells of it.

    `version_id` is None where nothing is versioned; only the `current` version is what readers get.
    """

    key: str
    size: int
    modified: datetime
    version_id: str | None = None
    current: bool = True

    def __str__(self) -> str:
        return self.key if self.current else f"{self.key} (noncurrent version {self.version_id})"


class Place(Protocol):
    """Where objects lie."""

    def stored(self) -> Iterator[StoredObject]:
        """Yield all that is stored, noncurrent versions included."""
        ...

    def blocks(self, stored: StoredObject) -> Iterator[bytes]:
        """Yield the bytes of an object."""
        ...

    def replace(self, key: str, content: IO[bytes]) -> None:
        """Put other bytes in the place of an object, which stays described as it is."""
        ...

    def remove(self, stored: StoredObject) -> None:
        """Remove an object or one version of it for good."""
        ...

    def key_of(self, location: str) -> str:
        """Return the key of a file that a table knows by its location."""
        ...


@dataclass(frozen=True, kw_only=True)
class LakePlaces:
    """The places of a lake; Firehose's error objects lie beside the raw ones."""

    raw: Place
    errors: Place
    warehouse: Place


def places_of(lake: LakeLocation) -> LakePlaces:
    """Return the places of a lake; raise `RawStoreError` for a URI that names none."""
    raw, warehouse = _place(lake.raw_uri), _place(lake.warehouse_uri)
    if isinstance(raw, BucketPlace):
        beside = raw.prefix.removesuffix("/").rpartition("/")[0]
        prefix = f"{beside}/{ERROR_PREFIX}" if beside else ERROR_PREFIX
        return LakePlaces(raw=raw, errors=BucketPlace(bucket=raw.bucket, prefix=prefix), warehouse=warehouse)
    errors = local_directory(lake.raw_uri).parent / ERROR_PREFIX.rstrip("/")
    return LakePlaces(raw=raw, errors=DirectoryPlace(directory=errors), warehouse=warehouse)


def _place(uri: str) -> "BucketPlace | DirectoryPlace":
    store = raw_store(uri)
    if isinstance(store, RawBucket):
        return BucketPlace(bucket=store.bucket, prefix=store.prefix)
    return DirectoryPlace(directory=local_directory(uri).resolve())


@dataclass(frozen=True, kw_only=True)
class DirectoryPlace:
    """Files below a directory; those that are still being written (dotted) and checksums are listed as well."""

    directory: Path

    def stored(self) -> Iterator[StoredObject]:
        for path in self.directory.rglob("*"):
            if path.is_file():
                seen = path.stat()
                yield StoredObject(
                    key=path.relative_to(self.directory.parent).as_posix(),
                    size=seen.st_size,
                    modified=datetime.fromtimestamp(seen.st_mtime, UTC),
                )

    def blocks(self, stored: StoredObject) -> Iterator[bytes]:
        try:
            with self._path(stored.key).open("rb") as file:
                while block := file.read(BLOCK):
                    yield block
        except OSError as error:
            raise RawStoreError(f"can't read {stored.key}: {error.strerror}; run the erasure again") from error

    def replace(self, key: str, content: IO[bytes]) -> None:
        path = self._path(key)
        written = path.with_name(f".{path.name}.erasing")  # one name, so that a killed run's file is written over
        try:
            with written.open("wb") as file:
                shutil.copyfileobj(content, file)
                file.flush()
                os.fsync(file.fileno())
            shutil.copymode(path, written)
            written.replace(path)
        except OSError as error:
            raise RawStoreError(f"can't rewrite {key}: {error.strerror}; run the erasure again") from error

    def remove(self, stored: StoredObject) -> None:
        path = self._path(stored.key)
        path.unlink(missing_ok=True)
        path.with_name(f".{path.name}.crc").unlink(missing_ok=True)  # Hadoop's checksum of it

    def key_of(self, location: str) -> str:
        return local_directory(location).relative_to(self.directory.parent).as_posix()

    def _path(self, key: str) -> Path:
        return self.directory.parent / key


@dataclass(frozen=True, kw_only=True)
class BucketPlace:
    """Objects in S3 below a prefix, which is empty or ends in a slash."""

    bucket: str
    prefix: str

    def stored(self) -> Iterator[StoredObject]:
        try:
            # A bucket that never was versioned answers without a status.
            versioned = "Status" in s3_client().get_bucket_versioning(Bucket=self.bucket)
            yield from self._versions() if versioned else self._objects()
        except (BotoCoreError, ClientError) as error:
            raise RawStoreError(f"can't list s3://{self.bucket}/{self.prefix}: {error}") from error

    def _objects(self) -> Iterator[StoredObject]:
        for page in self._pages("list_objects_v2"):
            for entry in page.get("Contents", ()):
                yield StoredObject(key=entry["Key"], size=entry["Size"], modified=entry["LastModified"])

    def _versions(self) -> Iterator[StoredObject]:
        for page in self._pages("list_object_versions"):
            for entry in page.get("Versions", ()):
                yield StoredObject(
                    key=entry["Key"],
                    size=entry["Size"],
                    modified=entry["LastModified"],
                    version_id=entry["VersionId"],
                    current=entry["IsLatest"],
                )

    def _pages(self, operation: str) -> Any:
        return s3_client().get_paginator(operation).paginate(Bucket=self.bucket, Prefix=self.prefix)

    def blocks(self, stored: StoredObject) -> Iterator[bytes]:
        version = {} if stored.version_id is None else {"VersionId": stored.version_id}
        try:
            answer = s3_client().get_object(Bucket=self.bucket, Key=stored.key, **version)
            with closing(answer["Body"]) as body:
                yield from body.iter_chunks(BLOCK)
        except (BotoCoreError, ClientError) as error:
            raise RawStoreError(
                f"can't read s3://{self.bucket}/{stored.key}: {error}; run the erasure again"
            ) from error

    def replace(self, key: str, content: IO[bytes]) -> None:
        try:
            known = s3_client().head_object(Bucket=self.bucket, Key=key)
            described = {name: known[name] for name in _DESCRIPTION if known.get(name)}
            s3_client().put_object(Bucket=self.bucket, Key=key, Body=content, IfMatch=known["ETag"], **described)
        except (BotoCoreError, ClientError) as error:
            raise RawStoreError(f"can't rewrite s3://{self.bucket}/{key}: {error}; run the erasure again") from error

    def remove(self, stored: StoredObject) -> None:
        version = {} if stored.version_id is None else {"VersionId": stored.version_id}
        try:
            s3_client().delete_object(Bucket=self.bucket, Key=stored.key, **version)
            if stored.version_id is not None:
                self._remove_lone_markers(stored.key)
        except (BotoCoreError, ClientError) as error:
            raise RawStoreError(f"can't remove s3://{self.bucket}/{stored}: {error}; run the erasure again") from error

    def _remove_lone_markers(self, key: str) -> None:
        """Remove the delete markers of a key that has no version left; above one that is left they keep it deleted."""
        listed = s3_client().list_object_versions(Bucket=self.bucket, Prefix=key)
        if not any(entry["Key"] == key for entry in listed.get("Versions", ())):
            for marker in listed.get("DeleteMarkers", ()):
                if marker["Key"] == key:
                    s3_client().delete_object(Bucket=self.bucket, Key=key, VersionId=marker["VersionId"])

    def key_of(self, location: str) -> str:
        return location.removeprefix(f"s3://{self.bucket}/")
