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
    EVENT_NAME_PATTERN,
    MAX_EXACT_INTEGER,
    MAX_LINE_BYTES,
    MAX_PRICE,
    REQUIRED_FIELDS,
    TOP_LEVEL_FIELDS,
    VALUE_FIELDS,
    EventField,
    Kind,
)
from contracts.rejections import RejectionReason
from contracts.rules import ALLOWED_CLOCK_SKEW, ALLOWED_LATENESS
from contracts.timestamps import EPOCH, parse_timestamp
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

ColumnValue = str | float | Decimal | datetime | None


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


def validate_line(line: bytes) -> Received | Rejected:
    """Return what becomes of a line (without its newline); every line becomes something."""
    received_at: datetime | None = None
    try:
        envelope = _envelope(_json(line))
        received_at = _received_at(envelope)
        values = _event_values(_event(envelope), received_at)
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
    return isinstance(line, JsonObject) and all(line.get(name) is not None for name in REQUIRED_FIELDS)


def _event(envelope: JsonObject) -> JsonObject:
    event = envelope["event"]
    if event is None and TOO_LARGE_FIELD in envelope:
        size, key = quoted(envelope[TOO_LARGE_FIELD]), quoted(envelope.get("partition_key"))
        raise RefusedError(RejectionReason.TOO_LARGE, f"an event of {size} characters, with the partition key {key}")
    if not isinstance(event, JsonObject):
        raise RefusedError(RejectionReason.NOT_AN_OBJECT, f"`event` is {described_type(event)}: {quoted(event)}")
    return event


def _event_values(event: JsonObject, received_at: datetime) -> dict[str, ColumnValue]:
    """Return the values of an event by column, without the stamped texts; the first reason that applies is raised."""
    data = event.get(ADDITIONAL_DATA)
    additional = data if isinstance(data, JsonObject) else JsonObject([])
    _refuse_repeated(event, "")
    _refuse_repeated(additional, f"{ADDITIONAL_DATA}.")
    _refuse_missing(event)
    _refuse_wrong_types(event, TOP_LEVEL_FIELDS)
    _refuse_wrong_types(additional, ADDITIONAL_DATA_FIELDS)
    values: dict[str, ColumnValue] = {"received_at": received_at}
    for field, parse, is_nested in _PARSED_FIELDS:
        value = (additional if is_nested else event).get(field.name)
        # A number is a string here, too: its spelling.
        values[field.column] = parse(field, value) if isinstance(value, str) and (value or field.required) else None
    event_time = values["event_time"]
    if isinstance(event_time, datetime):
        _refuse_wrong_time(event_time, received_at)
    values["extra"] = _extra(event, additional)
    return values


def _refuse_repeated(container: JsonObject, prefix: str) -> None:
    for name in container.repeated_names():
        raise RefusedError(RejectionReason.DUPLICATE_FIELD, f"`{prefix}{cut(name)}` is there twice")


def _refuse_missing(event: JsonObject) -> None:
    for name in REQUIRED_FIELDS:
        if event.get(name) is None:
            state = "null" if name in event else "absent"
            raise RefusedError(RejectionReason.MISSING_FIELD, f"`{name}` is {state}")


def _refuse_wrong_types(container: JsonObject, fields: tuple[EventField, ...]) -> None:
    for field in fields:
        value = container.get(field.name)
        if value is not None and json_type(value) not in field.json_types:
            expected = " or ".join(map(with_article, field.json_types))
            raise RefusedError(
                RejectionReason.WRONG_TYPE,
                f"`{field.path}` is {described_type(value)}, not {expected}: {quoted(value)}",
            )


def _text(_: EventField, text: str) -> str:
    return text


def _id(field: EventField, text: str) -> str:
    """Return a string of at least one character and not too many, which are Unicode code points."""
    if not text:
        raise RefusedError(field.reason, f"`{field.path}` is empty")
    if field.max_length is not None and len(text) > field.max_length:
        raise RefusedError(
            field.reason,
            f"`{field.path}` has {len(text)} characters, more than {field.max_length}: {quoted(text)}",
        )
    return text


_EVENT_NAME: Final = re.compile(EVENT_NAME_PATTERN)


def _event_name(field: EventField, name: str) -> str:
    if not _EVENT_NAME.fullmatch(name):
        raise RefusedError(field.reason, f"`{field.path}` does not match {EVENT_NAME_PATTERN}: {quoted(name)}")
    return name


def _time(field: EventField, text: str) -> datetime:
    moment = parse_timestamp(text)
    if moment is None:
        raise RefusedError(
            field.reason,
            f"`{field.path}` is neither YYYY-MM-DD HH:MM:SS[.ffffff] nor RFC 3339 with a zone: {quoted(text)}",
        )
    return moment


def _double(number: str) -> float:
    """Return a number as a double, which may be infinite; an integer has no negative zero."""
    return 0.0 if number == "-0" else float(number)


def _number(field: EventField, number: str) -> float:
    value = _double(number)
    if not isfinite(value):
        raise _out_of_range(field, number, "a double")
    return value


_CENT: Final = Decimal("0.01")


def _money(field: EventField, number: str) -> Decimal:
    value = _double(number)
    if value < 0:
        raise RefusedError(field.reason, f"`{field.path}` is {quoted(number)}")
    if value >= MAX_PRICE:
        raise _out_of_range(field, number, f"what is below {MAX_PRICE}")
    return Decimal(repr(value)).quantize(_CENT, ROUND_HALF_UP)


def _text_or_whole_number(field: EventField, value: str) -> str:
    if not isinstance(value, JsonNumber):
        return value
    number = float(value)
    if isfinite(number) and number.is_integer() and abs(number) <= MAX_EXACT_INTEGER:
        exact = int(value) if value.is_integer_literal else int(number)
        if abs(exact) <= MAX_EXACT_INTEGER:
            return str(exact)
    raise _out_of_range(field, value, "whole numbers of at most 2^53")


def _out_of_range(field: EventField, number: str, allowed: str) -> RefusedError:
    return RefusedError(RejectionReason.INVALID_NUMBER, f"`{field.path}` is outside of {allowed}: {quoted(number)}")


_PARSERS: Final[Mapping[Kind, Callable[[EventField, str], ColumnValue]]] = {
    Kind.TEXT: _text,
    Kind.ID: _id,
    Kind.ADDRESS: _text,
    Kind.EVENT_NAME: _event_name,
    Kind.TIME: _time,
    Kind.NUMBER: _number,
    Kind.MONEY: _money,
    Kind.TEXT_OR_WHOLE_NUMBER: _text_or_whole_number,
}
_PRECEDENCE: Final = {reason: place for place, reason in enumerate(RejectionReason)}
#: Each field with its parser, and whether it is one of `additional_data`, in the order in which their reasons precede.
_PARSED_FIELDS: Final = tuple(
    (field, _PARSERS[field.kind], field in ADDITIONAL_DATA_FIELDS)
    for field in sorted(VALUE_FIELDS, key=lambda field: _PRECEDENCE[field.reason])
)


def _refuse_wrong_time(event_time: datetime, received_at: datetime) -> None:
    lateness = received_at - event_time
    if lateness > ALLOWED_LATENESS:
        raise RefusedError(RejectionReason.TOO_LATE, f"it happened {lateness} before it was received: {event_time}")
    if -lateness > ALLOWED_CLOCK_SKEW:
        raise RefusedError(
            RejectionReason.FROM_THE_FUTURE,
            f"`timestamp` {event_time.isoformat()} is {-lateness} after it was received",
        )


_TOP_LEVEL_NAMES: Final = frozenset(field.name for field in TOP_LEVEL_FIELDS)
_ADDITIONAL_NAMES: Final = frozenset(field.name for field in ADDITIONAL_DATA_FIELDS)


def _extra(event: JsonObject, additional: JsonObject) -> str | None:
    """Return what the contract does not know, as JSON text; the unknown fields of `additional_data` come last."""
    unknown = [(name, value) for name, value in event.members if name not in _TOP_LEVEL_NAMES]
    nested = [(name, value) for name, value in additional.members if name not in _ADDITIONAL_NAMES]
    if nested:
        unknown.append((ADDITIONAL_DATA, JsonObject(nested)))
    return dump_json(JsonObject(unknown)) if unknown else None
