"""Validated lines → the same without what erased users sent: each of their lines is one rejection that keeps nothing.

An event is a user's by its `user_id`. A line that is no event may hold the id anywhere, so it counts as the user's if
any string in it is the id, however it is escaped, or a number in the place of an id; that may take a stranger's broken
line along, and leaves none behind.
"""

import re
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from contracts.erasure import user_id_sha256
from contracts.event import EVENT_FIELDS
from contracts.rejections import RejectionReason
from spark_jobs.validation.chunks import rejected_table
from spark_jobs.validation.line import Rejected, digits_of_number
from spark_jobs.validation.strict_json import JsonNumber

DETAIL: Final = "the user was erased; nothing of the line is kept"

#: A quote, and what lies between it and the next one; an escaped quote is none. The second quote is left, as it may
#: begin a string, too: a line that is not JSON does not say which quotes belong together.
_FROM_QUOTE: Final = re.compile(r'"((?:[^"\\]|\\.)*+)', re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_SHORT_ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}

#: How many levels deep a string is searched that holds JSON, whose strings hold JSON, and so on.
MAX_LEVELS: Final = 8


def is_erased(received: pa.Table, erased: Collection[str]) -> pa.BooleanArray:
    """Return for each received event whether its user is one of the hashed; each distinct id is hashed once."""
    user_ids = received.column("user_id")
    theirs = [user_id for user_id in pc.unique(user_ids).to_pylist() if user_id_sha256(user_id) in erased]
    return pc.is_in(user_ids, value_set=pa.array(theirs, pa.string()))


def mentions(line: bytes, erased: Collection[str]) -> bool:
    """Return whether a string in a line, JSON or not, or a number in the place of an id, is one of the hashed users."""
    return any(user_id_sha256(text) in erased for text in ids_in(line.decode(errors="replace")))


#: The names of the fields from which `user_id` comes.
USER_FIELDS: Final = tuple(
    name for field in EVENT_FIELDS if field.path == "user_id" for name in (field.name, field.stand_in)
)
_NUMBER: Final = re.compile(rf'"(?:{"|".join(USER_FIELDS)})"\s*+:\s*+(-?[0-9][0-9.eE+-]*)')


def ids_in(text: str) -> Iterator[str]:
    r"""Yield every string in a text, unescaped, numbers in the place of a user's id, and those of JSON in a string.

    >>> list(ids_in('{"user_id":"35"}')), list(ids_in('{"user_id":35.0}')), list(ids_in(r'"{\"35\":1}"'))
    (['user_id', ':', '35'], ['user_id', '35'], ['{"35":1}', '{', '35', ':1}'])
    """
    for _ in range(MAX_LEVELS):
        for match in _FROM_QUOTE.finditer(text):
            # If no quote follows, each later quote is an escaped one, and none follows those either: a search from each
            # of them would take hours for a line that consists of them.
            if not text.startswith('"', match.end()):
                break
            yield _unescaped(match[1])
        for match in _NUMBER.finditer(text):
            yield from _digits(match[1])
        if "\\" not in text:
            return
        text = _unescaped(text)


def _digits(number: str) -> Iterator[str]:
    """Yield the text that a number in the place of an id becomes, if it is one."""
    try:
        yield digits_of_number(JsonNumber(number))
    except ValueError:
        return


def _unescaped(text: str) -> str:
    """Return a text with its escapes read as JSON's, once; half a surrogate pair stays one."""
    if "\\" not in text:
        return text
    halves = _ESCAPE.sub(_character, text)
    return halves.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _character(match: re.Match[str]) -> str:
    return chr(int(match[1], 16)) if match[1] else _SHORT_ESCAPES.get(match[2], match[2])


def without_erased(received: pa.Table, rejected: pa.Table, erased: Collection[str]) -> tuple[pa.Table, pa.Table]:
    """Return received and rejected rows; those of erased users become rejections without a line."""
    theirs = is_erased(received, erased)
    lines = rejected.column("line").to_pylist()
    mentioned = pa.array([line is not None and mentions(line, erased) for line in lines], pa.bool_())
    arrivals = [
        *received.filter(theirs).column("received_at").to_pylist(),
        *rejected.filter(mentioned).column("received_at").to_pylist(),
    ]
    if not arrivals:
        return received, rejected
    kept = rejected.filter(pc.invert(mentioned))
    return received.filter(pc.invert(theirs)), pa.concat_tables([kept, _refusals(arrivals)])


def _refusals(arrivals: list[datetime | None]) -> pa.Table:
    return rejected_table(
        [
            Rejected(rejection_reason=RejectionReason.ERASED_USER, detail=DETAIL, line=None, received_at=arrival)
            for arrival in arrivals
        ]
    )
