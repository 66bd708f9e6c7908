"""JSON documents on disk that a SIGKILL leaves either old or new, never half written."""

import json
from pathlib import Path
from typing import Any


def write_atomically(path: Path, content: bytes) -> None:
    """Replace the file; on return the content outlives this process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".tmp")
    partial.write_bytes(content)
    partial.replace(path)


def write_json(path: Path, document: Any) -> None:
    """Replace a JSON document."""
    write_atomically(path, json.dumps(document, separators=(",", ":")).encode())


def read_json(path: Path) -> Any:
    """The document."""
    return json.loads(path.read_bytes())
