"""Raw and error objects that hold a user → the same objects without the user's lines, in the same place.

All other lines stay byte for byte. An object that is emptied stays as an empty one, so that the ledger's list of
objects stays true. What was written is read again before it counts as done.
"""

import gzip
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import IO

from pyspark.sql import SparkSession

from contracts.event_files import is_gzip
from spark_jobs.errors import RawStoreError
from spark_jobs.operations.erasure.in_tasks import in_tasks
from spark_jobs.operations.erasure.sought_users import Holds, SoughtUsers, without
from spark_jobs.operations.erasure.stored_values import error_finding, raw_finding, unpacked
from spark_jobs.raw.raw_lines import SPOOL_IN_MEMORY, UnreadableObjectError, line_chunks
from storage.object_store import ObjectStore, StoredObject


@dataclass(frozen=True, kw_only=True)
class Rewritten:
    """An object that was rewritten, and how many lines it lost; `discarded` if it could not be read and was emptied."""

    key: str
    lines: int
    discarded: bool = False


def rewrite_raw_objects(
    spark: SparkSession, store: ObjectStore, objects: Iterable[StoredObject], users: SoughtUsers, *, discard: bool
) -> list[Rewritten]:
    """Rewrite those of the raw objects that hold the users; with `discard` empty those that can't be read."""
    return list(in_tasks(spark, objects, partial(_rewritten_raw, store, users, discard)))


def rewrite_error_objects(
    spark: SparkSession, store: ObjectStore, objects: Iterable[StoredObject], users: SoughtUsers, *, discard: bool
) -> list[Rewritten]:
    """Rewrite those of Firehose's error objects that hold the users."""
    return list(in_tasks(spark, objects, partial(_rewritten_error, store, users, discard)))


def _rewritten_raw(store: ObjectStore, users: SoughtUsers, discard: bool, stored: StoredObject) -> Rewritten | None:
    finding = raw_finding(store, users, stored)
    if finding is None or not finding.unreadable:
        return _rewritten(store, stored, users.hold_line) if finding and finding.held else None
    return _discarded(store, stored) if discard else None


def _rewritten_error(store: ObjectStore, users: SoughtUsers, discard: bool, stored: StoredObject) -> Rewritten | None:
    finding = error_finding(store, users, stored)
    if finding is None or not finding.unreadable:
        return _rewritten(store, stored, users.hold_error) if finding else None
    return _discarded(store, stored) if discard else None


def _rewritten(store: ObjectStore, stored: StoredObject, holds: Holds) -> Rewritten:
    removed = 0
    with SpooledTemporaryFile(max_size=SPOOL_IN_MEMORY) as spool:
        digest = hashlib.sha256()
        packed = is_gzip(next(store.blocks(stored), b""))
        with line_chunks(unpacked(store, stored)) as chunks, _writing(spool, packed=packed) as out:
            for chunk in chunks:
                kept, gone = without(chunk, holds)
                removed += gone
                digest.update(kept)
                out.write(kept)
        _replace(store, stored, spool, digest.hexdigest())
    return Rewritten(key=stored.key, lines=removed)


def _discarded(store: ObjectStore, stored: StoredObject) -> Rewritten:
    with SpooledTemporaryFile() as spool:
        with _writing(spool, packed=stored.key.endswith(".gz")):
            pass
        _replace(store, stored, spool, hashlib.sha256().hexdigest())
    return Rewritten(key=stored.key, lines=0, discarded=True)


def _writing(spool: IO[bytes], *, packed: bool) -> "gzip.GzipFile | _Plain":
    return gzip.GzipFile(filename="", fileobj=spool, mode="wb", mtime=0) if packed else _Plain(spool)


class _Plain:
    """A file that is written as it is, and left open."""

    def __init__(self, file: IO[bytes]) -> None:
        self.write = file.write

    def __enter__(self) -> "_Plain":
        return self

    def __exit__(self, *exception: object) -> None:
        pass


def _replace(store: ObjectStore, stored: StoredObject, spool: IO[bytes], expected: str) -> None:
    """Put the content in the object's place, and raise `RawStoreError` unless it is read again as it was written."""
    spool.seek(0)
    store.replace(stored.key, spool)
    written = StoredObject(key=stored.key, size=0, modified=stored.modified)
    digest = hashlib.sha256()
    try:
        for piece in unpacked(store, written):
            digest.update(piece)
    except UnreadableObjectError as error:
        raise RawStoreError(f"{stored.key} was rewritten and can't be read: {error}; run the erasure again") from None
    if digest.hexdigest() != expected:
        raise RawStoreError(f"{stored.key} is not what was written; is somebody else writing it? Run the erasure again")
