"""A prefix of an S3 bucket as a store of objects.

A bucket may be versioned, although ours is not: then what was replaced or deleted is still stored, as a noncurrent
version, and is listed by `versions` and deleted by `delete` too.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from mimetypes import guess_type
from pathlib import Path
from threading import Lock
from typing import IO, Any, Final

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from contracts.raw_survey import Level
from contracts.versions import RawObject
from storage.object_store import BLOCK, ObjectStore, StoredObject

#: The metadata of an object, which is kept when its bytes are replaced.
_METADATA: Final = (
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

_CHECK_BUCKET: Final = "check the bucket's name, the credentials, and AWS_ENDPOINT_URL if the bucket is a local one"


_MAKING_CLIENT: Final = Lock()


@cache
def s3_client() -> Any:
    """Return this process's client (boto3 has no types); threads may share one, but must not make one side by side."""
    with _MAKING_CLIENT:
        return boto3.client("s3", config=Config(retries={"mode": "standard", "max_attempts": 5}))


# A process that was forked must not use the connections of its parent.
os.register_at_fork(after_in_child=s3_client.cache_clear)


def iceberg_s3_properties() -> dict[str, str]:
    """Return where S3 is, for pyiceberg's own reader of files, which does not know AWS_ENDPOINT_URL and profiles."""
    s3 = boto3.client("s3").meta
    return {"s3.endpoint": s3.endpoint_url, "s3.region": s3.region_name}


@dataclass(frozen=True, kw_only=True)
class BucketStore(ObjectStore):
    """Objects in S3; `prefix` is empty or ends in a slash."""

    bucket: str
    prefix: str

    def keys(self, prefix: str) -> Iterator[str]:
        return (listed.key for listed in self.objects(prefix))

    def objects(self, prefix: str) -> Iterator[RawObject]:
        for page in self._pages("list_objects_v2", prefix):
            yield from _objects(page)

    def level(self, prefix: str) -> Level:
        pages = list(self._pages("list_objects_v2", prefix, Delimiter="/"))
        folders = (entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", ()))
        return Level(
            folders=tuple(folder.removeprefix(self.prefix) for folder in folders),
            keys=tuple(listed.key for page in pages for listed in _objects(page)),
        )

    def versions(self) -> Iterator[StoredObject]:
        with self._errors(f"list {self}"):
            # A bucket that never was versioned answers without a status.
            versioned = "Status" in s3_client().get_bucket_versioning(Bucket=self.bucket)
        operation, entries = ("list_object_versions", "Versions") if versioned else ("list_objects_v2", "Contents")
        for page in self._pages(operation, ""):
            for entry in page.get(entries, ()):
                yield StoredObject(
                    key=entry["Key"],
                    size=entry["Size"],
                    modified=entry["LastModified"],
                    version_id=entry.get("VersionId"),
                    current=entry.get("IsLatest", True),
                )

    def _pages(self, operation: str, prefix: str, **more: str) -> Iterator[Mapping[str, Any]]:
        with self._errors(f"list {self}{prefix}"):
            pages = s3_client().get_paginator(operation)
            yield from pages.paginate(Bucket=self.bucket, Prefix=self.prefix + prefix, **more)

    def blocks(self, stored: RawObject | StoredObject) -> Iterator[bytes]:
        which = {"IfMatch": stored.etag} if isinstance(stored, RawObject) else _version(stored)
        with self._errors(f"read s3://{self.bucket}/{stored.key} as it was listed", self.remedy):
            answer = s3_client().get_object(Bucket=self.bucket, Key=stored.key, **which)
            with closing(answer["Body"]) as body:
                yield from body.iter_chunks(BLOCK)

    def check_writable(self) -> None:
        with self._errors(f"reach s3://{self.bucket}"):
            s3_client().head_bucket(Bucket=self.bucket)

    def put(self, name: str, content: bytes) -> None:
        kind = guess_type(name)[0]
        what = {"ContentType": kind} if kind else {}  # a browser shows a page and saves what has no type
        with self._errors(f"write {self}{name}"):
            s3_client().put_object(Bucket=self.bucket, Key=self.prefix + name, Body=content, **what)

    def move_in(self, name: str, file: Path) -> None:
        with self._errors(f"write {self}{name}"):
            s3_client().upload_file(str(file), self.bucket, self.prefix + name)
        file.unlink()

    def replace(self, key: str, content: IO[bytes]) -> None:
        with self._errors(f"rewrite s3://{self.bucket}/{key}", self.remedy):
            known = s3_client().head_object(Bucket=self.bucket, Key=key)
            metadata = {name: known[name] for name in _METADATA if known.get(name)}
            s3_client().put_object(Bucket=self.bucket, Key=key, Body=content, IfMatch=known["ETag"], **metadata)

    def delete(self, stored: StoredObject) -> None:
        with self._errors(f"delete s3://{self.bucket}/{stored}", self.remedy):
            s3_client().delete_object(Bucket=self.bucket, Key=stored.key, **_version(stored))
            if stored.version_id is not None:
                self._delete_lone_markers(stored.key)

    def _delete_lone_markers(self, key: str) -> None:
        """Delete the delete markers of a key without a version; a version that is left stays deleted by them."""
        listed = s3_client().list_object_versions(Bucket=self.bucket, Prefix=key)
        if not any(entry["Key"] == key for entry in listed.get("Versions", ())):
            for marker in listed.get("DeleteMarkers", ()):
                if marker["Key"] == key:
                    s3_client().delete_object(Bucket=self.bucket, Key=key, VersionId=marker["VersionId"])

    def key_of(self, location: str) -> str:
        return location.removeprefix(f"s3://{self.bucket}/")

    def beside(self, prefix: str) -> "BucketStore":
        parent = self.prefix.removesuffix("/").rpartition("/")[0]
        return replace(self, prefix=f"{parent}/{prefix}" if parent else prefix)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"

    @contextmanager
    def _errors(self, what: str, remedy: str = _CHECK_BUCKET) -> Iterator[None]:
        """Raise as this store's error what S3's client raises: a ValueError, too, for a wrong AWS_ENDPOINT_URL."""
        try:
            yield
        except (BotoCoreError, Boto3Error, ClientError, ValueError) as error:
            raise self.error(f"can't {what}: {error}{remedy and '; '}{remedy}") from error


def _objects(page: Mapping[str, Any]) -> Iterator[RawObject]:
    """Yield the objects of a page of a listing, without the markers of folders."""
    for entry in page.get("Contents", ()):
        if not entry["Key"].endswith("/"):
            yield RawObject(key=entry["Key"], etag=entry["ETag"].strip('"'), size=entry["Size"])


def _version(stored: StoredObject) -> dict[str, str]:
    return {} if stored.version_id is None else {"VersionId": stored.version_id}
