"""A line → its JSON value by RFC 8259, or near it; and a value → text, for the column `extra` and for a person.

`json.loads` takes NaN for a number, keeps lone surrogates and the last of two equal names in silence, and recurses
until it breaks; here each of these has its own outcome. Numbers keep their spelling, so that nothing is lost, and no
time is spent on a number of a million digits, before the contract has said which type it wants.
"""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from math import isfinite
from types import NoneType
from typing import Final

from contracts.event import MAX_NESTING
from contracts.file_formats import BYTE_ORDER_MARK

WHITESPACE: Final = " \t\n\r"


class JsonNumber(str):
    """A JSON number as it is spelled."""

    @property
    def is_integer_literal(self) -> bool:
        """Whether it has neither a fraction nor an exponent."""
        return not any(mark in self for mark in ".eE")


class JsonConstant(str):
    """`NaN`, `Infinity` or `-Infinity`, which Python writes and JSON does not have: a value, but no number."""


class JsonObject(dict[str, "JsonValue"]):
    """A JSON object; `members` are its pairs as written, with repeated names."""

    def __init__(self, members: list[tuple[str, "JsonValue"]]) -> None:
        super().__init__(members)
        self.members = members

    def repeated_names(self) -> Iterator[str]:
        """Yield each name that occurs a second time."""
        if len(self.members) > len(self):
            seen: set[str] = set()
            for name, _ in self.members:
                if name in seen:
                    yield name
                seen.add(name)


JsonValue = None | bool | str | JsonNumber | JsonConstant | JsonObject | list["JsonValue"]


class NotJsonError(ValueError):
    """The line is not one JSON value; the message says where."""


class TooDeepError(ValueError):
    """The line is JSON, nested deeper than `MAX_NESTING`."""


def parse_json(line: bytes) -> JsonValue:
    """Return the value that `line` holds; raise `NotJsonError` or `TooDeepError`.

    A byte order mark before the value is ignored, on any line: files that begin with one are joined to objects. Half of
    an escaped surrogate pair, which a client leaves that cuts a text within an emoji, is U+FFFD, as browsers write it.
    """
    written = line.removeprefix(BYTE_ORDER_MARK)
    try:
        text = written.decode()
    except UnicodeDecodeError as error:
        raise NotJsonError(f"not UTF-8: byte 0x{written[error.start]:02x} at position {error.start}") from None
    if not text.strip(WHITESPACE):
        raise NotJsonError("an empty line")
    if "\\u" in text:
        text = _SURROGATE.sub(lambda match: r"\ufffd" if match["lone"] else match[0], text)
    # Fewer brackets than that can't nest too deep: most lines are spared the search for them.
    if text.count("[") + text.count("{") <= MAX_NESTING:
        value, depth = _decoded(text), 0
    else:
        value, depth = _decoded_in_pieces(text)
    if depth > MAX_NESTING:
        raise TooDeepError(f"nested {depth} levels deep, more than {MAX_NESTING}")
    return value


_DECODER: Final = json.JSONDecoder(
    parse_int=JsonNumber, parse_float=JsonNumber, parse_constant=JsonConstant, object_pairs_hook=JsonObject
)

#: An escaped backslash, a whole surrogate pair, or half of one, which has no UTF-8 form; the alternatives are tried in
#: this order.
_SURROGATE: Final = re.compile(
    r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


def _decoded(text: str) -> JsonValue:
    try:
        value: JsonValue = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise NotJsonError(f"{error.msg} at position {error.pos}") from None
    return value


#: A string, to the text's end if no quote ends it, whose brackets do not count; or a bracket.
_BRACKET: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|(?P<open>[\[{])|(?P<close>[\]}])', re.DOTALL)


def _decoded_in_pieces(text: str) -> tuple[JsonValue, int]:
    """Return the value of a text with many brackets, and how deep it nests; raise `NotJsonError`.

    The decoder recurses, so it is only given pieces that nest at most `MAX_NESTING` levels. A piece that nests deeper
    within another is decoded on its own, and a `0` takes its place; so the value is whole only if the depth is allowed.
    """
    outer: list[list[str]] = [[]]
    start = depth = deepest = 0
    try:
        for match in _BRACKET.finditer(text):
            if match["open"]:
                if depth > 0 and depth % MAX_NESTING == 0:
                    outer[-1].append(f"{text[start : match.start()]} 0 ")
                    outer.append([])
                    start = match.start()
                depth += 1
                deepest = max(deepest, depth)
            elif match["close"]:
                depth -= 1
                if depth > 0 and depth % MAX_NESTING == 0:
                    _decoded("".join(outer.pop()) + text[start : match.end()])
                    start = match.end()
        return _decoded("".join(outer.pop()) + text[start:]), deepest
    except NotJsonError:
        raise NotJsonError("brackets, commas or values are not where JSON has them") from None


_ESCAPED_CONTROL: Final = re.compile(r"\\\\|\\u00[01][0-9a-f]")
_MIN_INT64, _MAX_UINT64 = -(2**63), 2**64 - 1
#: An integer of more digits exceeds 64 bits, and is kept as it is spelled.
_INT64_DIGITS: Final = 20


def dump_json(value: JsonValue) -> str:
    """Return `value` without any white space, members in their order, numbers in their shortest spelling.

    A constant becomes a string, so that the text is JSON.

    The text is byte for byte what yyjson (inside DuckDB) writes: the column `extra` is written by DuckDB for most lines
    and here for the others, and a line's row must not depend on which of the two validated it.
    """
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
    if number.is_integer_literal and len(number) <= _INT64_DIGITS and _MIN_INT64 <= int(number) <= _MAX_UINT64:
        return str(int(number))
    value = float(number)
    if number.is_integer_literal or not isfinite(value):
        return str(number)
    if value == 0 or 1e-6 <= abs(value) < 1e21:
        text = format(Decimal(repr(value)), "f")
        return text if "." in text else f"{text}.0"
    mantissa, _, exponent = repr(value).partition("e")
    return f"{mantissa}e{int(exponent)}"


def _dump_string(text: str) -> str:
    return _ESCAPED_CONTROL.sub(lambda match: match[0][:2] + match[0][2:].upper(), json.dumps(text, ensure_ascii=False))


#: The most characters of a value that a rejection's `detail` quotes; the whole line is kept beside it.
MAX_QUOTED: Final = 200

_TYPE_NAMES: Final[dict[type, str]] = {
    NoneType: "null",
    bool: "boolean",
    JsonNumber: "number",
    JsonConstant: "constant",
    str: "string",
    list: "array",
    JsonObject: "object",
}


def json_type(value: JsonValue) -> str:
    """Return the name of a value's type as JSON Schema has it; every number is a `number`, NaN a `constant`."""
    return _TYPE_NAMES[type(value)]


def with_article(type_name: str) -> str:
    """Return the name of a type as a sentence needs it."""
    return type_name if type_name == "null" else f"an {type_name}" if type_name[0] in "ao" else f"a {type_name}"


def described_type(value: JsonValue) -> str:
    """Return a value's type with its article, for a sentence."""
    return with_article(json_type(value))


def quoted(value: JsonValue) -> str:
    """Return a value as JSON text, cut."""
    return cut(dump_json(value))


def cut(text: str) -> str:
    """Return a text of at most `MAX_QUOTED` characters, marked if it was longer."""
    return text if len(text) <= MAX_QUOTED else text[: MAX_QUOTED - 1] + "…"
