"""A reply of the API → what it says of each event of the request.

200, 207, 429, 503 with `events`   each event's status, in request order
429 without                        the gateway throttled: none was stored
404, 405, 415, 501                 not the events API: sending again is of no use
other 5xx, or no reply             nobody knows: the events may have been stored
400, 403, 413, …                   refused: none was stored, and the same request would be refused again
"""

import json
from dataclasses import dataclass
from enum import Enum
from typing import Any

import httpx

from simulator.errors import ApiError


class Fate(Enum):
    """What became of one event in one attempt."""

    ACCEPTED = "accepted"
    NOT_STORED = "not stored"
    UNKNOWN = "unknown"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A request's outcome: a fate for each event, in request order, and the reason of a refusal."""

    fates: tuple[Fate, ...]
    reason: str = ""


_WRONG_ADDRESS = (404, 405, 415, 501)


def read_reply(response: httpx.Response, events: int) -> Reply:
    """Return what a response to `events` events says; raise `ApiError` if what answers is not the events API."""
    statuses = _event_statuses(response)
    if statuses is not None:
        if len(statuses) != events:
            raise ApiError(f"{response.url} answered {len(statuses)} statuses to {events} events: not the events API")
        return Reply(fates=tuple(Fate.ACCEPTED if status == "accepted" else Fate.NOT_STORED for status in statuses))
    status = response.status_code
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return Reply(fates=(Fate.NOT_STORED,) * events)
    if response.is_server_error and status not in _WRONG_ADDRESS:
        return Reply(fates=(Fate.UNKNOWN,) * events)
    if response.is_client_error and status not in _WRONG_ADDRESS:
        return Reply(fates=(Fate.REFUSED,) * events, reason=f"{status} {_message(response)}")
    raise ApiError(
        f"POST {response.url} answered {status} {_message(response)!r}, which is not an answer of the events API; "
        "give the stack's output ApiUrl as --api-url"
    )


def _event_statuses(response: httpx.Response) -> list[str] | None:
    """Return each event's status, if the reply names them."""
    body = _json_object(response)
    events = body.get("events")
    if not isinstance(events, list):
        return None
    return [str(event.get("status")) if isinstance(event, dict) else "" for event in events]


def _message(response: httpx.Response) -> str:
    body = _json_object(response)
    parts = [str(body[name]) for name in ("message", "detail") if body.get(name)]
    return ": ".join(parts) or response.reason_phrase


def _json_object(response: httpx.Response) -> dict[str, Any]:
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
