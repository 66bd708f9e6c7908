"""Text → its JSON value by RFC 8259, and how deep it nests; or nothing, if it is not exactly one value.

NaN and the infinities, as Python writes them, are values, too; half of a surrogate pair is U+FFFD.

A parser of our own, with its own stack: Python's takes NaN, forgets repeated names, and recurses.
"""

import json
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Number:
    """A number as it is spelled."""

    spelling: str

    @property
    def is_integer(self) -> bool:
        """Whether it has neither a fraction nor an exponent."""
        return self.spelling.lstrip("-").isdigit()

    @property
    def double(self) -> float:
        """The double nearest to it, which may be infinite; `-0` is the integer 0."""
        return 0.0 if self.spelling == "-0" else float(self.spelling)


@dataclass(frozen=True)
class Object:
    """An object's members as they stand, repeated names and all."""

    members: tuple[tuple[str, "Value"], ...]

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.members]

    def has_repeated_names(self) -> bool:
        return len(set(self.names)) < len(self.members)

    def get(self, name: str) -> "Value":
        """Return the value of a name; None if it is null or not there."""
        return next((value for own, value in self.members if own == name), None)


@dataclass(frozen=True)
class Constant:
    """`NaN`, `Infinity` or `-Infinity`: no number, and what JSON does not have."""

    spelling: str


Value = None | bool | str | Number | Constant | Object | tuple["Value", ...]


@dataclass(frozen=True)
class Json:
    """A value, and the number of arrays and objects around its innermost one, itself included."""

    value: Value
    depth: int


_SPACE = re.compile(r"[ \t\n\r]*")
_SCALAR = re.compile(
    r"(?P<constant>NaN|-?Infinity)|"
    r'(?P<string>"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*")'
    r"|(?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)"
    r"|(?P<word>true|false|null)"
)
_WORDS: dict[str, Value] = {"true": True, "false": False, "null": None}


class _NoJsonError(ValueError):
    """The text breaks the grammar."""


@dataclass
class _Open:
    """An array or object that is still being read; `name` is that of the member whose value comes next."""

    closing: str
    items: list[Value]
    members: list[tuple[str, Value]]
    name: str = ""

    def add(self, value: Value) -> None:
        if self.closing == "]":
            self.items.append(value)
        else:
            self.members.append((self.name, value))

    def closed(self) -> Value:
        return tuple(self.items) if self.closing == "]" else Object(tuple(self.members))


def parse(line: bytes) -> Json | None:
    """Return the one JSON value that a line in UTF-8 holds, or None."""
    try:
        return _Parser(line.decode("utf-8")).whole()
    except (UnicodeDecodeError, _NoJsonError):
        return None


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._open: list[_Open] = []
        self._depth = 0

    def whole(self) -> Json:
        """value = scalar | '[' [value {',' value}] ']' | '{' [name ':' value {',' name ':' value}] '}'."""
        value = self._value()
        while self._open:
            self._open[-1].add(value)
            if self._take(","):
                self._name()
                value = self._value()
            else:
                self._expect(self._open[-1].closing)
                value = self._open.pop().closed()
        if self._peek():
            raise _NoJsonError
        return Json(value, self._depth)

    def _value(self) -> Value:
        """Open containers until a scalar, or an empty container, is there."""
        while True:
            for opening, closing in ("[]", "{}"):
                if self._take(opening):
                    self._open.append(_Open(closing, [], []))
                    self._depth = max(self._depth, len(self._open))
                    break
            else:
                return self._scalar()
            if self._take(self._open[-1].closing):
                return self._open.pop().closed()
            self._name()

    def _name(self) -> None:
        """Read what stands before a member's value; an array's has none."""
        if self._open[-1].closing == "}":
            name = self._scalar()
            if not isinstance(name, str):
                raise _NoJsonError
            self._expect(":")
            self._open[-1].name = name

    def _scalar(self) -> Value:
        self._peek()
        match = _SCALAR.match(self._text, self._at)
        if match is None:
            raise _NoJsonError
        self._at = match.end()
        if match["constant"]:
            return Constant(match["constant"])
        if match["string"]:
            return _unescaped(match["string"])
        return Number(match["number"]) if match["number"] else _WORDS[match["word"]]

    def _peek(self) -> str:
        space = _SPACE.match(self._text, self._at)
        self._at = space.end() if space else self._at
        return self._text[self._at : self._at + 1]

    def _take(self, mark: str) -> bool:
        found = self._peek() == mark
        self._at += found
        return found

    def _expect(self, mark: str) -> None:
        if not self._take(mark):
            raise _NoJsonError


def _unescaped(literal: str) -> str:
    """Return the string; half of a surrogate pair is U+FFFD, since no UTF-8 can hold it."""
    return "".join("\ufffd" if "\ud800" <= mark <= "\udfff" else mark for mark in str(json.loads(literal)))
