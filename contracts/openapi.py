"""The API as an OpenAPI document, for clients in other languages and for tools: `docs/openapi.json`."""

from typing import Any, Final

from contracts.event import MAX_BATCH_EVENTS, event_schema

_JSON: Final = "application/json"
_EVENT: Final = {"$ref": "#/components/schemas/Event"}
_MESSAGE: Final = {"message": {"type": "string"}, "detail": {"type": "string"}}
_OUTCOMES: Final = {
    "events": {
        "type": "array",
        "description": "One entry for each event, in the request's order. What is not `accepted` was not stored.",
        "items": {
            "type": "object",
            "required": ["status"],
            "properties": {"status": {"enum": ["accepted", "throttled", "failed"]}},
        },
    }
}
_COUNTS: Final = {"accepted": {"type": "integer"}, "failed": {"type": "integer"}}
_STORED: Final = {"type": "object", "required": ["accepted", "failed", "events"], "properties": _COUNTS | _OUTCOMES}
_REFUSED: Final = {"type": "object", "required": ["message"], "properties": _MESSAGE | _OUTCOMES}
#: Status → when it is given, whether there is a Retry-After, and the body.
_REPLIES: Final[dict[str, tuple[str, bool, dict[str, Any]]]] = {
    "200": ("Every event is stored.", False, _STORED),
    "207": ("A batch is stored in part: send again what is not `accepted`.", True, _STORED),
    "400": ("It is no JSON, or not what this route takes: it cannot be stored, ever.", False, _REFUSED),
    "403": ("The firewall blocks it.", False, _REFUSED),
    "413": ("It is too large: it cannot be stored, ever.", False, _REFUSED),
    "415": ("The Content-Type is not JSON's, or the Content-Encoding neither gzip nor deflate.", False, _REFUSED),
    "429": ("The stream or the API is full. Nothing is stored: send all of it again.", True, _REFUSED),
    "503": ("The stream cannot be written to. Nothing is stored: send all of it again.", True, _REFUSED),
}


def openapi_document() -> dict[str, Any]:
    """Return the document, of OpenAPI 3.1, whose schemas are JSON Schema."""
    event = event_schema()
    event.pop("$schema")
    batch = {"type": "array", "minItems": 1, "maxItems": MAX_BATCH_EVENTS, "items": _EVENT}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Clickstream events",
            "version": "v1",
            "description": "Takes events of visitors into a stream. A request that got no reply may be sent again: an "
            "event counts once by its `click_id`. The API stores what is JSON; which events are bad, and why, "
            "`rejected_events` says.",
        },
        "servers": [
            {"url": "{ApiUrl}", "variables": {"ApiUrl": {"default": "/v1", "description": "The stack's output."}}}
        ],
        "paths": {
            "/events": _post("sendEvent", "Store one event.", _EVENT, without="207"),
            "/events/batch": _post("sendEvents", "Store events of one or more visitors.", batch),
        },
        "components": {"schemas": {"Event": event}},
    }


def _post(operation: str, summary: str, body: dict[str, Any], *, without: str = "") -> dict[str, Any]:
    return {
        "post": {
            "operationId": operation,
            "summary": summary,
            "requestBody": {"required": True, "content": {_JSON: {"schema": body}}},
            "responses": {status: _response(*reply) for status, reply in _REPLIES.items() if status != without},
        }
    }


def _response(description: str, again: bool, body: dict[str, Any]) -> dict[str, Any]:
    headers = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}} if again else {}
    return {
        "description": description,
        **({"headers": headers} if headers else {}),
        "content": {_JSON: {"schema": body}},
    }
