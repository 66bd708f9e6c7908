"""An S3 request → files on the disk before its answer; without room for them 503, and memory as the disk has it.

ministack writes an object's bytes and its sidecar (`<key>.meta.json`: type, size, ETag, versions, tags), but goes on
with a warning when that fails, and answers 200 from memory. Here the functions that touch the disk are replaced by
ones that raise, and after a failure the key is read back from the disk, which is the truth.
"""

import functools
import json
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from local.cloud import emulator, files, refusals

SIDECAR = ".meta.json"
_LOG = logging.getLogger(__name__)

Entry = dict[str, Any]
S3Handler = Callable[..., Awaitable[emulator.Response]]


def install() -> None:
    """Put the strict functions in place of ministack's."""
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
    """ministack's S3 and the folders in which the request being answered deleted something.

    A request runs in one go on the event loop, so what is collected belongs to it alone.
    """

    def __init__(self, s3: Any) -> None:
        self._s3 = s3
        self._deleted_in: set[Path] = set()

    def answering(self, handler: S3Handler) -> S3Handler:
        """The handler, with the disk's refusals as answers that clients retry."""

        @functools.wraps(handler)
        async def handle(
            method: str, path: str, headers: emulator.Headers, body: bytes, query: dict[str, list[str]], **more: Any
        ) -> emulator.Response:
            # A bucket that could not be made is not there, and a multipart upload can be completed once there is room.
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
        """Bytes and sidecar, both or neither; then the memory lets go of the bytes."""
        path = self._path(bucket, key)
        s3 = self._s3
        meta = s3._object_meta_from_record(record) | s3._key_history_meta(bucket, key) | {"key": key}
        contents = {_sidecar(path): json.dumps(meta).encode()}
        body = record.get("body")  # a record built from a version has none: the file that is there stands
        if body is not None:
            # The bytes first: what a kill between the two leaves can be read back from the new sidecar beside them.
            contents = {path: body} | contents
        with self._memory_as_on_disk(bucket, key):
            files.replace_together(contents)
            self._delete(s3._other_key_disk_path(self._folder(bucket), key, str(path)))
        record["body"] = None

    def write_delete_marker(self, bucket: str, key: str, marker: Entry) -> None:
        """The sidecar of a deleted key in a versioned bucket."""
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
        """The bytes of the version that a write or a delete is about to displace."""
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
        """An object's bytes; ministack answers none where a read fails, which a client takes for an empty object."""
        body: bytes | None = record.get("body")
        if body is None:
            body = self._path(bucket, key).read_bytes()
        if len(body) != record.get("size", len(body)):
            raise OSError(f"s3://{bucket}/{key} has {len(body)} bytes on the disk, not {record['size']}")
        return body

    def read_version(self, bucket: Entry, bucket_name: str, key: str, version: Entry) -> bytes | None:
        """A version's bytes; None for one that has none."""
        body: bytes | None = version.get("data")
        if body is None and self._s3._version_file_exists(bucket_name, key, version["version_id"]):
            body = Path(self._s3._version_disk_path(bucket_name, key, version["version_id"])).read_bytes()
        current = bucket["objects"].get(key)
        if body is None and current is not None and (current.get("version_id") or "null") == version["version_id"]:
            body = self.read(bucket_name, key, current)
        return body

    def _delete(self, path: str | None) -> None:
        """The sidecar first: bytes alone come back as an object, a sidecar alone looks like a lost one."""
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

    def _memory_as_on_disk(self, bucket: str, key: str) -> "_MemoryAsOnDisk":
        return _MemoryAsOnDisk(self._s3, bucket, key)


class _MemoryAsOnDisk:
    """Around the writing of one key: after an error the key is what its files say, as after a restart."""

    def __init__(self, s3: Any, bucket: str, key: str) -> None:
        self._s3, self._bucket, self._key = s3, bucket, key

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _traceback: Any) -> None:
        if isinstance(error, OSError):
            self._forget()
            self._load()

    def _forget(self) -> None:
        s3, account = self._s3, emulator.scope().account
        s3._buckets[self._bucket]["objects"].pop(self._key, None)
        s3._object_versions.pop((self._bucket, self._key), None)
        for store in (s3._object_tags, s3._object_acl, s3._object_annotations):
            for scoped in [one for one in store._data if one[0] == account and one[1][:2] == (self._bucket, self._key)]:
                del store._data[scoped]

    def _load(self) -> None:
        """Read the key with ministack's own loader, shown the files of this key alone."""
        s3 = self._s3
        path = s3._object_disk_path(self._bucket, self._key)
        all_files = s3._persisted_key_files

        def files_of_key(_folder: str, sidecars: bool) -> list[tuple[str, str]]:
            one = path + SIDECAR if sidecars else path
            return [(one, self._key)] if Path(one).is_file() else []

        s3._persisted_key_files = files_of_key
        try:
            account = emulator.scope().account
            folder = Path(s3.DATA_DIR) / account / self._bucket
            if folder.is_dir():
                s3._load_persisted_bucket(account, self._bucket, str(folder))
        finally:
            s3._persisted_key_files = all_files


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name + SIDECAR)


def _refusal(path: str, error: OSError) -> emulator.Response:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>ServiceUnavailable</Code>'
        f"<Message>{escape(refusals.sentence(error))}</Message><Resource>{escape(path)}</Resource></Error>"
    )
    return refusals.UNAVAILABLE, {"Content-Type": "application/xml", **refusals.RETRY_AFTER}, body.encode()
