"""A directory as a store of objects: each file is an object, and files under names with a dot are unfinished ones."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO

from contracts.raw_survey import Level
from contracts.versions import RawObject
from storage.object_store import BLOCK, ObjectStore, StorageError, StoredObject, StoreUriError


def local_directory(uri: str) -> Path:
    """Return the absolute path that `file:/…`, `file:///…` or a bare path names, each character as it stands.

    The URI is not parsed: a directory's name may hold `#`, `?`, `%` or a space, and must then not name another one.
    """
    return Path(uri.removeprefix("file://").removeprefix("file:")).absolute()


@dataclass(frozen=True, kw_only=True)
class DirectoryStore(ObjectStore):
    """Files below a directory; a key begins with the directory's own name, as one in a bucket begins with `raw/`."""

    directory: Path

    def keys(self, prefix: str) -> Iterator[str]:
        self._require_directory()
        for path in (self.directory / prefix).rglob("*"):
            if path.is_file() and not path.name.startswith("."):
                yield self._key(path)

    def objects(self, prefix: str) -> Iterator[RawObject]:
        keys = list(self.keys(prefix))
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as threads:  # hashing leaves Python to other threads
            yield from threads.map(self._raw_object, keys)

    def _raw_object(self, key: str) -> RawObject:
        try:
            with self._path(key).open("rb") as file:
                etag = hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False)).hexdigest()
                return RawObject(key=key, etag=etag, size=file.tell())
        except OSError as error:
            raise self._object_error(f"can't read {key}: {error.strerror}") from error

    def level(self, prefix: str) -> Level:
        self._require_directory()
        paths = [path for path in sorted((self.directory / prefix).iterdir()) if not path.name.startswith(".")]
        return Level(
            folders=tuple(f"{prefix}{path.name}/" for path in paths if path.is_dir()),
            keys=tuple(self._key(path) for path in paths if path.is_file()),
        )

    def versions(self) -> Iterator[StoredObject]:
        for path in self.directory.rglob("*"):
            if path.is_file():
                status = path.stat()
                modified = datetime.fromtimestamp(status.st_mtime, UTC)
                yield StoredObject(key=self._key(path), size=status.st_size, modified=modified)

    def blocks(self, stored: RawObject | StoredObject) -> Iterator[bytes]:
        try:
            with self._path(stored.key).open("rb") as file:
                while block := file.read(BLOCK):
                    yield block
        except OSError as error:
            raise self._object_error(f"can't read {stored.key}: {error.strerror}") from error

    def check_writable(self) -> None:
        if self.directory.exists() and not self.directory.is_dir():
            raise StoreUriError(f"{self.directory} is a file; name a directory for the objects")

    def put(self, name: str, content: bytes) -> None:
        path = self._made_path(name)
        part = path.with_name(f".{path.name}.part")
        try:
            part.write_bytes(content)
            part.replace(path)
        except OSError as error:
            raise self.error(f"can't write {path}: {error.strerror}") from error

    def move_in(self, name: str, file: Path) -> None:
        path = self._made_path(name)
        try:
            file.replace(path)
        except OSError as error:
            raise self.error(f"can't move {file} to {path}: {error.strerror}") from error

    def replace(self, key: str, content: IO[bytes]) -> None:
        path = self._path(key)
        part = path.with_name(f".{path.name}.part")  # one name, so that a killed run's file is written over
        try:
            with part.open("wb") as file:
                shutil.copyfileobj(content, file)
                file.flush()
                os.fsync(file.fileno())
            shutil.copymode(path, part)
            part.replace(path)
        except OSError as error:
            raise self._object_error(f"can't rewrite {key}: {error.strerror}") from error

    def delete(self, stored: StoredObject) -> None:
        path = self._path(stored.key)
        try:
            path.unlink(missing_ok=True)
            path.with_name(f".{path.name}.crc").unlink(missing_ok=True)  # the checksum that Hadoop writes beside it
        except OSError as error:
            raise self._object_error(f"can't delete {stored.key}: {error.strerror}") from error

    def key_of(self, location: str) -> str:
        # Tables know their files by paths without symbolic links.
        path = local_directory(location).relative_to(self.directory.resolve())
        return f"{self.directory.name}/{path.as_posix()}"

    def beside(self, prefix: str) -> "DirectoryStore":
        return replace(self, directory=self.directory.parent / prefix)

    def _object_error(self, message: str) -> StorageError:
        return self.error(f"{message}; {self.remedy}" if self.remedy else message)

    def _key(self, path: Path) -> str:
        return path.relative_to(self.directory.parent).as_posix()

    def _path(self, key: str) -> Path:
        return self.directory.parent / key

    def _require_directory(self) -> None:
        if not self.directory.is_dir():
            raise self.error(f"there is no directory {str(self.directory)!r}; --raw-uri names the one of raw objects")

    def _made_path(self, name: str) -> Path:
        path = self.directory / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self.error(f"can't make the directory {path.parent}: {error.strerror}") from error
        return path
