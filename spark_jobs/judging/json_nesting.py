"""JSON text → how deep it nests, without recursion: to be known before a parser may recurse."""

import re
from typing import Final

_TOKEN: Final = re.compile(
    r"[ \t\n\r]*(?:"
    r'(?P<string>"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*")'
    r"|(?P<scalar>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)"
    r"|(?P<mark>[\[\]{},:])"
    r"|(?P<end>\Z))"
)

_VALUE: Final = frozenset({"string", "scalar", "[", "{"})
_OPEN_TO_CLOSE: Final = {"[": "]", "{": "}"}


def nesting_depth(text: str) -> int | None:
    """Return the deepest nesting of objects and arrays in `text`, or None if it is not one JSON value.

    >>> nesting_depth('[{"a": []}, 1]'), nesting_depth('{"a": {}}'), nesting_depth("7"), nesting_depth("[1,]")
    (3, 2, 0, None)
    """
    open_brackets: list[str] = []
    deepest, position = 0, 0
    allowed = _VALUE
    while True:
        match = _TOKEN.match(text, position)
        if match is None:
            return None
        kind = str(match.lastgroup)
        symbol = match[kind] if kind == "mark" else kind
        if symbol not in allowed:
            return None
        if symbol == "end":
            return deepest
        if symbol in _OPEN_TO_CLOSE:
            open_brackets.append(symbol)
            deepest = max(deepest, len(open_brackets))
        elif symbol in "]}":
            open_brackets.pop()
        allowed = _allowed_after(symbol, allowed, open_brackets)
        position = match.end()


_NAME: Final = frozenset({"string"})
_COLON: Final = frozenset({":"})
_AFTER_NAME_VALUE: Final = frozenset({",", "}"})
_AFTER_ELEMENT: Final = frozenset({",", "]"})
_END: Final = frozenset({"end"})
_FIRST_NAME: Final = frozenset({"string", "}"})
_FIRST_ELEMENT: Final = _VALUE | {"]"}


def _allowed_after(symbol: str, allowed: frozenset[str], open_brackets: list[str]) -> frozenset[str]:
    if symbol == "[":
        return _FIRST_ELEMENT
    if symbol == "{":
        return _FIRST_NAME
    if symbol == ":":
        return _VALUE
    if not open_brackets:
        return _END
    if open_brackets[-1] == "[":
        return _VALUE if symbol == "," else _AFTER_ELEMENT
    if symbol == ",":
        return _NAME
    return _COLON if symbol == "string" and allowed in (_NAME, _FIRST_NAME) else _AFTER_NAME_VALUE
