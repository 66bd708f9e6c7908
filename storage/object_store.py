"""What a store of objects can do, and what it raises: the same for a bucket and for a directory.

A store is a prefix of a bucket, or a directory in its place. `s3://bucket/raw` and a directory `…/raw` hold the same
layout under the same keys, so files of a laptop and objects of a lake are read alike:

* a *key* is complete: it begins below the bucket, or with the directory's own name (`raw/landing_date=…`);
* a *prefix* or a *name* begins below the store's own prefix (`landing_date=…`); a prefix is empty or ends in a slash.

A store is small and can be pickled: a driver lists with it, and each task reads with its own copy.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Final

from contracts.raw_survey import Level
from contracts.versions import RawObject

#: An object is read in blocks of this many bytes.
BLOCK: Final = 1024 * 1024


class StorageError(Exception):
    """Objects can't be listed, read, written or deleted; the message names them and says why."""


class StoreUriError(StorageError):
    """A URI names no place where objects can be stored."""


@dataclass(frozen=True, kw_only=True, order=True)
class StoredObject:
    """An object or a file, or one version of an object.

    `version_id` is None where nothing is versioned; readers get the `current` version only.
    """

    key: str
    size: int
    modified: datetime
    version_id: str | None = None
    current: bool = True

    def __str__(self) -> str:
        return self.key if self.current else f"{self.key} (noncurrent version {self.version_id})"


@dataclass(frozen=True, kw_only=True)
class ObjectStore(ABC):
    """A place where objects lie. An object appears there whole or not at all.

    What fails is raised as `error`, so that each program raises an exception of its own. `remedy` says what to do when
    an object can't be read or changed as it was listed; it ends the message.
    """

    error: type[StorageError] = field(default=StorageError, compare=False)
    remedy: str = field(default="", compare=False)

    @abstractmethod
    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys of the objects below a prefix."""

    @abstractmethod
    def objects(self, prefix: str) -> Iterator[RawObject]:
        """Yield the objects below a prefix with their etags; a directory has to read each file for that."""

    @abstractmethod
    def level(self, prefix: str) -> Level:
        """Return the folders and the keys of objects that lie directly below a prefix."""

    @abstractmethod
    def versions(self) -> Iterator[StoredObject]:
        """Yield everything that is stored, noncurrent versions and unfinished files included."""

    @abstractmethod
    def blocks(self, stored: RawObject | StoredObject) -> Iterator[bytes]:
        """Yield an object's bytes; raise `error` if it is no longer there, or (in a bucket) has another etag."""

    @abstractmethod
    def check_writable(self) -> None:
        """Raise `error` if the bucket can't be reached, or `StoreUriError` if a file has the directory's name."""

    @abstractmethod
    def put(self, name: str, content: bytes) -> None:
        """Write an object, in the place of one with the same name."""

    @abstractmethod
    def move_in(self, name: str, file: Path) -> None:
        """Turn a local file into an object; the file is then gone from where it was."""

    @abstractmethod
    def replace(self, key: str, content: IO[bytes]) -> None:
        """Write other bytes in the place of an object, and keep its metadata."""

    @abstractmethod
    def delete(self, stored: StoredObject) -> None:
        """Delete an object, or one version of it, for good."""

    @abstractmethod
    def key_of(self, location: str) -> str:
        """Return the key of a file that a table knows by its location."""

    @abstractmethod
    def beside(self, prefix: str) -> "ObjectStore":
        """Return the store of another prefix in the same parent folder; a whole bucket has it within itself."""
