"""ministack's own services, made durable: what a request changed is on the disk before its answer leaves.

ministack writes its state when it stops, so a SIGKILL would lose every Glue table pointer since its start. Here each
service that a request changed is written after the request. Disk space for that is allocated before the request runs.
Without space the request is refused and changes nothing: memory never holds a change that the disk could not take and
that a later write would make final. At start the documents are read strictly; `documents.json` lists them. S3 objects
and our own services are durable by themselves.
"""

import functools
import hashlib
import json
import logging
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from local.cloud import emulator, files
from local.cloud.errors import RETRY_AFTER, UNAVAILABLE, Shutdown, write_refusal

_LOG = logging.getLogger(__name__)
_OWN = frozenset({"kinesis", "firehose", "athena", "emr-serverless"})
_READS = ("Get", "List", "Describe", "BatchGet", "Search", "Head", "Lookup", "Query")
#: A stack's resources are created in other services after CreateStack was answered, so every request to CloudFormation
#: saves these services.
_STACKS = "cloudformation"
_STACK_SERVICES = (
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
#: The most that a request adds to a document: its body, where JSON within JSON writes a byte as at most six, and names.
_GROWTH_PER_BYTE: Final = 6
_GROWTH: Final = 64 * 2**10
_INDEX: Final = "documents.json"
_OTHER_FOLDERS: Final = ("s3", "kinesis", "firehose", "emr-serverless")


class Snapshots:
    """The state files of ministack's services, and the disk space that is allocated for the next one of each."""

    def __init__(self, folder: Path, shutdown: Shutdown) -> None:
        self._folder = folder
        self._shutdown = shutdown
        self._digests: dict[str, bytes] = {}
        self._sizes: dict[str, int] = {}
        self._reserved: dict[str, int] = {}
        self._index = folder / _INDEX

    def load(self) -> None:
        """Read every service's state; raise BrokenStateError for a document that is missing or not what was written."""
        from ministack import app
        from ministack.core import persistence

        found = {path.stem for path in self._folder.glob("*.json") if path != self._index}
        if self._index.exists() or found or self._has_other_state():
            found |= files.read_json(self._index, lambda document: set(document["documents"]))
        else:
            files.write_json(self._index, {"documents": []})
        for partial in self._folder.glob(f"*{files.PARTIAL}"):
            partial.unlink()
        for key in sorted(found & app._state_map.keys()):
            self._load(key)
        app._load_persisted_state = lambda: None  # it would start with an empty state in place of a broken one
        persistence.save_state = self._save_last

    def _has_other_state(self) -> bool:
        """Return whether S3 or a service of our own has files: then an index was there, too."""
        return any(next((self._folder.parent / one).glob("*"), None) for one in _OTHER_FOLDERS)

    def _load(self, key: str) -> None:
        from ministack import app
        from ministack.core import persistence

        def restore(content: bytes) -> None:
            document = json.loads(content, object_hook=persistence._json_object_hook)
            if document["__ministack_format__"] != persistence._state_format_version(key):
                raise ValueError(f"format {document['__ministack_format__']}")
            if not isinstance(document["payload"], dict):
                raise TypeError("the payload is no object")
            app._get_module(app._state_map[key]).load_persisted_state(document["payload"])

        files.read(self._path(key), restore)
        self._sizes[key] = self._path(key).stat().st_size

    def reserve(self, keys: Iterable[str], growth: int) -> None:
        """Allocate disk space for the next document of each service; raise OSError if there is none."""
        for key in keys:
            wanted = self._sizes.get(key, 0) + _GROWTH + growth * _GROWTH_PER_BYTE
            if self._reserved.get(key, 0) < wanted:
                files.make_folder(self._folder)
                self._reserved[key] = 0
                _allocate(self._partial(key), wanted)
                self._reserved[key] = wanted

    def save(self, keys: Iterable[str]) -> None:
        """Write the services whose state has changed since the last write; it is on the disk on return."""
        for key in keys:
            state = _state(key)
            if state is not None:
                self._save(key, state)

    def _save(self, key: str, state: Any) -> None:
        from ministack.core import persistence

        version = persistence._state_format_version(key)
        document = json.dumps(
            {"__ministack_format__": version, "payload": state}, default=persistence._json_default
        ).encode()
        digest = hashlib.blake2b(document).digest()
        if self._digests.get(key) == digest:
            return
        files.make_folder(self._folder)
        self._reserved.pop(key, None)
        files.overwrite_then_replace(self._partial(key), self._path(key), document)
        if key not in self._sizes:  # after a kill before this write, the document is read all the same
            files.write_json(self._index, {"documents": sorted({*self._sizes, key})})
        self._sizes[key] = len(document)
        self._digests[key] = digest

    def _save_last(self, key: str, state: Any) -> None:
        """Save at a clean stop, as ministack does, with the metrics; but not a state that the disk has refused."""
        if self._shutdown.reason is not None:
            return
        try:
            self._save(key, state)
        except OSError as error:
            _LOG.warning("%s stays as it was last written: %s", self._path(key), error)

    def end_server(self, service: str, error: OSError) -> None:
        """End the server, because memory has a change that the disk refused: it must not be answered from."""
        self._shutdown.request(f"the state of {service} can't be written: {error.strerror or error}")

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.json"

    def _partial(self, key: str) -> Path:
        return self._folder / f"{key}.json{files.PARTIAL}"


def _allocate(path: Path, size: int) -> None:
    """Allocate disk space for a file."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError:
        path.unlink()  # free the part that was allocated
        raise
    finally:
        os.close(descriptor)


def install(state_dir: Path, shutdown: Shutdown) -> Snapshots:
    """Read every service's state, and save it after each request to a service of ministack's own."""
    snapshots = Snapshots(state_dir / "services", shutdown)
    snapshots.load()
    for service, handler in list(emulator.handlers().items()):
        if service not in _OWN:
            emulator.replace(service, _saving(handler, service, snapshots))
    return snapshots


def _saving(handler: emulator.Handler, service: str, snapshots: Snapshots) -> emulator.Handler:
    @functools.wraps(handler)
    async def handle(
        method: str, path: str, headers: emulator.Headers, body: bytes, query: emulator.Query
    ) -> emulator.Response:
        changes = _may_change(service, method, path, headers, body, query)
        if service != _STACKS and not changes:
            return await handler(method, path, headers, body, query)
        keys = _STACK_SERVICES if service == _STACKS else _keys(service)
        try:
            snapshots.reserve(keys, len(body))
        except OSError as error:
            return _refusal(service, error)
        answer = await handler(method, path, headers, body, query)
        try:
            snapshots.save(keys)
        except OSError as error:
            if changes:
                snapshots.end_server(service, error)
            return _refusal(service, error)
        return answer

    return handle


def _refusal(service: str, error: OSError) -> emulator.Response:
    _LOG.warning("%s: %s", service, error)
    sentence = write_refusal(error)
    if service in ("s3", "iam", "cloudformation", "sns", "sts"):
        content, headers = (
            f"<ErrorResponse><Error><Code>ServiceUnavailable</Code><Message>{sentence}</Message></Error></ErrorResponse>",
            {"Content-Type": "text/xml"},
        )
    else:
        content = json.dumps({"__type": "ServiceUnavailableException", "message": sentence})
        headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": "ServiceUnavailableException"}
    return UNAVAILABLE, headers | RETRY_AFTER, content.encode()


def _may_change(
    service: str, method: str, path: str, headers: emulator.Headers, body: bytes, query: emulator.Query
) -> bool:
    """Return whether the request can have changed the state that is saved."""
    if method in ("GET", "HEAD", "OPTIONS"):
        return False
    if service == "s3":
        return len(path.strip("/").split("/")) == 1  # a bucket; objects are on the disk already
    action = headers.get("x-amz-target", "").rpartition(".")[2] or "".join(query.get("Action", []))
    if not action and body.startswith(b"Action="):
        action = body[7:64].partition(b"&")[0].decode("ascii", "replace")
    return not action.startswith(_READS)


def _keys(service: str) -> list[str]:
    from ministack import app

    entry = app.SERVICE_REGISTRY[service]
    return [entry.get("state_key", entry["module"]), *entry.get("sub_modules", ())]


def _state(key: str) -> Any:
    """Return a service's state; None if it was not used since the start."""
    from ministack import app

    module = sys.modules.get(f"ministack.services.{app._state_map[key]}")
    # get_state() copies deeply, which costs ten times the rest. Metrics change by themselves, and may be lost.
    if module is not None and key == "glue":
        return module._ALL_STATE
    if module is not None and key == "cloudwatch":
        kept = ("alarms", "composite_alarms", "dashboards", "resource_tags")
        return {name: getattr(module, f"_{name}") for name in kept}
    get_state: Callable[[], Any] | None = getattr(module, "get_state", None)
    return get_state() if get_state is not None else None
