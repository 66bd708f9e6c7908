"""What goes wrong with events on their way, by seeded share: which defect an event gets, and what it does to the bytes.

Each defect leaves the manifest exact: a duplicate has its original's click_id and event time, lateness keeps clear of
the limit on either side, and a malformed event has exactly one fault, so that it is rejected for one known reason.

There is a spoiler for each rejection reason that the contract gives. Those of the event return other bytes for the
event, which go into a request or an envelope. Those of the line return another line, and so are of use only for raw
objects.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import Enum, StrEnum
from random import Random
from typing import Any, Final, NamedTuple

from contracts.event import (
    MAX_CLICK_ID_LENGTH,
    MAX_EVENT_NAME_LENGTH,
    MAX_LINE_BYTES,
    MAX_USER_ID_LENGTH,
    REQUIRED_FIELDS,
)
from contracts.rejections import RejectionReason
from contracts.rules import ALLOWED_LATENESS
from simulator.errors import BadArgumentError
from simulator.world.event_time import HOUR_US, MINUTE_US, SECOND_US

_LATENESS_US: Final = ALLOWED_LATENESS.days * 24 * HOUR_US
#: Arrays of a spoilt event are nested this deep.
_DEEP: Final = 200


class Defect(StrEnum):
    """What is wrong with an event; a duplicate is the second copy of a good one, a late event is still a good one."""

    DUPLICATE = "duplicates"
    LATE = "late"
    TOO_LATE = "too_late"
    FUTURE = "from_the_future"
    MALFORMED = "malformed"

    @property
    def moves_time(self) -> bool:
        """Whether the defect changes the event's time."""
        return self in (Defect.LATE, Defect.TOO_LATE, Defect.FUTURE)


@dataclass(frozen=True, kw_only=True)
class DefectShares:
    """Share of events (0–1) that gets each defect; `longest_delay_hours` bounds how late a late event is.

    Names of history's objects are made from its `repr`, so another name or order of the fields names them anew.
    """

    duplicates: float = 0.0
    late: float = 0.0
    too_late: float = 0.0
    from_the_future: float = 0.0
    malformed: float = 0.0
    longest_delay_hours: int = 156

    def __post_init__(self) -> None:
        shares = [getattr(self, defect) for defect in Defect]
        if min(shares) < 0 or sum(shares) > 1:
            named = ", ".join(f"{field.name} {getattr(self, field.name)}" for field in fields(self)[:-1])
            raise BadArgumentError(f"shares of defects must not be negative, nor more than 1 together: {named}")
        if not 1 < self.longest_delay_hours <= 156:
            raise BadArgumentError(
                f"a late event can be 2 to 156 hours late, not {self.longest_delay_hours}: "
                f"beyond {ALLOWED_LATENESS} it is rejected, and a resent one needs some room"
            )


DEFAULT_SHARES: Final = DefectShares(
    duplicates=0.01, late=0.005, too_late=0.001, from_the_future=0.001, malformed=0.005
)


class DefectDraw:
    """Draws defects, and the times that go with them, from one seeded source."""

    def __init__(self, shares: DefectShares, random: Random) -> None:
        self._random: Final = random
        self._longest_delay: Final = shares.longest_delay_hours * HOUR_US
        self._upto: list[tuple[float, Defect]] = []
        share = 0.0
        for defect in Defect:
            share += getattr(shares, defect)
            self._upto.append((share, defect))
        self._any: Final = share

    def next(self) -> Defect | None:
        """Return the next event's defect; None, for most, costs one random number."""
        drawn = self._random.random()
        if drawn >= self._any:
            return None
        return next((defect for upto, defect in self._upto if drawn < upto), None)

    def shift(self, defect: Defect) -> int:
        """Return by how many microseconds the event's time differs from its arrival's (negative: earlier)."""
        share = self._random.random()
        if defect is Defect.LATE:
            # Most are late by hours, few by days.
            return -HOUR_US - int(share * share * share * share * (self._longest_delay - HOUR_US))
        if defect is Defect.TOO_LATE:
            return -_LATENESS_US - MINUTE_US - int(share * 24 * HOUR_US)
        if defect is Defect.FUTURE:
            # At least two hours ahead, so that it still is when its request had to wait for long.
            return 2 * HOUR_US + int(share * 24 * HOUR_US)
        return 0

    def resent_after(self) -> int:
        """Return after how many microseconds a client sends an event again: up to two minutes."""
        return SECOND_US // 5 + int(self._random.random() * 2 * MINUTE_US)


class Channel(Enum):
    """The way in which events leave the simulator; it decides what can be wrong with them."""

    RAW = "raw"
    API = "api"


class Case(NamedTuple):
    """An event to spoil, where the choices come from, and how it will travel."""

    event: dict[str, Any]
    random: Random
    channel: Channel

    def with_field(self, name: str, *values: object) -> bytes:
        """Return the event with one of the values in a field."""
        return _json(self.event | {name: self.random.choice(values)})

    def with_text(self, text: bytes) -> bytes:
        """Return the event with a last field that is written as it stands."""
        return _json(self.event)[:-1] + b", " + text + b"}"


def _json(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode()


def _not_an_object(case: Case) -> bytes:
    # Alone, an array is a batch that came to the wrong route.
    arrays = [b"[1, 2]"] if case.channel is Channel.RAW else []
    return case.random.choice([*arrays, b'"Search"', b"42", b"true"])


def _missing_field(case: Case) -> bytes:
    field = case.random.choice(REQUIRED_FIELDS)
    if case.random.random() < 0.5:
        return _json(case.event | {field: None})
    return _json({name: value for name, value in case.event.items() if name != field})


def _wrong_type(case: Case) -> bytes:
    # Of a required field alone: an optional one that can't be read costs the field, not the event.
    spoilt: list[dict[str, Any]] = [
        {"click_id": True},
        {"event_name": ["Search"]},
        {"timestamp": {"seconds": 1626091318}},
        {"user_id": ["35"]},
    ]
    return _json(case.event | case.random.choice(spoilt))


def _invalid_timestamp(case: Case) -> bytes:
    texts = ["", "yesterday", "2026-02-30 10:00:00", "2026-11-20 24:00:00", "11/20/2026 10:00:00", "-1626091318"]
    return case.with_field("timestamp", *texts)


#: Reasons of the event. TOO_LATE and FROM_THE_FUTURE are not here: they come from the event's time alone.
EVENT_SPOILERS: Final[Mapping[RejectionReason, Callable[[Case], bytes]]] = {
    RejectionReason.TOO_LARGE: lambda case: _json(case.event | {"padding": "x" * MAX_LINE_BYTES}),
    RejectionReason.TOO_DEEP: lambda case: case.with_text(b'"nested": ' + b"[" * _DEEP + b"]" * _DEEP),
    RejectionReason.NOT_AN_OBJECT: _not_an_object,
    RejectionReason.DUPLICATE_FIELD: lambda case: case.with_text(
        case.random.choice([b'"user_id": "0"', b'"event_name": "Purchase"'])
    ),
    RejectionReason.MISSING_FIELD: _missing_field,
    RejectionReason.WRONG_TYPE: _wrong_type,
    RejectionReason.INVALID_USER_ID: lambda case: case.with_field("user_id", "", "u" * (MAX_USER_ID_LENGTH + 1)),
    RejectionReason.INVALID_CLICK_ID: lambda case: case.with_field("click_id", "", "c" * (MAX_CLICK_ID_LENGTH + 1)),
    RejectionReason.INVALID_EVENT_NAME: lambda case: case.with_field(
        "event_name", "", " ", "View\tCart", "A" * (MAX_EVENT_NAME_LENGTH + 1), "Search\x85Shoes"
    ),
    RejectionReason.INVALID_TIMESTAMP: _invalid_timestamp,
}


def _not_json(line: bytes, random: Random) -> bytes:
    return random.choice(
        [
            line[: len(line) // 2],
            line[:-1] + b",}",
            line[:-1] + b', "share": nan}',
            line[:-1] + b', "name": "\xff\xfe"}',
            b"GET /favicon.ico",
        ]
    )


def _not_an_envelope(line: bytes, random: Random) -> bytes:
    envelope: dict[str, Any] = json.loads(line)
    return random.choice(
        [
            _json(envelope["event"]),
            _json(envelope | {"received_at": str(envelope["received_at"])}),
            _json({name: value for name, value in envelope.items() if name != "received_at"}),
            _json({name: value for name, value in envelope.items() if name != "event"}),
            b"[1626091318732]",
        ]
    )


#: Reasons of the line: bytes in the place of the envelope (without newline).
LINE_SPOILERS: Final[Mapping[RejectionReason, Callable[[bytes, Random], bytes]]] = {
    RejectionReason.NOT_JSON: _not_json,
    RejectionReason.NOT_AN_ENVELOPE: _not_an_envelope,
}

REASONS: Final[Mapping[Channel, tuple[RejectionReason, ...]]] = {
    Channel.RAW: (*EVENT_SPOILERS, *LINE_SPOILERS),
    # A repeated field is not among the API's: the edge writes the event anew. One that is too large is refused alone.
    Channel.API: (
        RejectionReason.TOO_DEEP,
        RejectionReason.NOT_AN_OBJECT,
        RejectionReason.MISSING_FIELD,
        RejectionReason.WRONG_TYPE,
        RejectionReason.INVALID_USER_ID,
        RejectionReason.INVALID_CLICK_ID,
        RejectionReason.INVALID_EVENT_NAME,
        RejectionReason.INVALID_TIMESTAMP,
    ),
}


def pick_reason(random: Random, channel: Channel) -> RejectionReason:
    """Return one of the channel's reasons; lines of a megabyte are a hundred times as rare as the others."""
    reason = random.choice(REASONS[channel])
    if reason is RejectionReason.TOO_LARGE and random.random() < 0.99:
        return RejectionReason.NOT_JSON
    return reason


def spoil_event(reason: RejectionReason, event_json: str, random: Random, channel: Channel) -> bytes:
    """Return `event_json` spoilt for a reason of `EVENT_SPOILERS`."""
    return EVENT_SPOILERS[reason](Case(json.loads(event_json), random, channel))


def spoil_line(reason: RejectionReason, line: bytes, random: Random) -> bytes:
    """Return an envelope line (no newline) spoilt for a reason of `LINE_SPOILERS`."""
    return LINE_SPOILERS[reason](line, random)
