"""The event's fields: which there are, and what a value of each means in its column.

What can't be understood costs an optional field, not the event: the field is null and named, and `extra` keeps the
value, but for those of which the tables keep a part only.
"""

import json
import re
from collections.abc import Callable
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from math import isfinite
from typing import Any

from tests.specification.addresses import truncated
from tests.specification.json_values import Constant, Number, Object, Value
from tests.specification.timestamps import epoch, moment

BLANKS = " \t\r\n"
LARGEST_EXACT = 2**53
PRICE_LIMIT = 10**16
NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?", re.ASCII)


class UnreadError(ValueError):
    """The value is not what its field is for."""


def text(value: Value, longest: int | None = None) -> str:
    """A text, or a whole number, which is its digits: as written, or as a double that is exact."""
    if isinstance(value, Number):
        value = _digits(value)
    if not isinstance(value, str) or (longest is not None and len(value) > longest):
        raise UnreadError
    return value


def _digits(number: Number) -> str:
    if number.is_integer:
        return "0" if number.spelling == "-0" else number.spelling
    if not isfinite(number.double) or not number.double.is_integer() or abs(number.double) > LARGEST_EXACT:
        raise UnreadError
    return str(int(number.double))


def user_id(value: Value) -> str:
    return text(value, 256)


def campaign(value: Value) -> str:
    return text(value, 256)


def url(value: Value) -> str | None:
    """A page's address before its query and its fragment."""
    if not isinstance(value, str) or len(value) > 8_192:
        raise UnreadError
    return re.split("[?#]", value, maxsplit=1)[0] or None


def address(value: Value) -> str | None:
    if not isinstance(value, str):
        raise UnreadError
    return truncated(value)


def currency(value: Value) -> str:
    if not isinstance(value, str) or not re.fullmatch("[A-Za-z]{3}", value.strip(BLANKS)):
        raise UnreadError
    return value.strip(BLANKS).upper()


def time(value: Value) -> datetime:
    found = epoch(value.spelling) if isinstance(value, Number) else moment(value) if isinstance(value, str) else None
    if found is None:
        raise UnreadError
    return found


def double(value: Value) -> float:
    """A number, or a text that is one, as a double, which must be finite."""
    if isinstance(value, str) and NUMBER.fullmatch(value.strip(BLANKS)):
        value = Number(value.strip(BLANKS))
    if not isinstance(value, Number) or not isfinite(value.double):
        raise UnreadError
    return value.double


def price(value: Value) -> Decimal:
    """From 0 to 10^16: the shortest spelling of its double, rounded half up to cents."""
    number = double(value)
    if not 0 <= number < PRICE_LIMIT:
        raise UnreadError
    return Decimal(repr(number)).quantize(Decimal("0.01"), ROUND_HALF_UP)


def given_back(value: Value) -> Decimal:
    """The price of a refund: as much below nothing means the same."""
    number = double(value)
    return price(Number(repr(-number)) if number < 0 else value)


REQUIRED = ("timestamp", "user_id", "click_id", "event_name")
#: Name → what a value means, of the event's optional fields and of its `additional_data`.
TOP_LEVEL: dict[str, Callable[[Value], Any]] = {
    "pixel_id": text,
    "insertion_timestamp": time,
    "sent_at": time,
    "anonymous_id": user_id,
    "user_ip": address,
    "page_url": url,
    "referrer": url,
    "utm_source": campaign,
    "utm_medium": campaign,
    "utm_campaign": campaign,
    "currency": currency,
}
ADDITIONAL: dict[str, Callable[[Value], Any]] = {
    "time_on_data": double,
    "percent_viewed": double,
    "product_id": text,
    "price": price,
}
KEPT_IN_PART = ("user_ip", "page_url", "referrer")


def is_absent(value: Value) -> bool:
    """Null and an empty text are as good as nothing."""
    return value is None or value == ""


def has_required(container: Object) -> bool:
    """Whether each required field is there; `anonymous_id` stands in for `user_id`."""
    return all(
        container.get(name) is not None or (name == "user_id" and container.get("anonymous_id") is not None)
        for name in REQUIRED
    )


def optional_values(event: Object, additional: Object, *, is_refund: bool) -> tuple[dict[str, Any], list[str]]:
    """The values of the optional fields, by name, and the paths of those that could not be read."""
    values: dict[str, Any] = {}
    unread = []
    nested = {**ADDITIONAL, "price": given_back} if is_refund else ADDITIONAL
    for prefix, container, fields in (("", event, TOP_LEVEL), ("additional_data.", additional, nested)):
        for name, meaning in fields.items():
            value = container.get(name)
            try:
                values[name] = None if is_absent(value) else meaning(value)
            except UnreadError:
                values[name] = None
                unread.append(prefix + name)
    data = event.get("additional_data")
    return values, [*(() if data is None or isinstance(data, Object) else ("additional_data",)), *unread]


def extra(event: Object, additional: Object, unread: list[str]) -> str | None:
    """What is not listed or could not be read, as `normal_text`; what is of `additional_data` comes last."""
    listed = {*REQUIRED, *TOP_LEVEL, "additional_data"} - (set(unread) - {*KEPT_IN_PART, "additional_data"})
    kept = [(name, value) for name, value in event.members if name not in listed]
    nested = tuple(
        (name, value)
        for name, value in additional.members
        if name not in ADDITIONAL or f"additional_data.{name}" in unread
    )
    if nested:
        kept.append(("additional_data", Object(nested)))
    elif "additional_data" in unread:
        kept.append(("additional_data", event.get("additional_data")))
    return normal_text(Object(tuple(kept))) if kept else None


def normal_text(value: Value) -> str:
    """JSON text in which equal values look equal: no space, whole numbers as they stand, the others as doubles."""
    match value:
        case Number():
            if value.is_integer or not isfinite(value.double):
                return "0" if value.spelling == "-0" else value.spelling
            return repr(value.double)
        case Constant():
            return json.dumps(value.spelling)
        case Object():
            return "{" + ",".join(f"{json.dumps(name)}:{normal_text(inner)}" for name, inner in value.members) + "}"
        case tuple():
            return "[" + ",".join(map(normal_text, value)) + "]"
        case _:
            return json.dumps(value)
