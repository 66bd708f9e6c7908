"""JSON value → compact JSON text, byte for byte as yyjson (inside DuckDB) writes it.

The column `extra` is written by DuckDB for ordinary lines and here for the others: one spelling, so that a line's row
does not depend on which of the two judged it.
"""

import json
import re
from decimal import Decimal
from math import isfinite
from typing import Final

from spark_jobs.judging.strict_json import JsonNumber, JsonObject, JsonValue

_ESCAPED_CONTROL: Final = re.compile(r"\\\\|\\u00[01][0-9a-f]")
_MIN_INT64, _MAX_UINT64 = -(2**63), 2**64 - 1
#: Beyond as many digits an integer exceeds 64 bits, and is kept as it is spelled.
_INT64_DIGITS: Final = 20


def dump_json(value: JsonValue) -> str:
    """Return `value` without any white space, members in their order, numbers in their shortest spelling."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case JsonNumber():
            return dump_number(value)
        case str():
            return _dump_string(value)
        case JsonObject():
            return "{" + ",".join(f"{_dump_string(name)}:{dump_json(inner)}" for name, inner in value.members) + "}"
        case _:
            return "[" + ",".join(map(dump_json, value)) + "]"


def dump_number(number: JsonNumber) -> str:
    """Return a number as a double's shortest digits; 64-bit integers, and what is too large for a double, as spelled.

    >>> [dump_number(JsonNumber(text)) for text in ("1.50", "1e2", "1e21", "1.5e-6", "1e-7", "-0", "1e999")]
    ['1.5', '100.0', '1e21', '0.0000015', '1e-7', '0', '1e999']
    """
    if number.is_integer_literal and _fits_64_bits(number):
        return str(int(number))
    value = float(number)
    if number.is_integer_literal or not isfinite(value):
        return str(number)
    if value == 0 or 1e-6 <= abs(value) < 1e21:
        text = format(Decimal(repr(value)), "f")
        return text if "." in text else f"{text}.0"
    mantissa, _, exponent = repr(value).partition("e")
    return f"{mantissa}e{int(exponent)}"


def _fits_64_bits(number: JsonNumber) -> bool:
    return len(number) <= _INT64_DIGITS and _MIN_INT64 <= int(number) <= _MAX_UINT64


def _dump_string(text: str) -> str:
    return _ESCAPED_CONTROL.sub(_upper_case_digits, json.dumps(text, ensure_ascii=False))


def _upper_case_digits(match: re.Match[str]) -> str:
    return match[0][:2] + match[0][2:].upper()
