"""ministack's own services, made durable: what a request changed is on disk before its answer leaves.

ministack writes its state when it is told to stop, so a SIGKILL would lose every Glue table pointer since. Here each
service that may have changed is written after the request, if it did change; ministack reads the files at start.
S3 objects and our own services are durable by themselves.
"""

import functools
import hashlib
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from infra.local import emulator, files

_OWN = frozenset({"kinesis", "firehose", "athena"})
_READS = ("Get", "List", "Describe", "BatchGet", "Search", "Head", "Lookup", "Query")
# A stack's resources are made after CreateStack was answered, in other services: each look at a stack saves them.
_STACKS = "cloudformation"
_OF_STACKS = (
    "cloudformation",
    "apigateway",
    "apigateway_v1",
    "cloudwatch",
    "cloudwatch_logs",
    "glue",
    "iam",
    "kms",
    "s3",
    "sns",
    "ssm",
    "waf",
)


class Snapshots:
    """The state files of ministack's services."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._digests: dict[str, bytes] = {}

    def save(self, keys: Iterable[str]) -> None:
        """Write those services whose state is not what was last written; durable on return."""
        from ministack.core import persistence

        for key in keys:
            state = _state(key)
            if state is None:
                continue
            version = persistence._state_format_version(key)
            document = json.dumps(
                {"__ministack_format__": version, "payload": state}, default=persistence._json_default
            ).encode()
            digest = hashlib.blake2b(document).digest()
            if self._digests.get(key) != digest:
                files.write_atomically(self._folder / f"{key}.json", document)
                self._digests[key] = digest


def install(state_dir: Path) -> Snapshots:
    """Save after each request to a service that is ministack's own."""
    snapshots = Snapshots(state_dir / "services")
    for service, handler in list(emulator.handlers().items()):
        if service not in _OWN:
            emulator.replace(service, _saving(handler, service, snapshots))
    return snapshots


def _saving(handler: emulator.Handler, service: str, snapshots: Snapshots) -> emulator.Handler:
    @functools.wraps(handler)
    async def handle(
        method: str, path: str, headers: emulator.Headers, body: bytes, query: dict[str, list[str]]
    ) -> emulator.Response:
        answer = await handler(method, path, headers, body, query)
        if service == _STACKS:
            snapshots.save(_OF_STACKS)
        elif _may_change(service, method, path, headers, body, query):
            snapshots.save(_keys(service))
        return answer

    return handle


def _may_change(
    service: str, method: str, path: str, headers: emulator.Headers, body: bytes, query: dict[str, list[str]]
) -> bool:
    """Whether the request can have changed what a snapshot holds."""
    if method in ("GET", "HEAD", "OPTIONS"):
        return False
    if service == "s3":
        return len(path.strip("/").split("/")) == 1  # a bucket; objects are on disk already
    action = headers.get("x-amz-target", "").rpartition(".")[2] or "".join(query.get("Action", []))
    if not action and body.startswith(b"Action="):
        action = body[7:64].partition(b"&")[0].decode("ascii", "replace")
    return not action.startswith(_READS)


def _keys(service: str) -> list[str]:
    from ministack import app

    entry = app.SERVICE_REGISTRY[service]
    return [entry.get("state_key", entry["module"]), *entry.get("sub_modules", ())]


def _state(key: str) -> Any:
    """A service's state; None when nobody has used it since the start."""
    from ministack import app

    module = sys.modules.get(f"ministack.services.{app._state_map[key]}")
    # get_state() copies deeply, which costs ten times the rest; and metrics, which change by themselves, may be lost.
    if module is not None and key == "glue":
        return module._ALL_STATE
    if module is not None and key == "cloudwatch":
        kept = ("alarms", "composite_alarms", "dashboards", "resource_tags")
        return {name: getattr(module, f"_{name}") for name in kept}
    get_state: Callable[[], Any] | None = getattr(module, "get_state", None)
    return get_state() if get_state is not None else None
