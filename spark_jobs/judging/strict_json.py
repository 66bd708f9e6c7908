"""A line → its JSON value by RFC 8259 to the letter, where the standard library is lenient or dies.

`json.loads` accepts NaN and lone surrogates, keeps the last of two equal names in silence, and recurses until it
breaks; here each of these has its own outcome. Numbers keep their spelling, so that nothing is lost, and no time is
spent on a number of a million digits, before the contract has said which type it wants.
"""

import json
import re
from collections.abc import Iterator
from typing import Final

from contracts.event import MAX_NESTING
from contracts.event_files import BYTE_ORDER_MARK
from spark_jobs.judging.json_nesting import nesting_depth

WHITESPACE: Final = " \t\n\r"


class JsonNumber(str):
    """A JSON number as it is spelled."""

    @property
    def is_integer_literal(self) -> bool:
        """Whether it has neither a fraction nor an exponent."""
        return not any(mark in self for mark in ".eE")


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


JsonValue = None | bool | str | JsonNumber | JsonObject | list["JsonValue"]


class NotJsonError(ValueError):
    """The line is not one JSON value; the message says where."""


class TooDeepError(ValueError):
    """The line is JSON, nested deeper than `MAX_NESTING`."""


def parse_json(line: bytes) -> JsonValue:
    """Return the value that `line` holds; raise `NotJsonError` or `TooDeepError`.

    A byte order mark before it is no part of it: not only of an object's first line, since files are joined to objects.
    """
    written = line.removeprefix(BYTE_ORDER_MARK)
    try:
        text = written.decode()
    except UnicodeDecodeError as error:
        raise NotJsonError(f"not UTF-8: byte 0x{written[error.start]:02x} at position {error.start}") from None
    if not text.strip(WHITESPACE):
        raise NotJsonError("an empty line")
    # Fewer brackets than that can't nest too deep: ordinary lines are spared the slow scan.
    if text.count("[") + text.count("{") > MAX_NESTING:
        depth = nesting_depth(text)
        if depth is not None and depth > MAX_NESTING:
            _refuse_lone_surrogates(text)
            raise TooDeepError(f"nested {depth} levels deep, more than {MAX_NESTING}")
        if depth is None:
            raise NotJsonError("brackets, commas or values are not where JSON has them")
    try:
        value: JsonValue = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise NotJsonError(f"{error.msg} at position {error.pos}") from None
    _refuse_lone_surrogates(text)
    return value


def _refuse_constant(name: str) -> None:
    raise NotJsonError(f"{name} is not a JSON number")


_DECODER: Final = json.JSONDecoder(
    parse_int=JsonNumber, parse_float=JsonNumber, parse_constant=_refuse_constant, object_pairs_hook=JsonObject
)

#: An escaped backslash, a whole pair, or half of one: the alternatives are tried in this order.
_SURROGATE: Final = re.compile(
    r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


def _refuse_lone_surrogates(text: str) -> None:
    """Raise `NotJsonError` if a string in `text` (JSON) escapes half a surrogate pair, which has no UTF-8 form."""
    for match in _SURROGATE.finditer(text):
        if match["lone"]:
            raise NotJsonError(f"{match['lone']} at position {match.start()} is half of a surrogate pair")
