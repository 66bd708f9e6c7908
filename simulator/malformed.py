"""Every way in which an event can be wrong: one generator per rejection reason of the contract.

A generator takes a good event's JSON and spoils exactly one thing, so that the line is rejected with that reason and no
other. Reasons of the event end in another event (bytes that go into a request or an envelope); reasons of the line end
in another line, and so exist only where raw objects are written.
"""

import json
from collections.abc import Callable, Mapping
from enum import Enum
from random import Random
from typing import Any, Final, NamedTuple

from contracts.event import MAX_CLICK_ID_LENGTH, MAX_LINE_BYTES, MAX_PRICE, MAX_USER_ID_LENGTH, REQUIRED_FIELDS
from contracts.rejections import RejectionReason

Fields = dict[str, Any]
_DEEP: Final = 200
_TIMESTAMPS: Final = ("timestamp", "insertion_timestamp")


class Channel(Enum):
    """The way in which events leave the simulator; it decides what can be wrong with them."""

    RAW = "raw"
    BATCH = "batch"
    SINGLE = "single"


class Case(NamedTuple):
    """An event to spoil, where the choices come from, and how it will travel."""

    event: Fields
    random: Random
    channel: Channel


def _dumps(event: Fields) -> bytes:
    return json.dumps(event).encode()


def _missing_field(case: Case) -> bytes:
    # In a batch the edge asks for user_id alone: without it the whole request is refused.
    field = case.random.choice(
        [name for name in REQUIRED_FIELDS if name != "user_id" or case.channel is not Channel.BATCH]
    )
    if case.random.random() < 0.5:
        return _dumps(case.event | {field: None})
    return _dumps({name: value for name, value in case.event.items() if name != field})


def _wrong_type(case: Case) -> bytes:
    spoilt: list[Fields] = [
        {"click_id": 17},
        {"event_name": ["Search"]},
        {"timestamp": 1626091318},
        {"insertion_timestamp": 1626091318},
        {"pixel_id": 5},
        {"user_ip": {"v4": "198.18.0.1"}},
        {"additional_data": "none"},
        {"additional_data": [1, 2]},
        {"additional_data": {"price": "417.97"}},
        {"additional_data": {"product_id": True}},
        {"additional_data": {"time_on_data": "79"}},
        {"additional_data": {"percent_viewed": False}},
    ]
    if case.channel is not Channel.BATCH:
        spoilt.append({"user_id": 35})
    return _dumps(case.event | case.random.choice(spoilt))


def _invalid_user_id(case: Case) -> bytes:
    return _dumps(case.event | {"user_id": case.random.choice(["", "u" * (MAX_USER_ID_LENGTH + 1)])})


def _invalid_click_id(case: Case) -> bytes:
    return _dumps(case.event | {"click_id": case.random.choice(["", "c" * (MAX_CLICK_ID_LENGTH + 1)])})


def _invalid_event_name(case: Case) -> bytes:
    return _dumps(
        case.event | {"event_name": case.random.choice(["", "2ndView", "A" * 65, "Ansicht/größer", " Search"])}
    )


def _invalid_timestamp(case: Case) -> bytes:
    texts = ["yesterday", "2026-02-30 10:00:00", "2026-11-20 24:00:00", "2026-11-20T10:00:00", "1626091318"]
    # An optional field that is empty counts as absent.
    field, text = case.random.choice([("timestamp", ""), *((name, text) for name in _TIMESTAMPS for text in texts)])
    return _dumps(case.event | {field: text})


def _with_fact(case: Case, name: str, value: object) -> bytes:
    return _dumps(case.event | {"additional_data": (case.event.get("additional_data") or {}) | {name: value}})


def _negative_price(case: Case) -> bytes:
    return _with_fact(case, "price", -case.random.randint(1, 100_000) / 100)


def _invalid_number(case: Case) -> bytes:
    return _with_fact(case, "price", case.random.choice([MAX_PRICE, 10 * MAX_PRICE, 1e30]))


def _too_deep(case: Case) -> bytes:
    return _with_last_field(_dumps(case.event), b'"nested": ' + b"[" * _DEEP + b"]" * _DEEP)


def _duplicate_field(case: Case) -> bytes:
    return _with_last_field(_dumps(case.event), case.random.choice([b'"user_id": "0"', b'"event_name": "Purchase"']))


def _not_an_object(case: Case) -> bytes:
    return case.random.choice([b"[1, 2]", b'"Search"', b"42", b"true"])


def _too_large(case: Case) -> bytes:
    return _dumps(case.event | {"padding": "x" * MAX_LINE_BYTES})


def _with_last_field(event_json: bytes, field: bytes) -> bytes:
    return event_json[:-1] + b", " + field + b"}"


def _not_json(line: bytes, random: Random) -> bytes:
    return random.choice(
        [
            line[: len(line) // 2],
            line[:-1] + b",}",
            line[:-1] + b', "share": NaN}',
            line[:-1] + b', "name": "\xff\xfe"}',
            b"GET /favicon.ico",
        ]
    )


def _not_an_envelope(line: bytes, random: Random) -> bytes:
    fields: Fields = json.loads(line)
    return random.choice(
        [
            _dumps(fields["event"]),
            _dumps(fields | {"received_at": str(fields["received_at"])}),
            _dumps({name: value for name, value in fields.items() if name != "received_at"}),
            _dumps({name: value for name, value in fields.items() if name != "event"}),
            b"[1626091318732]",
        ]
    )


EventSpoiler = Callable[[Case], bytes]
LineSpoiler = Callable[[bytes, Random], bytes]

#: Reasons of the event: bytes that take the event's place. TOO_LATE and FROM_THE_FUTURE are a matter of time, not here.
EVENT_SPOILERS: Final[Mapping[RejectionReason, EventSpoiler]] = {
    RejectionReason.TOO_LARGE: _too_large,
    RejectionReason.TOO_DEEP: _too_deep,
    RejectionReason.NOT_AN_OBJECT: _not_an_object,
    RejectionReason.DUPLICATE_FIELD: _duplicate_field,
    RejectionReason.MISSING_FIELD: _missing_field,
    RejectionReason.WRONG_TYPE: _wrong_type,
    RejectionReason.INVALID_USER_ID: _invalid_user_id,
    RejectionReason.INVALID_CLICK_ID: _invalid_click_id,
    RejectionReason.INVALID_EVENT_NAME: _invalid_event_name,
    RejectionReason.INVALID_TIMESTAMP: _invalid_timestamp,
    RejectionReason.NEGATIVE_PRICE: _negative_price,
    RejectionReason.INVALID_NUMBER: _invalid_number,
}

#: Reasons of the line: bytes that take the envelope's place (without newline).
LINE_SPOILERS: Final[Mapping[RejectionReason, LineSpoiler]] = {
    RejectionReason.NOT_JSON: _not_json,
    RejectionReason.NOT_AN_ENVELOPE: _not_an_envelope,
}

#: What a batch can carry past the edge. A repeated field is not among them: the edge writes the event anew.
_PASSES_IN_BATCH: Final = (
    RejectionReason.TOO_DEEP,
    RejectionReason.MISSING_FIELD,
    RejectionReason.WRONG_TYPE,
    RejectionReason.INVALID_CLICK_ID,
    RejectionReason.INVALID_EVENT_NAME,
    RejectionReason.INVALID_TIMESTAMP,
    RejectionReason.NEGATIVE_PRICE,
    RejectionReason.INVALID_NUMBER,
)

#: What the edge refuses with 400 when the event comes alone.
REFUSED_ALONE: Final = frozenset(
    {
        RejectionReason.NOT_AN_OBJECT,
        RejectionReason.MISSING_FIELD,
        RejectionReason.WRONG_TYPE,
        RejectionReason.INVALID_USER_ID,
    }
)

REASONS: Final[Mapping[Channel, tuple[RejectionReason, ...]]] = {
    Channel.RAW: (*EVENT_SPOILERS, *LINE_SPOILERS),
    Channel.BATCH: _PASSES_IN_BATCH,
    Channel.SINGLE: (*_PASSES_IN_BATCH, RejectionReason.NOT_AN_OBJECT, RejectionReason.INVALID_USER_ID),
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
