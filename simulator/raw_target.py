"""Where raw objects are written: a directory or an S3 prefix, in Firehose's layout and with Firehose's names.

`RAW` stands for the prefix that Firehose is told (`raw/`): `s3://bucket/raw`, or a directory in its place.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from contracts.partitions import RAW_PREFIX, landing_prefix
from simulator.errors import BadArgumentError, RawTargetError

if TYPE_CHECKING:
    from botocore.client import BaseClient


class RawTarget(Protocol):
    """A place for raw objects; an object appears there whole or not at all, and replaces one of the same name."""

    def put(self, name: str, content: bytes) -> None:
        """Write an object; `name` lies below the raw prefix."""
        ...

    def adopt(self, name: str, file: Path) -> None:
        """Turn a local file into an object; the file is gone from where it was."""
        ...


@dataclass(frozen=True, kw_only=True)
class RawDirectory:
    """Raw objects as files."""

    directory: Path

    def put(self, name: str, content: bytes) -> None:
        path = self._path(name)
        # Spark and Hadoop don't list names that begin with a dot.
        part = path.with_name(f".{path.name}.part")
        try:
            part.write_bytes(content)
            part.replace(path)
        except OSError as error:
            raise RawTargetError(f"can't write {path}: {error.strerror}") from error

    def adopt(self, name: str, file: Path) -> None:
        path = self._path(name)
        try:
            file.replace(path)
        except OSError as error:
            raise RawTargetError(f"can't move {file} to {path}: {error.strerror}") from error

    def _path(self, name: str) -> Path:
        path = self.directory / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RawTargetError(f"can't make the directory {path.parent}: {error.strerror}") from error
        return path


class RawBucket:
    """Raw objects in S3, under a prefix that ends in a slash (or is empty)."""

    def __init__(self, client: "BaseClient", bucket: str, prefix: str) -> None:
        self._client: Final = client
        self._bucket: Final = bucket
        self._prefix: Final = prefix

    def check(self) -> None:
        """Raise `RawTargetError` unless the bucket is there."""
        try:
            self._client.head_bucket(Bucket=self._bucket)
        except (BotoCoreError, ClientError) as error:
            raise self._failure("reach", self._bucket, error) from error

    def put(self, name: str, content: bytes) -> None:
        try:
            self._client.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=content)
        except (BotoCoreError, ClientError) as error:
            raise self._failure("write", f"{self._bucket}/{self._prefix}{name}", error) from error

    def adopt(self, name: str, file: Path) -> None:
        try:
            self._client.upload_file(str(file), self._bucket, self._prefix + name)
        except (BotoCoreError, ClientError) as error:
            raise self._failure("write", f"{self._bucket}/{self._prefix}{name}", error) from error
        file.unlink()

    def _failure(self, verb: str, what: str, error: Exception) -> RawTargetError:
        return RawTargetError(
            f"can't {verb} s3://{what}: {error}; check the bucket's name, the credentials, and AWS_ENDPOINT_URL "
            "if the bucket is a local one"
        )


def open_raw_target(uri: str) -> RawTarget:
    """Return the place that a URI names: `s3://bucket[/prefix]`, `file:/dir` or a directory."""
    parts = urlsplit(uri)
    if parts.scheme in ("s3", "s3a"):
        if not parts.netloc:
            raise BadArgumentError(f"{uri!r} names no bucket; write s3://bucket/raw")
        prefix = parts.path.strip("/")
        bucket = RawBucket(_s3_client(), parts.netloc, prefix + "/" if prefix else "")
        bucket.check()
        return bucket
    if parts.scheme == "file":
        uri = parts.path
    elif "://" in uri:
        raise BadArgumentError(f"{uri!r} is neither a directory nor s3://bucket/raw")
    directory = Path(uri).absolute()
    if directory.exists() and not directory.is_dir():
        raise BadArgumentError(f"{uri} is a file; name a directory for the raw objects")
    return RawDirectory(directory=directory)


def _s3_client() -> "BaseClient":
    try:
        return boto3.client("s3")
    except (BotoCoreError, ValueError) as error:
        raise RawTargetError(f"can't make an S3 client: {error}") from error


def object_name(delivery_stream: str, oldest_record: datetime, identity: str) -> str:
    """Return an object's name below the raw prefix, as Firehose gives it; the same `identity`, the same name.

    `<stream>-<version>-YYYY-MM-DD-HH-MM-SS-<uuid>.gz` under the prefix of the oldest record's hour.
    """
    prefix = landing_prefix(oldest_record).removeprefix(RAW_PREFIX)
    return f"{prefix}{delivery_stream}-1-{oldest_record:%Y-%m-%d-%H-%M-%S}-{uuid5(NAMESPACE_URL, identity)}.gz"
