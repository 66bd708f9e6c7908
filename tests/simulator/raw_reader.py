"""Reads what was written under a raw directory, without the code that wrote it."""

import gzip
import hashlib
from collections.abc import Iterator
from pathlib import Path

from contracts.partitions import hour_key, landing_hour_of_key


def raw_objects(raw: Path) -> list[Path]:
    """Return all files below a raw directory, hidden ones included."""
    return sorted(path for path in raw.rglob("*") if path.is_file())


def raw_lines(raw: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (landing hour's key, line without newline) of all objects."""
    for path in raw_objects(raw):
        hour = hour_key(landing_hour_of_key(path.as_posix()))
        content = gzip.decompress(path.read_bytes())
        assert content.endswith(b"\n")
        yield from ((hour, line) for line in content[:-1].split(b"\n"))


def tree_digest(raw: Path) -> str:
    """Return a hash of all names and bytes below a directory."""
    digest = hashlib.sha256()
    for path in raw_objects(raw):
        digest.update(path.relative_to(raw).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
