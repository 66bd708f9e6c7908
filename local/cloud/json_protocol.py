"""AWS's JSON protocols: an HTTP request → a call of one of our operations → its answer.

Kinesis, Firehose and Athena name the operation in X-Amz-Target (JSON 1.1); EMR Serverless names it by method and path,
and takes members from path, query and body (REST JSON). An operation that is not in the service's table, and a member
that an operation does not take, is refused by name: a test double must never seem to have done what it did not do.
"""

import json
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from local.cloud import emulator
from local.cloud.errors import UNAVAILABLE, write_refusal

_LOG = logging.getLogger(__name__)

Payload = dict[str, Any]  # a request or an answer as it stands on the wire
#: The operations of a service: the function that runs one, and the members of a request that it understands. The
#: function takes the object that the service works on, and the request.
Operations = Mapping[str, tuple[Callable[[Any, Payload], Payload], tuple[str, ...]]]


class AwsError(Exception):
    """An error answer: AWS's code, a message with the value, the HTTP status."""

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class JsonService:
    """A service that runs the operations of its table, called in this process (`call`) or over HTTP (`handle`)."""

    def __init__(
        self, operations: Operations, subject: Any, *, target: str, invalid: str = "InvalidArgumentException"
    ) -> None:
        """`subject` is what the operations work on, `invalid` the service's code for a member that it does not have."""
        self._operations = operations
        self._subject = subject
        self._target = target
        self._invalid = invalid

    def call(self, name: str, payload: Payload) -> Payload:
        """Run an operation in the scope of the request being answered; raise AwsError as AWS would answer it."""
        if name not in self._operations:
            raise AwsError("UnknownOperationException", f"The local cloud does not have {name}.")
        run, members = self._operations[name]
        unknown = payload.keys() - set(members)
        if unknown:
            raise AwsError(self._invalid, f"{name}: the local cloud does not have {', '.join(sorted(unknown))}.")
        return run(self._subject, payload)

    async def handle(
        self, method: str, path: str, headers: emulator.Headers, body: bytes, query: emulator.Query
    ) -> emulator.Response:
        """Answer an HTTP request."""
        try:
            return _answer(200, self.call(*self._requested(method, path, headers, body, query)))
        except AwsError as error:
            return _refusal(error)
        except OSError as error:
            return unavailable(error)

    def _requested(
        self, _method: str, _path: str, headers: emulator.Headers, body: bytes, _query: emulator.Query
    ) -> tuple[str, Payload]:
        """Return the operation that a request asks for, and its members."""
        return self._operation_name(headers), _parse(body)

    def _operation_name(self, headers: emulator.Headers) -> str:
        target = headers.get("x-amz-target", "")
        if "cbor" in headers.get("content-type", ""):
            raise AwsError("SerializationException", f"{target}: the local cloud speaks JSON, not CBOR.")
        prefix, _, name = target.partition(".")
        if prefix != self._target or not name:
            raise AwsError("UnknownOperationException", f"X-Amz-Target is {target!r}, not {self._target}.<operation>.")
        return name


class RestJsonService(JsonService):
    """A service whose operations are known by method and path, as in `GET /applications/{applicationId}`.

    `lists` are the members that may stand several times in a query; every other member of a query is a text.
    """

    def __init__(
        self, operations: Operations, subject: Any, *, routes: Mapping[str, str], lists: tuple[str, ...], invalid: str
    ) -> None:
        super().__init__(operations, subject, target="", invalid=invalid)
        self._lists = lists
        self._routes = [
            (method, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)), name)
            for name, (method, path) in ((name, route.split(" ")) for name, route in routes.items())
        ]

    def _requested(
        self, method: str, path: str, _headers: emulator.Headers, body: bytes, query: emulator.Query
    ) -> tuple[str, Payload]:
        for route_method, pattern, name in self._routes:
            match = pattern.fullmatch(path)
            if match and method == route_method:
                members = {key: unquote(value) for key, value in match.groupdict().items()}
                asked = {key: values if key in self._lists else values[-1] for key, values in query.items()}
                return name, {**_parse(body), **asked, **members}
        raise AwsError("UnknownOperationException", f"The local cloud does not have {method} {path}.", status=404)


def unavailable(error: OSError) -> emulator.Response:
    """Return the answer to a request whose state the disk did not take."""
    _LOG.warning("%s", error)
    return _refusal(AwsError("ServiceUnavailable", write_refusal(error), status=UNAVAILABLE))


def _refusal(error: AwsError) -> emulator.Response:
    return _answer(error.status, {"__type": error.code, "message": str(error)}, code=error.code)


def _answer(status: int, payload: Payload, *, code: str | None = None) -> emulator.Response:
    """Return a JSON 1.1 answer; SDKs take the error's code from the header or from `__type`."""
    headers = {"Content-Type": "application/x-amz-json-1.1"}
    if code is not None:
        headers["x-amzn-ErrorType"] = code
    # AWS answers without a body where an operation returns nothing.
    body = json.dumps(payload, separators=(",", ":")).encode() if payload else b""
    return status, headers, body


def _parse(body: bytes) -> Payload:
    try:
        payload = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise AwsError("SerializationException", f"The request is not JSON: {error}") from error
    if not isinstance(payload, dict):
        raise AwsError("SerializationException", "The request is not a JSON object.")
    return {name: value for name, value in payload.items() if value is not None}
