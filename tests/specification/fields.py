"""The event's fields: which there are, of which JSON type, and what a value of each means in its column."""

import json
from decimal import ROUND_HALF_UP, Decimal
from math import isfinite

from tests.specification.json_values import Number, Object, Value

REQUIRED = ("timestamp", "user_id", "click_id", "event_name")
#: Name → JSON types, of the event and of its `additional_data`.
TOP_LEVEL = {
    "timestamp": (str,),
    "user_id": (str,),
    "click_id": (str,),
    "event_name": (str,),
    "pixel_id": (str,),
    "insertion_timestamp": (str,),
    "user_ip": (str,),
    "additional_data": (Object,),
}
ADDITIONAL = {
    "time_on_data": (Number,),
    "percent_viewed": (Number,),
    "product_id": (str, Number),
    "price": (Number,),
}
LARGEST_EXACT = 2**53
PRICE_LIMIT = 10**16


class OutOfRangeError(ValueError):
    """A number does not fit its column."""


def text(container: Object, name: str) -> str | None:
    """An optional text; an empty one is absent."""
    value = container.get(name)
    return value if isinstance(value, str) and value else None


def double(container: Object, name: str) -> float | None:
    """An optional number, as a double, which must be finite."""
    value = container.get(name)
    if not isinstance(value, Number):
        return None
    if not isfinite(value.double):
        raise OutOfRangeError
    return value.double


def is_negative_price(additional: Object) -> bool:
    price = additional.get("price")
    return isinstance(price, Number) and price.double < 0


def price(additional: Object) -> Decimal | None:
    """An optional price below 10^16: the shortest spelling of its double, rounded half up to cents."""
    value = double(additional, "price")
    if value is None:
        return None
    if value >= PRICE_LIMIT:
        raise OutOfRangeError
    return Decimal(repr(value)).quantize(Decimal("0.01"), ROUND_HALF_UP)


def product_id(additional: Object) -> str | None:
    """An optional text, or the digits of a whole number of at most 2^53."""
    value = additional.get("product_id")
    if not isinstance(value, Number):
        return text(additional, "product_id")
    if not isfinite(value.double) or not value.double.is_integer() or abs(value.double) > LARGEST_EXACT:
        raise OutOfRangeError
    whole = int(value.spelling) if value.is_integer else int(value.double)
    if abs(whole) > LARGEST_EXACT:
        raise OutOfRangeError
    return str(whole)


def extra(event: Object, additional: Object) -> str | None:
    """The fields that are not listed, as `normal_text`; those of `additional_data` lie in an object of that name."""
    unknown = [(name, value) for name, value in event.members if name not in TOP_LEVEL]
    nested = tuple((name, value) for name, value in additional.members if name not in ADDITIONAL)
    if nested:
        unknown.append(("additional_data", Object(nested)))
    return normal_text(Object(tuple(unknown))) if unknown else None


def normal_text(value: Value) -> str:
    """JSON text in which equal values look equal: no space, whole numbers as they stand, the others as doubles."""
    match value:
        case Number():
            if value.is_integer or not isfinite(value.double):
                return "0" if value.spelling == "-0" else value.spelling
            return repr(value.double)
        case Object():
            return "{" + ",".join(f"{json.dumps(name)}:{normal_text(inner)}" for name, inner in value.members) + "}"
        case tuple():
            return "[" + ",".join(map(normal_text, value)) + "]"
        case _:
            return json.dumps(value)
