"""The files of every object, beside each other, before ministack reads them: what a kill or a power cut left.

ministack takes a sidecar that is broken for an empty one, and an object whose bytes are gone for one that never was.
Here what a write that was never answered can leave is finished or swept, and everything else ends the start.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from local.cloud import files
from local.cloud.errors import BrokenStateError
from local.cloud.s3.storage import SIDECAR

_LOG = logging.getLogger(__name__)
_VERSIONS = ".versions"
_PARTIAL_SIDECAR = SIDECAR + files.PARTIAL


def check(folder: Path) -> None:
    """Finish or sweep what is left of writes that were not answered; BrokenStateError for an object that is damaged."""
    for directory, _, names in os.walk(folder):
        here = Path(directory)
        for name in sorted(names, reverse=True):  # partial sidecars, then sidecars, then bytes
            if name.endswith(_PARTIAL_SIDECAR):
                _finish(here / name.removesuffix(_PARTIAL_SIDECAR))
            elif name.endswith(files.PARTIAL):
                (here / name).unlink()
        for path in _sidecars(here):
            _check_object(path)
        if folder / _VERSIONS not in (here, *here.parents):
            _name_bare_objects(here)


def _finish(path: Path) -> None:
    """A kill came after the new bytes were in place: the new sidecar is whole beside them, and follows them now."""
    partial, sidecar = path.with_name(path.name + _PARTIAL_SIDECAR), path.with_name(path.name + SIDECAR)
    if _describes(partial, path) and not _describes(sidecar, path):
        partial.replace(sidecar)
        _LOG.warning("%s: finished a write that a kill or a power cut had interrupted", path)
    else:
        partial.unlink()


def _describes(sidecar: Path, path: Path) -> bool:
    """Whether a whole sidecar is there, and is that of the bytes in the file."""
    try:
        meta = json.loads(sidecar.read_bytes())
        size, etag = meta["size"], meta["etag"].strip('"')
        content = path.read_bytes()
    except (FileNotFoundError, ValueError, LookupError, TypeError, AttributeError):
        return False
    # the ETag of an object in parts is no digest of the whole
    return len(content) == size and ("-" in etag or hashlib.md5(content, usedforsecurity=False).hexdigest() == etag)


def _sidecars(folder: Path) -> Iterator[Path]:
    return folder.glob(f"*{SIDECAR}")


def _check_object(sidecar: Path) -> None:
    path = sidecar.with_name(sidecar.name.removesuffix(SIDECAR))
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


def _name_bare_objects(folder: Path) -> None:
    """Bytes without a sidecar: of a put that was not answered, or of a delete that was not; they count as an object."""
    for path in folder.iterdir():
        if path.is_file() and not path.name.endswith(SIDECAR) and not path.with_name(path.name + SIDECAR).exists():
            _LOG.warning("%s has no sidecar: it stays an object, of type application/octet-stream", path)
