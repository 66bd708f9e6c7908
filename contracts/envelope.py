"""The envelope: the line that the edge writes around an event, and the only place that writes one outside the edge.

The edge stamps what a client could forge. The API's mapping templates write the same bytes in Velocity; the simulator's
history, `make run` and the tests write them here.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from contracts.event import EventField, Kind
from contracts.timestamps import EPOCH

#: What the edge stamps, in the order in which it writes it.
STAMPED_FIELDS: Final = (
    EventField(
        path="received_at",
        kind=Kind.MILLISECONDS,
        required=True,
        description="When the API got it, by the server's clock, to the millisecond.",
    ),
    EventField(path="request_id", kind=Kind.ID, description="The API's id of the request; a batch shares one."),
    EventField(
        path="source_ip",
        kind=Kind.ADDRESS,
        description="The address that the request came from, truncated likewise.",
    ),
    EventField(path="user_agent", kind=Kind.TEXT, description="The request's User-Agent header.", personal=True),
)
#: In a batch the edge puts a line of its own in the place of an event that is too large for one: `event` is null, this
#: field says how many characters the event had, and `partition_key` whose it was.
TOO_LARGE_FIELD: Final = "too_large"
ENVELOPE_FIELDS: Final = (*(field.name for field in STAMPED_FIELDS), "event")


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
    delta = moment - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000 + delta.microseconds // 1_000
