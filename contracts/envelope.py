"""The envelope: the line that the edge makes around an event, and the only place that writes one outside the edge.

The edge stamps what a client could forge. The API's mapping templates make the same bytes in Velocity; the simulator's
history, `make run` and the tests make them here.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

ENVELOPE_FIELDS: Final = ("received_at", "request_id", "source_ip", "user_agent", "event")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """What the server knows of a request: `received_at` in epoch milliseconds, and three strings."""

    received_at: int
    request_id: str
    source_ip: str
    user_agent: str


def envelope_line(stamp: Stamp, event_json: bytes) -> bytes:
    """Return the raw line, newline included, that carries `event_json` (one JSON value, without line breaks)."""
    return b'{"received_at":%d,"request_id":%s,"source_ip":%s,"user_agent":%s,"event":%s}\n' % (
        stamp.received_at,
        json.dumps(stamp.request_id).encode(),
        json.dumps(stamp.source_ip).encode(),
        json.dumps(stamp.user_agent).encode(),
        event_json,
    )


def epoch_ms(moment: datetime) -> int:
    """Return an aware datetime as whole epoch milliseconds, cut like API Gateway's `requestTimeEpoch`."""
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000 + delta.microseconds // 1_000
