"""What a line of a user's file is: a bare event, an envelope, or something else; and when it was received.

Bare events are wrapped into an envelope when they are laid down. All else is laid down byte for byte, so that what is
rejected is what was in the file.
"""

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final, NoReturn

from contracts.envelope import epoch_ms
from contracts.event import REQUIRED_FIELDS, TOP_LEVEL_FIELDS
from contracts.event_files import BYTE_ORDER_MARK
from simulator.event_time import parse_event_time

#: No server's clock says otherwise: an event from before 1970 has no usable arrival, and is judged by the fallback's.
EARLIEST_ARRIVAL_MS: Final = 0
LATEST_ARRIVAL_MS: Final = epoch_ms(datetime(9999, 1, 1, tzinfo=UTC))

_EVENT_FIELDS: Final = frozenset(field.path for field in TOP_LEVEL_FIELDS)
_EXACT_DIGITS: Final = 18


class LineKind(Enum):
    """What a line is."""

    EVENT = "bare event"
    ENVELOPE = "envelope"
    OTHER = "neither"


@dataclass(frozen=True, kw_only=True, slots=True)
class RecognizedLine:
    """A line's kind, and when it was received (epoch ms), None where it says nothing valid about that."""

    kind: LineKind
    received_at: int | None
    fields: dict[str, Any] | None = None


_UNREADABLE: Final = RecognizedLine(kind=LineKind.OTHER, received_at=None)


def recognize(line: bytes) -> RecognizedLine:
    """Return what a line is.

    A bare event has the event's required fields; an envelope has a whole number `received_at` and an `event`; what has
    at least one of the event's fields is an event that lacks others. An event may have a `received_at` and an `event`
    of its own. It was received at its `insertion_timestamp`, if that is valid, else at its `timestamp`.
    """
    fields = parse_object(line)
    if fields is None:
        return _UNREADABLE
    stamp = _arrival(fields.get("received_at"))
    if stamp is not None and "event" in fields and any(fields.get(name) is None for name in REQUIRED_FIELDS):
        return RecognizedLine(kind=LineKind.ENVELOPE, received_at=stamp, fields=fields)
    if _EVENT_FIELDS.isdisjoint(fields):
        return RecognizedLine(kind=LineKind.OTHER, received_at=stamp)
    return RecognizedLine(kind=LineKind.EVENT, received_at=_event_arrival(fields), fields=fields)


def parse_object(line: bytes) -> dict[str, Any] | None:
    """Return a line's JSON object, or None if it is not one by RFC 8259 in UTF-8; a byte order mark may precede it."""
    try:
        value = json.loads(
            line.removeprefix(BYTE_ORDER_MARK).decode("utf-8"), parse_constant=_no_constant, parse_int=_integer
        )
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _integer(digits: str) -> int | float:
    """Read a whole number; thousands of digits are valid JSON, but Python refuses to convert them."""
    return int(digits) if len(digits) <= _EXACT_DIGITS else math.inf


def _arrival(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and EARLIEST_ARRIVAL_MS <= value < LATEST_ARRIVAL_MS:
        return value
    return None


def _event_arrival(fields: dict[str, Any]) -> int | None:
    for name in ("insertion_timestamp", "timestamp"):
        text = fields.get(name)
        moment = parse_event_time(text) if isinstance(text, str) else None
        if moment is not None and (arrival := _arrival(epoch_ms(moment))) is not None:
            return arrival
    return None
