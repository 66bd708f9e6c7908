"""A rejected line → what may be shown of it: its shape, and the field that it was rejected for.

A line that was rejected may hold anything, at any place. So of its words each letter is `x` and each digit `9`, but for
the names of the contract's fields. The value of the offending field stands as it was sent, unless that says who
somebody is.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from contracts.envelope import ENVELOPE_FIELDS, STAMPED_FIELDS
from contracts.event import EVENT_FIELDS
from contracts.privacy import ADDRESS_FIELDS
from pages.panels import Piece

#: A line is looked at up to so many bytes, and shown up to so many characters.
_LOOKED_AT: Final = 4_096
_SHOWN: Final = 600
_VALUE_SHOWN: Final = 120

_FIELD_OF_DETAIL: Final = re.compile(r"`([A-Za-z0-9_.$-]{1,64})`")
_FIELD_NAMES: Final = frozenset({*ENVELOPE_FIELDS, *(field.name for field in EVENT_FIELDS)})
_PERSONAL: Final = frozenset(
    {*ADDRESS_FIELDS, *(field.name for field in (*EVENT_FIELDS, *STAMPED_FIELDS) if field.personal)}
)
_KEY: Final = re.compile(r'"(?P<name>[a-z_]{1,64})"\s*:')
#: A string, or a number or word; an object or array is shown masked like all the rest.
_SCALAR: Final = re.compile(r'\s*(?P<value>"(?:[^"\\]|\\.)*"|[A-Za-z0-9+.\-]+)')


def field_of(detail: str) -> str | None:
    """Return the field that a rejection's detail names first, if any.

    >>> field_of("`timestamp` is in none of the forms: 'yesterday'"), field_of("12 bytes")
    ('timestamp', None)
    """
    named = _FIELD_OF_DETAIL.search(detail)
    return named[1] if named else None


def pieces_of(line: bytes, field: str | None) -> Sequence[Piece]:
    """Return a line in pieces: known names, the offending field's name and value marked, all else masked.

    >>> [piece.text for piece in pieces_of(b'{"event":{"user_id":"ann","price":-4}}', "price")]
    ['{', '"event":', '{', '"user_id":', '"xxx",', '"price":', '-4', '}}']
    """
    text = line[:_LOOKED_AT].decode(errors="replace")
    offending = field.rpartition(".")[2] if field else None
    shown: list[Piece] = []
    length = 0
    for piece in _pieces(text, offending):
        if length + len(piece.text) > _SHOWN:
            shown.append(Piece(text="…"))
            break
        length += len(piece.text)
        shown.append(piece)
    else:
        if len(line) > _LOOKED_AT:
            shown.append(Piece(text="…"))
    return shown


def _pieces(text: str, offending: str | None) -> Iterator[Piece]:
    at = 0
    for key in _KEY.finditer(text):
        if key.start() < at or key["name"] not in _FIELD_NAMES:
            continue
        yield from _masked(text[at : key.start()])
        at = key.end()
        is_offending = key["name"] == offending
        yield Piece(text=key[0], marked=is_offending)
        value = _SCALAR.match(text, at) if is_offending else None
        if value is not None:
            at = value.end()
            yield from _offending_value(key["name"], value[0])
    yield from _masked(text[at:])


def _offending_value(name: str, text: str) -> Iterator[Piece]:
    if name in _PERSONAL:
        yield Piece(text=_without_words(text), marked=True, masked=True)
    else:
        yield Piece(text=text if len(text) <= _VALUE_SHOWN else f"{text[: _VALUE_SHOWN - 1]}…", marked=True)


def _masked(text: str) -> Iterator[Piece]:
    # In lengths that a page can break, and a limit can cut.
    for start in range(0, len(text), 100):
        part = text[start : start + 100]
        masked = _without_words(part)
        yield Piece(text=masked, masked=masked != part)


def _without_words(text: str) -> str:
    return re.sub(r"\w", lambda match: "9" if match[0].isdigit() else "_" if match[0] == "_" else "x", text)
