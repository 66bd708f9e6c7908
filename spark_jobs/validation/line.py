"""One raw line → an event as received, or a rejection: the definition of what the contract means, in plain Python.

`chunks` decides most lines by the thousand in DuckDB and asks here for every other one. So each rejection is worded
here, and tests compare what DuckDB accepts with what this module accepts, value for value.

Where the contract leaves room: an optional string that is empty is absent; a number is what a double makes of it, in
its shortest spelling; the envelope may carry fields that are not known yet, which are ignored.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from math import isfinite
from typing import Final

from contracts.envelope import STAMPED_FIELDS, TOO_LARGE_FIELD
from contracts.event import (
    ADDITIONAL_DATA,
    ADDITIONAL_DATA_FIELDS,
    MAX_EVENT_NAME_LENGTH,
    MAX_EXACT_INTEGER,
    MAX_LINE_BYTES,
    MAX_PRICE,
    REFUND,
    TOP_LEVEL_FIELDS,
    VALUE_FIELDS,
    EventField,
    Kind,
    missing_field,
)
from contracts.event_names import NAMES, EventNames
from contracts.rejections import RejectionReason
from contracts.rules import ALLOWED_CLOCK_SKEW, ALLOWED_LATENESS
from contracts.timestamps import BLANKS, EPOCH, parse_epoch, parse_timestamp
from spark_jobs.validation.strict_json import (
    JsonNumber,
    JsonObject,
    JsonValue,
    NotJsonError,
    TooDeepError,
    cut,
    described_type,
    dump_json,
    json_type,
    parse_json,
    quoted,
    with_article,
)

#: 9999-12-31T23:59:59.999Z in epoch milliseconds, the last that a timestamp can hold.
MAX_RECEIVED_AT: Final = 253_402_300_799_999

ColumnValue = str | float | bool | Decimal | datetime | list[str] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """A valid event: the value of each of `EVENT_COLUMNS`; what is absent, null or an empty optional text is None."""

    values: Mapping[str, ColumnValue]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejected:
    """A line that is no event; the fields are columns of `rejected_events`. `line` is None for an unreadable object."""

    rejection_reason: RejectionReason
    detail: str
    line: bytes | None
    received_at: datetime | None


class RefusedError(ValueError):
    """A line breaks a rule of the contract; only `validate_line` catches it."""

    def __init__(self, reason: RejectionReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def validate_line(line: bytes, names: EventNames = NAMES) -> Received | Rejected:
    """Return what becomes of a line (without its newline), where names mean what they say; each becomes something."""
    received_at: datetime | None = None
    try:
        envelope = _envelope(_json(line))
        received_at = _received_at(envelope)
        values = _event_values(_event(envelope), received_at, names)
    except RefusedError as refused:
        return Rejected(rejection_reason=refused.reason, detail=refused.detail, line=line, received_at=received_at)
    for name, column in _STAMPED_TEXTS.items():
        stamp = envelope.get(name)
        values[column] = stamp if isinstance(stamp, str) and stamp else None
    return Received(values=values)


def _json(line: bytes) -> JsonValue:
    if len(line) + len(b"\n") > MAX_LINE_BYTES:
        raise RefusedError(RejectionReason.TOO_LARGE, f"{len(line) + 1} bytes with its newline")
    try:
        return parse_json(line)
    except NotJsonError as error:
        raise RefusedError(RejectionReason.NOT_JSON, str(error)) from None
    except TooDeepError as error:
        raise RefusedError(RejectionReason.TOO_DEEP, str(error)) from None


#: The stamps that are texts, by name, and their columns.
_STAMPED_TEXTS: Final = {field.name: field.column for field in STAMPED_FIELDS if field.kind is not Kind.MILLISECONDS}


def _envelope(value: JsonValue) -> JsonObject:
    """Return the envelope, known to have each field once, with its type."""
    if not isinstance(value, JsonObject):
        raise _no_envelope(value, f"the line is {described_type(value)}, not an object")
    for name in value.repeated_names():
        raise _no_envelope(value, f"it names `{name}` twice")
    for name in ("received_at", "event"):
        if name not in value:
            raise _no_envelope(value, f"`{name}` is absent")
    event = value["event"]
    if _is_bare_event(value) and not isinstance(event, JsonObject):
        raise _no_envelope(value, f"its own `event` is {described_type(event)}: {quoted(event)}")
    for name in _STAMPED_TEXTS:
        stamp = value.get(name)
        if stamp is not None and type(stamp) is not str:
            raise _no_envelope(value, f"`{name}` is {described_type(stamp)}, not a string: {quoted(stamp)}")
    return value


def _received_at(envelope: JsonObject) -> datetime:
    stamp = envelope["received_at"]
    if isinstance(stamp, JsonNumber) and stamp.is_integer_literal:
        if 0 <= float(stamp) <= MAX_RECEIVED_AT:
            return EPOCH + timedelta(milliseconds=int(stamp))
        raise _no_envelope(envelope, f"`received_at` is outside of the years 1970 to 9999: {quoted(stamp)}")
    raise _no_envelope(
        envelope, f"`received_at` is {described_type(stamp)}, not an integer of milliseconds: {quoted(stamp)}"
    )


def _no_envelope(line: JsonValue, detail: str) -> RefusedError:
    """Return the error of a line that is no envelope; an event that came around the edge lacks only that."""
    what = "an event without an envelope" if _is_bare_event(line) else "neither an event nor an envelope"
    return RefusedError(RejectionReason.NOT_AN_ENVELOPE, f"{what}: {detail}")


def _is_bare_event(line: JsonValue) -> bool:
    """Return whether a line has what every event has, outside of an envelope."""
    return isinstance(line, JsonObject) and missing_field(line) is None


def _event(envelope: JsonObject) -> JsonObject:
    event = envelope["event"]
    if event is None and TOO_LARGE_FIELD in envelope:
        size, key = quoted(envelope[TOO_LARGE_FIELD]), quoted(envelope.get("partition_key"))
        raise RefusedError(RejectionReason.TOO_LARGE, f"an event of {size} characters, with the partition key {key}")
    if not isinstance(event, JsonObject):
        raise RefusedError(RejectionReason.NOT_AN_OBJECT, f"`event` is {described_type(event)}: {quoted(event)}")
    return event


def _event_values(event: JsonObject, received_at: datetime, names: EventNames) -> dict[str, ColumnValue]:
    """Return the values of an event by column, without the stamped texts; the first reason that applies is raised."""
    data = event.get(ADDITIONAL_DATA)
    additional = data if isinstance(data, JsonObject) else JsonObject([])
    _refuse_repeated(event, "")
    _refuse_repeated(additional, f"{ADDITIONAL_DATA}.")
    _refuse_missing(event)
    _refuse_wrong_types(event)
    name = names.of(str(event["event_name"]))
    readers = _REFUND_READERS if name == REFUND else _READERS
    values: dict[str, ColumnValue] = {"received_at": received_at}
    unread: dict[str, JsonValue] = {} if data is None or data is additional else {ADDITIONAL_DATA: data}
    for field, is_nested in _OPTIONAL_FIELDS:
        value = (additional if is_nested else event).get(field.name)
        try:
            values[field.column] = None if value is None or value == "" else _read(field, value, readers)
        except UnreadError:
            values[field.column] = None
            unread[field.path] = value
    for field in _REQUIRED_FIELDS:
        values[field.column] = _required_value(field, event, values)
    sent_name = event["event_name"]
    values["event_name"] = name
    values["sent_event_name"] = None if sent_name == name else str(sent_name)
    _correct_clock(values, received_at)
    values["extra"] = _extra(event, additional, unread)
    values["unread_fields"] = list(unread) or None
    return values


def _required_value(field: EventField, event: JsonObject, values: Mapping[str, ColumnValue]) -> ColumnValue:
    """Return the value of a required field, or of the one that stands in for it; raise the field's reason."""
    value = event.get(field.name)
    if field.stand_in and (value is None or value == "") and (stand_in := values[field.stand_in]) is not None:
        return stand_in
    try:
        return _read(field, value, _READERS)
    except UnreadError as error:
        raise RefusedError(field.reason, f"`{field.path}` {error}: {quoted(value)}") from None


def _refuse_repeated(container: JsonObject, prefix: str) -> None:
    for name in container.repeated_names():
        raise RefusedError(RejectionReason.DUPLICATE_FIELD, f"`{prefix}{cut(name)}` is there twice")


def _refuse_missing(event: JsonObject) -> None:
    name = missing_field(event)
    if name:
        state = "null" if name in event else "absent"
        raise RefusedError(RejectionReason.MISSING_FIELD, f"`{name}` is {state}")


def _refuse_wrong_types(event: JsonObject) -> None:
    for field in _REQUIRED_FIELDS:
        value = event.get(field.name)
        if value is not None and json_type(value) not in field.json_types:
            expected = " or ".join(map(with_article, field.json_types))
            raise RefusedError(
                RejectionReason.WRONG_TYPE,
                f"`{field.path}` is {described_type(value)}, not {expected}: {quoted(value)}",
            )


class UnreadError(ValueError):
    """A value breaks the rule of its field's kind; the message says how, and follows the field's name."""


Readers = Mapping[Kind, Callable[[EventField, JsonValue], ColumnValue]]


def _read(field: EventField, value: JsonValue, readers: Readers) -> ColumnValue:
    """Return what a value is in the field's column; raise `UnreadError` if it is nothing there."""
    if value == "":
        raise UnreadError("is empty")
    if json_type(value) not in field.json_types:
        raise UnreadError(f"is {described_type(value)}")
    return readers[field.kind](field, str(value) if type(value) is str else value)


def _text(field: EventField, value: JsonValue) -> str:
    """Return a text, or the digits of a whole number, of at most the field's length in Unicode code points."""
    text = digits_of_number(value) if isinstance(value, JsonNumber) else str(value)
    if field.max_length is not None and len(text) > field.max_length:
        raise UnreadError(f"has {len(text)} characters, more than {field.max_length}")
    return text


def digits_of_number(number: JsonNumber) -> str:
    """Return a whole number as text, one with a point or an exponent up to where doubles are exact; else raise."""
    if number.is_integer_literal:
        return "0" if number == "-0" else str(number)
    value = float(number)
    if not isfinite(value) or not value.is_integer() or abs(value) > MAX_EXACT_INTEGER:
        raise UnreadError("is a number, but not a whole one of which each digit is known")
    return str(int(value))


_CURRENCY: Final = re.compile("[A-Z]{3}")


def _currency(_: EventField, value: JsonValue) -> str:
    code = str(value).strip(BLANKS).upper()
    if not _CURRENCY.fullmatch(code) or not str(value).isascii():
        raise UnreadError("is not the three letters of a currency")
    return code


_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def _event_name(_: EventField, value: JsonValue) -> str:
    name = str(value).strip(BLANKS)
    if not 1 <= len(name) <= MAX_EVENT_NAME_LENGTH:
        raise UnreadError(f"has {len(name)} characters, not 1 to {MAX_EVENT_NAME_LENGTH}")
    if _CONTROL.search(name):
        raise UnreadError("has a control character")
    return name


def _time(_: EventField, value: JsonValue) -> datetime:
    moment = parse_epoch(value) if isinstance(value, JsonNumber) else parse_timestamp(str(value))
    if moment is None:
        raise UnreadError("is in none of the forms of a timestamp, or no time that exists")
    return moment


#: A number by RFC 8259.
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", re.ASCII)


def _double(value: JsonValue) -> float:
    """Return a number, or a text that is one, as a finite double; an integer has no negative zero."""
    number = str(value).strip(BLANKS)
    if not _NUMBER.fullmatch(number):
        raise UnreadError("is not a number")
    double = 0.0 if number == "-0" else float(number)
    if not isfinite(double):
        raise UnreadError("is too large for a double")
    return double


def _number(_: EventField, value: JsonValue) -> float:
    return _double(value)


_CENT: Final = Decimal("0.01")


def _money(_: EventField, value: JsonValue) -> Decimal:
    return _amount(_double(value))


def _given_back(_: EventField, value: JsonValue) -> Decimal:
    """Return the money of a refund, which some clients write as what the shop lost."""
    return _amount(abs(_double(value)))


def _amount(double: float) -> Decimal:
    if double < 0:
        raise UnreadError("is negative")
    if double >= MAX_PRICE:
        raise UnreadError(f"is not below {MAX_PRICE}")
    return Decimal(repr(double)).quantize(_CENT, ROUND_HALF_UP)


_READERS: Final[Readers] = {
    Kind.TEXT: _text,
    Kind.ID: _text,
    Kind.URL: _text,
    Kind.ADDRESS: _text,
    Kind.CURRENCY: _currency,
    Kind.EVENT_NAME: _event_name,
    Kind.TIME: _time,
    Kind.NUMBER: _number,
    Kind.MONEY: _money,
}
_REFUND_READERS: Final[Readers] = {**_READERS, Kind.MONEY: _given_back}
_PRECEDENCE: Final = {reason: place for place, reason in enumerate(RejectionReason)}
#: In the order in which their reasons precede.
_REQUIRED_FIELDS: Final = tuple(
    sorted((field for field in VALUE_FIELDS if field.required), key=lambda field: _PRECEDENCE[field.reason])
)
#: Each with whether it is one of `additional_data`.
_OPTIONAL_FIELDS: Final = tuple(
    (field, field in ADDITIONAL_DATA_FIELDS) for field in VALUE_FIELDS if not field.required
)


def _correct_clock(values: dict[str, ColumnValue], received_at: datetime) -> None:
    """Set `event_time`, by the server's clock where the client's was wrong when it sent; raise if it is out of bounds.

    How long before it was sent an event happened is right on a clock that is wrong, as long as nobody sets it.
    """
    client_time, sent_at = values["event_time"], values["sent_at"]
    if not isinstance(client_time, datetime):
        raise TypeError(f"event_time is {client_time!r}")
    corrected = isinstance(sent_at, datetime) and abs(received_at - sent_at) > ALLOWED_CLOCK_SKEW
    lateness = sent_at - client_time if corrected and isinstance(sent_at, datetime) else received_at - client_time
    if lateness > ALLOWED_LATENESS:
        raise RefusedError(RejectionReason.TOO_LATE, f"it happened {lateness} before it was received: {client_time}")
    if -lateness > ALLOWED_CLOCK_SKEW:
        raise RefusedError(
            RejectionReason.FROM_THE_FUTURE,
            f"`timestamp` {client_time.isoformat()} is {-lateness} after it was {'sent' if corrected else 'received'}",
        )
    values["event_time"] = received_at - lateness
    values["clock_corrected"] = corrected


_TOP_LEVEL_NAMES: Final = frozenset(field.name for field in TOP_LEVEL_FIELDS)
_ADDITIONAL_NAMES: Final = frozenset(field.name for field in ADDITIONAL_DATA_FIELDS)
#: Of these kinds the tables keep less than was sent, so a value that can't be read is not kept either.
_KEPT_IN_PART: Final = frozenset(field.path for field in VALUE_FIELDS if field.kind in (Kind.ADDRESS, Kind.URL))


def _extra(event: JsonObject, additional: JsonObject, unread: Mapping[str, JsonValue]) -> str | None:
    """Return what the contract does not know or could not read, as JSON text; `additional_data` comes last."""
    kept = unread.keys() - _KEPT_IN_PART
    unknown = [
        (name, value)
        for name, value in event.members
        if name != ADDITIONAL_DATA and (name not in _TOP_LEVEL_NAMES or name in kept)
    ]
    nested = [
        (name, value)
        for name, value in additional.members
        if name not in _ADDITIONAL_NAMES or f"{ADDITIONAL_DATA}.{name}" in kept
    ]
    if nested:
        unknown.append((ADDITIONAL_DATA, JsonObject(nested)))
    elif ADDITIONAL_DATA in kept:
        unknown.append((ADDITIONAL_DATA, unread[ADDITIONAL_DATA]))
    return dump_json(JsonObject(unknown)) if unknown else None
