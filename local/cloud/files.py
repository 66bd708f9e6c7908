"""Files that must last: after a SIGKILL or a power cut each is either old or new, never half written.

On return of a write its content and its name are on the disk (fsync of the file and of its folder). `without_fsync`
leaves that to the kernel, so that only a power cut can lose what was answered: for disposable state, and for measuring
what fsync costs.
"""

import json
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, TypeVar

from local.cloud.errors import BrokenStateError

Read = TypeVar("Read")

PARTIAL = ".tmp"
#: A journalling file system commits what is synced at the same time at once, so several threads cost little more than
#: one: 64 files take 4 ms instead of 220 on ext4.
_SYNCERS = 16

_pool = ThreadPoolExecutor(_SYNCERS, thread_name_prefix="fsync")
_writers = ThreadPoolExecutor(_SYNCERS, thread_name_prefix="writer")  # may wait for the other pool, never for itself
_durable = True


def without_fsync() -> None:
    """From now on write without waiting for the disk."""
    global _durable
    _durable = False


def sync(*descriptors: int) -> None:
    """Wait until the files' content is on the disk."""
    if not _durable:
        return
    if len(descriptors) == 1:
        os.fsync(descriptors[0])
    else:
        list(_pool.map(os.fsync, descriptors))


def at_once(waits: Iterable[Callable[[], None]]) -> None:
    """Run several functions that wait for the disk; the first error when all have ended."""
    wanted = list(waits)
    if len(wanted) == 1:
        wanted[0]()
        return
    futures = [_writers.submit(_one_by_one, wanted[place::_SYNCERS]) for place in range(min(_SYNCERS, len(wanted)))]
    wait(futures)
    for future in futures:
        future.result()


def _one_by_one(waits: list[Callable[[], None]]) -> None:
    for one in waits:
        one()


def sync_folders(folders: Iterable[Path]) -> None:
    """Wait until the names in the folders are on the disk; a folder that is gone needs no more."""
    if _durable:
        list(_pool.map(_sync_folder, folders))


def _sync_folder(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder and its parents, whose names outlive a power cut on return."""
    if folder.exists():
        return
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    sync_folders(one.parent for one in missing)


def write_atomically(path: Path, content: bytes) -> None:
    """Replace the file; on an error the old one stands and nothing of the new one is left."""
    replace_together({path: content})


def replace_together(contents: dict[Path, bytes]) -> None:
    """Replace several files in the given order, after all of them are whole on the disk beside their places."""
    partials = {path: path.with_name(path.name + PARTIAL) for path in contents}
    try:
        _write_all({partials[path]: content for path, content in contents.items()})
        for path, partial in partials.items():
            partial.replace(path)
    except OSError:
        for partial in partials.values():
            partial.unlink(missing_ok=True)
        raise
    sync_folders({path.parent for path in contents})


def overwrite_then_replace(partial: Path, path: Path, content: bytes) -> None:
    """Write into a file that may hold disk space already, then put it in the other one's place."""
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        write_all(descriptor, content)
        os.ftruncate(descriptor, len(content))
        sync(descriptor)
    finally:
        os.close(descriptor)
    partial.replace(path)
    sync_folders({path.parent})


def _write_all(contents: dict[Path, bytes]) -> None:
    descriptors: list[int] = []
    try:
        for path, content in contents.items():
            make_folder(path.parent)
            descriptors.append(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644))
            write_all(descriptors[-1], content)
        sync(*descriptors)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def write_all(descriptor: int, content: bytes, *, offset: int = 0) -> None:
    """Write all of it from `offset` on; the kernel may take a part at a time, the last one before a disk is full."""
    view = memoryview(content)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written


def write_json(path: Path, document: Any) -> None:
    """Replace a JSON document."""
    write_atomically(path, json.dumps(document, separators=(",", ":")).encode())


def read_json(path: Path, build: Callable[[Any], Read], *, remedy: str = "") -> Read:
    """What `build` makes of a JSON document; BrokenStateError as `read` raises it."""
    return read(path, lambda content: build(json.loads(content)), remedy=remedy)


def read(path: Path, build: Callable[[bytes], Read], *, remedy: str = "") -> Read:
    """What `build` makes of the file's content; BrokenStateError when it is missing or not what was written."""
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise BrokenStateError(path, "is missing", remedy=remedy) from error
    try:
        return build(content)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        problem = f"is not what was written ({len(content)} bytes: {type(error).__name__}: {error})"
        raise BrokenStateError(path, problem, remedy=remedy) from error
