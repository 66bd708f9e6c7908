"""ministack's S3, made durable: an answer means that the files are on the disk, an error that nothing was done.

ministack writes an object's bytes and its sidecar (`<key>.meta.json`: type, size, ETag, versions, tags). But if that
fails, it logs a warning and answers 200 from memory. So this module replaces the functions that use the disk by
functions that raise. After a failure it reads the key back from the disk, whose content counts.

`check` runs at start, before ministack reads the files: ministack takes a broken sidecar for an empty one, and ignores
an object whose bytes are gone. What is left of a write that was never answered is completed or removed here; every
other damage ends the start.
"""

import functools
import hashlib
import json
import logging
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from local.cloud import emulator, files
from local.cloud.errors import RETRY_AFTER, UNAVAILABLE, BrokenStateError, write_refusal

_SIDECAR = ".meta.json"
_PARTIAL_SIDECAR = _SIDECAR + files.PARTIAL
_VERSIONS = ".versions"

_LOG = logging.getLogger(__name__)

Entry = dict[str, Any]
S3Handler = Callable[..., Awaitable[emulator.Response]]


def install() -> None:
    """Replace ministack's functions that use the disk."""
    from ministack.services import s3

    storage = _Storage(s3)
    s3._persist_object = storage.write_object
    s3._persist_delete_marker = storage.write_delete_marker
    s3._persist_displaced_version = storage.write_displaced_version
    s3._delete_version_file = storage.delete_version
    s3._delete_persisted_object = storage.delete_object
    s3._read_body = storage.read
    s3._version_body = storage.read_version
    s3.handle_request = storage.answering(s3.handle_request)
    emulator.replace("s3", s3.handle_request)


class _Storage:
    """ministack's S3, and the folders in which the request being answered deleted something.

    A request runs without a pause on the event loop, so the collected folders are its own.
    """

    def __init__(self, s3: Any) -> None:
        self._s3 = s3
        self._deleted_in: set[Path] = set()

    def answering(self, handler: S3Handler) -> S3Handler:
        """Return the handler, with the disk's errors as answers that clients retry."""

        @functools.wraps(handler)
        async def handle(
            method: str, path: str, headers: emulator.Headers, body: bytes, query: emulator.Query, **more: Any
        ) -> emulator.Response:
            # After an error a bucket that was not created is not there, and a multipart upload can be completed later.
            kept = [(store, dict(store._data)) for store in (self._s3._buckets, self._s3._multipart_uploads)]
            try:
                answer: emulator.Response = await handler(method, path, headers, body, query, **more)
                deleted_in, self._deleted_in = self._deleted_in, set()
                files.sync_folders(deleted_in)
            except OSError as error:
                for store, content in kept:
                    store._data = content
                _LOG.warning("S3 %s %s: %s", method, path, error)
                return _refusal(path, error)
            return answer

        return handle

    def write_object(self, bucket: str, key: str, record: Entry) -> None:
        """Write bytes and sidecar, both or neither; then drop the bytes from memory."""
        path = self._path(bucket, key)
        s3 = self._s3
        meta = s3._object_meta_from_record(record) | s3._key_history_meta(bucket, key) | {"key": key}
        contents = {_sidecar(path): json.dumps(meta).encode()}
        body = record.get("body")  # None for a record built from a version: its file is there already
        if body is not None:
            # The bytes come first: after a kill between the two, `check` completes the write with the new sidecar.
            contents = {path: body} | contents
        with self._memory_as_on_disk(bucket, key):
            files.replace_together(contents)
            self._delete(s3._other_key_disk_path(self._folder(bucket), key, str(path)))
        record["body"] = None

    def write_delete_marker(self, bucket: str, key: str, marker: Entry) -> None:
        """Write the sidecar of a deleted key in a versioned bucket."""
        meta = {
            "is_delete_marker": True,
            "version_id": marker.get("version_id"),
            "last_modified": marker.get("last_modified", ""),
            **self._s3._key_history_meta(bucket, key),
            "key": key,
        }
        with self._memory_as_on_disk(bucket, key):
            files.write_json(_sidecar(self._path(bucket, key)), meta)

    def write_displaced_version(self, bucket: str, key: str, prior: Entry | None, versioning: str) -> None:
        """Write the bytes of the version that a write or a delete is about to displace."""
        suspended = versioning == "Suspended"
        if suspended:
            self.delete_version(bucket, key, "null")
        version = (prior or {}).get("version_id") or "null"
        if prior is None or (suspended and version == "null"):
            return
        with self._memory_as_on_disk(bucket, key):
            path = self._s3._version_disk_path(bucket, key, version)
            files.write_atomically(Path(path), self.read(bucket, key, prior))

    def delete_version(self, bucket: str, key: str, version: str) -> None:
        path = self._s3._version_disk_path(bucket, key, version)
        if path is not None:
            with self._memory_as_on_disk(bucket, key):
                self._delete(path)

    def delete_object(self, bucket: str, key: str) -> None:
        path = str(self._path(bucket, key))
        with self._memory_as_on_disk(bucket, key):
            self._delete(path)
            self._delete(self._s3._other_key_disk_path(self._folder(bucket), key, path))

    def read(self, bucket: str, key: str, record: Entry) -> bytes:
        """Return an object's bytes; if a read fails, ministack's own function returns none, as of an empty object."""
        body: bytes | None = record.get("body")
        if body is None:
            body = self._path(bucket, key).read_bytes()
        if len(body) != record.get("size", len(body)):
            raise OSError(f"s3://{bucket}/{key} has {len(body)} bytes on the disk, not {record['size']}")
        return body

    def read_version(self, bucket: Entry, bucket_name: str, key: str, version: Entry) -> bytes | None:
        """Return a version's bytes; None for a version that has none."""
        body: bytes | None = version.get("data")
        if body is None and self._s3._version_file_exists(bucket_name, key, version["version_id"]):
            body = Path(self._s3._version_disk_path(bucket_name, key, version["version_id"])).read_bytes()
        current = bucket["objects"].get(key)
        if body is None and current is not None and (current.get("version_id") or "null") == version["version_id"]:
            body = self.read(bucket_name, key, current)
        return body

    def _delete(self, path: str | None) -> None:
        """Delete the sidecar first: bytes alone stay an object, but a sidecar alone looks like a lost object."""
        if path is None:
            return
        for one in (_sidecar(Path(path)), Path(path)):
            if one.is_file():
                one.unlink()
                self._deleted_in.add(one.parent)

    def _folder(self, bucket: str) -> str:
        return os.path.join(self._s3.DATA_DIR, emulator.scope().account, bucket)  # noqa: PTH118 — ministack's own form

    def _path(self, bucket: str, key: str) -> Path:
        return Path(self._s3._object_disk_path(bucket, key))

    @contextmanager
    def _memory_as_on_disk(self, bucket: str, key: str) -> Iterator[None]:
        """Around a write of one key: after an error the key is in memory what its files say, as after a restart."""
        try:
            yield
        except OSError:
            self._forget(bucket, key)
            self._load(bucket, key)
            raise

    def _forget(self, bucket: str, key: str) -> None:
        s3, account = self._s3, emulator.scope().account
        s3._buckets[bucket]["objects"].pop(key, None)
        s3._object_versions.pop((bucket, key), None)
        for store in (s3._object_tags, s3._object_acl, s3._object_annotations):
            for scoped in [one for one in store._data if one[0] == account and one[1][:2] == (bucket, key)]:
                del store._data[scoped]

    def _load(self, bucket: str, key: str) -> None:
        """Read the key with ministack's own loader, which sees the files of this key only."""
        s3 = self._s3
        path = s3._object_disk_path(bucket, key)
        all_files = s3._persisted_key_files

        def files_of_key(_folder: str, sidecars: bool) -> list[tuple[str, str]]:
            one = path + _SIDECAR if sidecars else path
            return [(one, key)] if Path(one).is_file() else []

        s3._persisted_key_files = files_of_key
        try:
            folder = self._folder(bucket)
            if Path(folder).is_dir():
                s3._load_persisted_bucket(emulator.scope().account, bucket, folder)
        finally:
            s3._persisted_key_files = all_files


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name + _SIDECAR)


def _refusal(path: str, error: OSError) -> emulator.Response:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>ServiceUnavailable</Code>'
        f"<Message>{escape(write_refusal(error))}</Message><Resource>{escape(path)}</Resource></Error>"
    )
    return UNAVAILABLE, {"Content-Type": "application/xml", **RETRY_AFTER}, body.encode()


def check(folder: Path) -> None:
    """Complete or remove what unanswered writes left; raise BrokenStateError for an object that is damaged."""
    for directory, _, names in os.walk(folder):
        here = Path(directory)
        for name in sorted(names, reverse=True):  # partial sidecars, then sidecars, then bytes
            if name.endswith(_PARTIAL_SIDECAR):
                _finish(here / name.removesuffix(_PARTIAL_SIDECAR))
            elif name.endswith(files.PARTIAL):
                (here / name).unlink()
        for path in here.glob(f"*{_SIDECAR}"):
            _check_object(path)
        if folder / _VERSIONS not in (here, *here.parents):
            _log_bare_objects(here)


def _finish(path: Path) -> None:
    """Put a new sidecar in place if a kill came after its bytes were in place; remove it otherwise."""
    partial, sidecar = path.with_name(path.name + _PARTIAL_SIDECAR), _sidecar(path)
    if _describes(partial, path) and not _describes(sidecar, path):
        partial.replace(sidecar)
        _LOG.warning("%s: finished a write that a kill or a power cut had interrupted", path)
    else:
        partial.unlink()


def _describes(sidecar: Path, path: Path) -> bool:
    """Return whether the sidecar is whole and belongs to the bytes in the file."""
    try:
        meta = json.loads(sidecar.read_bytes())
        size, etag = meta["size"], meta["etag"].strip('"')
        content = path.read_bytes()
    except (FileNotFoundError, ValueError, LookupError, TypeError, AttributeError):
        return False
    # the ETag of an object that was uploaded in parts is no digest of the whole
    return len(content) == size and ("-" in etag or hashlib.md5(content, usedforsecurity=False).hexdigest() == etag)


def _check_object(sidecar: Path) -> None:
    path = sidecar.with_name(sidecar.name.removesuffix(_SIDECAR))
    keep = f"bring it back from a copy, or remove {sidecar} to go on"
    meta = files.read_json(sidecar, dict, remedy=f"{keep} with the bytes alone, without type, tags and versions")
    if meta.get("is_delete_marker"):
        return
    if not path.is_file():
        raise BrokenStateError(path, "is missing, though its sidecar is there", remedy=f"{keep} without the object")
    size = path.stat().st_size
    if size != meta.get("size"):
        problem = f"has {size} bytes, and its sidecar says {meta.get('size')}"
        raise BrokenStateError(path, problem, remedy=f"{keep} with the bytes that are there")


def _log_bare_objects(folder: Path) -> None:
    """Log each file of bytes without a sidecar: an unanswered put or delete left it, and it counts as an object."""
    for path in folder.iterdir():
        if path.is_file() and not path.name.endswith(_SIDECAR) and not _sidecar(path).exists():
            _LOG.warning("%s has no sidecar: it stays an object, of type application/octet-stream", path)
