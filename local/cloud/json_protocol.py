"""AWS's JSON 1.1 protocol: an HTTP request with X-Amz-Target → a call of one of our operations → its answer.

Kinesis, Firehose and Athena share it. What is not in the service's table of operations, and what an operation does not
take, is refused by name: a test double must never seem to have done what it did not do.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.cloud import emulator, refusals

_LOG = logging.getLogger(__name__)

Payload = dict[str, Any]  # a request or an answer as it stands on the wire


class AwsError(Exception):
    """An error answer: AWS's code, a message with the value, the HTTP status."""

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One call of a service and the request members that it understands."""

    run: Callable[[Payload], Payload]
    members: frozenset[str]


def call(
    operations: Mapping[str, Operation], name: str, payload: Payload, *, invalid: str = "InvalidArgumentException"
) -> Payload:
    """Run one operation; AwsError for one that is unknown or given a member that we do not have.

    `invalid` is the code that the service has for a request that it does not take.
    """
    operation = operations.get(name)
    if operation is None:
        raise AwsError("UnknownOperationException", f"The local cloud does not have {name}.")
    unknown = payload.keys() - operation.members
    if unknown:
        raise AwsError(invalid, f"{name}: the local cloud does not have {', '.join(sorted(unknown))}.")
    return operation.run(payload)


def handler(
    operations: Mapping[str, Operation], target_prefix: str, *, invalid: str = "InvalidArgumentException"
) -> emulator.Handler:
    """A service's HTTP handler."""

    async def handle(
        _method: str, _path: str, headers: emulator.Headers, body: bytes, _query: dict[str, list[str]]
    ) -> emulator.Response:
        try:
            name = _operation_name(headers, target_prefix)
            return answer(200, call(operations, name, _parse(body), invalid=invalid))
        except AwsError as error:
            return refusal(error)
        except OSError as error:
            return unavailable(error)

    return handle


def refusal(error: AwsError) -> emulator.Response:
    """The answer that stands for an error."""
    return answer(error.status, {"__type": error.code, "message": str(error)}, code=error.code)


def unavailable(error: OSError) -> emulator.Response:
    """The answer when the disk did not take what was to be kept."""
    _LOG.warning("%s", error)
    return refusal(AwsError("ServiceUnavailable", refusals.sentence(error), status=refusals.UNAVAILABLE))


def answer(status: int, payload: Payload, *, code: str | None = None) -> emulator.Response:
    """A JSON 1.1 answer; SDKs take the error's code from the header or from `__type`."""
    headers = {"Content-Type": "application/x-amz-json-1.1"}
    if code is not None:
        headers["x-amzn-ErrorType"] = code
    # AWS answers without a body where an operation returns nothing.
    body = json.dumps(payload, separators=(",", ":")).encode() if payload else b""
    return status, headers, body


def _operation_name(headers: emulator.Headers, target_prefix: str) -> str:
    target = headers.get("x-amz-target", "")
    if "cbor" in headers.get("content-type", ""):
        raise AwsError("SerializationException", f"{target}: the local cloud speaks JSON, not CBOR.")
    prefix, _, name = target.partition(".")
    if prefix != target_prefix or not name:
        raise AwsError("UnknownOperationException", f"X-Amz-Target is {target!r}, not {target_prefix}.<operation>.")
    return name


def _parse(body: bytes) -> Payload:
    try:
        payload = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise AwsError("SerializationException", f"The request is not JSON: {error}") from error
    if not isinstance(payload, dict):
        raise AwsError("SerializationException", "The request is not a JSON object.")
    return {name: value for name, value in payload.items() if value is not None}
