"""The event as JSON → its typed values, or the first rule that it breaks, in the order of `RejectionReason`."""

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from math import isfinite
from typing import Final

from contracts.event import (
    ADDITIONAL_DATA_FIELDS,
    EVENT_NAME_PATTERN,
    MAX_CLICK_ID_LENGTH,
    MAX_EXACT_INTEGER,
    MAX_PRICE,
    MAX_USER_ID_LENGTH,
    REQUIRED_FIELDS,
    TOP_LEVEL_FIELDS,
    EventField,
)
from contracts.rejections import RejectionReason
from spark_jobs.judging.event_timestamps import parse_timestamp
from spark_jobs.judging.json_text import dump_json
from spark_jobs.judging.json_wording import ARTICLED, cut, json_type, quoted, type_name
from spark_jobs.judging.judgement import RefusedError
from spark_jobs.judging.strict_json import JsonNumber, JsonObject

_ADDITIONAL_DATA: Final = "additional_data"
_PREFIX: Final = f"{_ADDITIONAL_DATA}."
_TOP_LEVEL_NAMES: Final = frozenset(field.path for field in TOP_LEVEL_FIELDS)
_ADDITIONAL_NAMES: Final = frozenset(field.path.removeprefix(_PREFIX) for field in ADDITIONAL_DATA_FIELDS)
_EVENT_NAME: Final = re.compile(EVENT_NAME_PATTERN)
_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, kw_only=True, slots=True)
class EventValues:
    """The values of a valid event; what is absent, null or an empty optional string is None."""

    timestamp: datetime
    user_id: str
    click_id: str
    event_name: str
    pixel_id: str | None
    product_id: str | None
    price: Decimal | None
    time_on_data: float | None
    percent_viewed: float | None
    insertion_timestamp: datetime | None
    user_ip: str | None
    extra: str | None


def event_values(event: JsonObject) -> EventValues:
    """Return the values of an event, or raise `RefusedError` with the first reason that applies."""
    data = event.get(_ADDITIONAL_DATA)
    additional = data if isinstance(data, JsonObject) else JsonObject([])
    _refuse_repeated(event, "")
    _refuse_repeated(additional, _PREFIX)
    _refuse_missing(event)
    _refuse_wrong_types(event, additional)
    return _values(event, additional)


def _values(event: JsonObject, additional: JsonObject) -> EventValues:
    """Return the values of fields whose types are right; the calls stand in the order in which reasons precede."""
    user_id = _limited(event, "user_id", MAX_USER_ID_LENGTH, RejectionReason.INVALID_USER_ID)
    click_id = _limited(event, "click_id", MAX_CLICK_ID_LENGTH, RejectionReason.INVALID_CLICK_ID)
    event_name = _event_name(event)
    timestamp = _timestamp(event, "timestamp")
    insertion_timestamp = _timestamp(event, "insertion_timestamp") if event.get("insertion_timestamp") else None
    price = _number(additional, "price")
    if price is not None and price < 0:
        raise RefusedError(RejectionReason.NEGATIVE_PRICE, f"`{_PREFIX}price` is {quoted(additional['price'])}")
    return EventValues(
        timestamp=timestamp,
        user_id=user_id,
        click_id=click_id,
        event_name=event_name,
        insertion_timestamp=insertion_timestamp,
        price=None if price is None else _money(price, additional),
        time_on_data=_finite(additional, "time_on_data"),
        percent_viewed=_finite(additional, "percent_viewed"),
        product_id=_product_id(additional),
        pixel_id=_string(event, "pixel_id") or None,
        user_ip=_string(event, "user_ip") or None,
        extra=_extra(event, additional),
    )


def _refuse_repeated(container: JsonObject, prefix: str) -> None:
    for name in container.repeated_names():
        raise RefusedError(RejectionReason.DUPLICATE_FIELD, f"`{prefix}{cut(name)}` is there twice")


def _refuse_missing(event: JsonObject) -> None:
    for name in REQUIRED_FIELDS:
        if event.get(name) is None:
            state = "null" if name in event else "absent"
            raise RefusedError(RejectionReason.MISSING_FIELD, f"`{name}` is {state}")


def _refuse_wrong_types(event: JsonObject, additional: JsonObject) -> None:
    for container, prefix, fields in ((event, "", TOP_LEVEL_FIELDS), (additional, _PREFIX, ADDITIONAL_DATA_FIELDS)):
        for field in fields:
            value = container.get(field.path.removeprefix(prefix))
            if value is not None and json_type(value) not in field.json_types:
                raise RefusedError(
                    RejectionReason.WRONG_TYPE,
                    f"`{field.path}` is {type_name(value)}, not {_expected(field)}: {quoted(value)}",
                )


def _expected(field: EventField) -> str:
    return " or ".join(ARTICLED[name] for name in field.json_types)


def _string(container: JsonObject, name: str) -> str:
    value = container.get(name)
    return value if isinstance(value, str) else ""


def _limited(event: JsonObject, name: str, longest: int, reason: RejectionReason) -> str:
    """Return a string of 1 to `longest` characters, which are Unicode code points."""
    text = _string(event, name)
    if not text:
        raise RefusedError(reason, f"`{name}` is empty")
    if len(text) > longest:
        raise RefusedError(reason, f"`{name}` has {len(text)} characters, more than {longest}: {quoted(text)}")
    return text


def _event_name(event: JsonObject) -> str:
    name = _string(event, "event_name")
    if not _EVENT_NAME.fullmatch(name):
        raise RefusedError(
            RejectionReason.INVALID_EVENT_NAME, f"`event_name` does not match {EVENT_NAME_PATTERN}: {quoted(name)}"
        )
    return name


def _timestamp(event: JsonObject, name: str) -> datetime:
    text = _string(event, name)
    moment = parse_timestamp(text)
    if moment is None:
        raise RefusedError(
            RejectionReason.INVALID_TIMESTAMP,
            f"`{name}` is neither YYYY-MM-DD HH:MM:SS[.ffffff] nor RFC 3339 with a zone: {quoted(text)}",
        )
    return moment


def _number(additional: JsonObject, name: str) -> float | None:
    """Return a number as a double, which may be infinite."""
    value = additional.get(name)
    if not isinstance(value, JsonNumber):
        return None
    # An integer has no negative zero.
    return 0.0 if value == "-0" else float(value)


def _finite(additional: JsonObject, name: str) -> float | None:
    value = _number(additional, name)
    if value is not None and not isfinite(value):
        raise _out_of_range(additional, name, "a double")
    return value


def _money(price: float, additional: JsonObject) -> Decimal:
    if price >= MAX_PRICE:
        raise _out_of_range(additional, "price", f"what is below {MAX_PRICE}")
    return Decimal(repr(price)).quantize(_CENT, ROUND_HALF_UP)


def _product_id(additional: JsonObject) -> str | None:
    value = additional.get("product_id")
    if not isinstance(value, JsonNumber):
        return _string(additional, "product_id") or None
    number = float(value)
    if not isfinite(number) or not number.is_integer() or abs(number) > MAX_EXACT_INTEGER:
        raise _out_of_range(additional, "product_id", "whole numbers of at most 2^53")
    exact = int(value) if value.is_integer_literal else int(number)
    if abs(exact) > MAX_EXACT_INTEGER:
        raise _out_of_range(additional, "product_id", "whole numbers of at most 2^53")
    return str(exact)


def _out_of_range(additional: JsonObject, name: str, allowed: str) -> RefusedError:
    return RefusedError(
        RejectionReason.INVALID_NUMBER, f"`{_PREFIX}{name}` is outside of {allowed}: {quoted(additional[name])}"
    )


def _extra(event: JsonObject, additional: JsonObject) -> str | None:
    """Return what the contract does not know, as JSON text; the unknown fields of `additional_data` come last."""
    unknown = [(name, value) for name, value in event.members if name not in _TOP_LEVEL_NAMES]
    nested = [(name, value) for name, value in additional.members if name not in _ADDITIONAL_NAMES]
    if nested:
        unknown.append((_ADDITIONAL_DATA, JsonObject(nested)))
    return dump_json(JsonObject(unknown)) if unknown else None
