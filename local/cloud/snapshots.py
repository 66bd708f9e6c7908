"""ministack's own services, made durable: what a request changed is on disk before its answer leaves.

ministack writes its state when it is told to stop, so a SIGKILL would lose every Glue table pointer since. Here each
service that may have changed is written after the request, if it did change. Room for that is taken before the request
runs: without it the request is refused and changes nothing, so that memory never has what the disk could not take and
a later write would make final. At start the documents are read strictly, with `documents.json`, which lists them.
S3 objects and our own services are durable by themselves.
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

from local.cloud import emulator, files, refusals
from local.cloud.ending import Ending

_LOG = logging.getLogger(__name__)
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
#: What a request can add to a document: its body, each byte of which JSON in JSON writes as at most six, and names.
_GROWTH_PER_BYTE: Final = 6
_GROWTH: Final = 64 * 2**10
_INDEX: Final = "documents.json"
_BESIDE: Final = ("s3", "kinesis", "firehose")


class Snapshots:
    """The state files of ministack's services, and the room that is taken for the next one of each."""

    def __init__(self, folder: Path, ending: Ending) -> None:
        self._folder = folder
        self._ending = ending
        self._digests: dict[str, bytes] = {}
        self._sizes: dict[str, int] = {}
        self._reserved: dict[str, int] = {}
        self._index = folder / _INDEX

    def load(self) -> None:
        """Bring every service back; BrokenStateError for a document that is missing or not what was written."""
        from ministack import app
        from ministack.core import persistence

        found = {path.stem for path in self._folder.glob("*.json") if path != self._index}
        if self._index.exists() or found or any(next((self._folder.parent / one).glob("*"), None) for one in _BESIDE):
            found |= files.read_json(self._index, lambda document: set(document["documents"]))
        else:
            files.write_json(self._index, {"documents": []})
        for partial in self._folder.glob(f"*{files.PARTIAL}"):
            partial.unlink()
        for key in sorted(found & app._state_map.keys()):
            self._load(key)
        app._load_persisted_state = lambda: None  # it would begin anew with what it can't read
        persistence.save_state = self._save_last

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
        """Take room for the next document of each service; OSError when there is none."""
        for key in keys:
            wanted = self._sizes.get(key, 0) + _GROWTH + growth * _GROWTH_PER_BYTE
            if self._reserved.get(key, 0) < wanted:
                files.make_folder(self._folder)
                self._reserved[key] = 0
                _allocate(self._partial(key), wanted)
                self._reserved[key] = wanted

    def save(self, keys: Iterable[str]) -> None:
        """Write those services whose state is not what was last written; durable on return."""
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
        if key not in self._sizes:  # a document that a kill leaves out of the index is read all the same
            files.write_json(self._index, {"documents": sorted({*self._sizes, key})})
        self._sizes[key] = len(document)
        self._digests[key] = digest

    def _save_last(self, key: str, state: Any) -> None:
        """ministack's own saving at a clean stop, which adds the metrics; not of what was refused."""
        if self._ending.reason is not None:
            return
        try:
            self._save(key, state)
        except OSError as error:
            _LOG.warning("%s stays as it was last written: %s", self._path(key), error)

    def give_up(self, service: str, error: OSError) -> None:
        """End the server."""
        self._ending.because(f"the state of {service} can't be written: {error.strerror or error}")

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.json"

    def _partial(self, key: str) -> Path:
        return self._folder / f"{key}.json{files.PARTIAL}"


def _allocate(path: Path, size: int) -> None:
    """Take disk space for a file; where the system can't, by writing zeros."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, size)
        else:
            files.write_all(descriptor, bytes(size))
    except OSError:
        path.unlink()  # give back the part of it that was there
        raise
    finally:
        os.close(descriptor)


def install(state_dir: Path, ending: Ending) -> Snapshots:
    """Read every service back, and save after each request to a service that is ministack's own."""
    snapshots = Snapshots(state_dir / "services", ending)
    snapshots.load()
    for service, handler in list(emulator.handlers().items()):
        if service not in _OWN:
            emulator.replace(service, _saving(handler, service, snapshots))
    return snapshots


def _saving(handler: emulator.Handler, service: str, snapshots: Snapshots) -> emulator.Handler:
    @functools.wraps(handler)
    async def handle(
        method: str, path: str, headers: emulator.Headers, body: bytes, query: dict[str, list[str]]
    ) -> emulator.Response:
        changes = _may_change(service, method, path, headers, body, query)
        if service != _STACKS and not changes:
            return await handler(method, path, headers, body, query)
        keys = _OF_STACKS if service == _STACKS else _keys(service)
        try:
            snapshots.reserve(keys, len(body))
        except OSError as error:
            return _refusal(service, error)
        answer = await handler(method, path, headers, body, query)
        try:
            snapshots.save(keys)
        except OSError as error:
            if changes:
                # What memory has by now can't be taken back, and must not be answered from.
                snapshots.give_up(service, error)
            return _refusal(service, error)
        return answer

    return handle


def _refusal(service: str, error: OSError) -> emulator.Response:
    _LOG.warning("%s: %s", service, error)
    sentence = refusals.sentence(error)
    if service in ("s3", "iam", "cloudformation", "sns", "sts"):
        content, headers = (
            f"<ErrorResponse><Error><Code>ServiceUnavailable</Code><Message>{sentence}</Message></Error></ErrorResponse>",
            {"Content-Type": "text/xml"},
        )
    else:
        content = json.dumps({"__type": "ServiceUnavailableException", "message": sentence})
        headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": "ServiceUnavailableException"}
    return refusals.UNAVAILABLE, headers | refusals.RETRY_AFTER, content.encode()


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
