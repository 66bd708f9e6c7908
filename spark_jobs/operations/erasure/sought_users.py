"""The users to be erased → which lines of a raw or error object are theirs: the rule of job 1, applied to bytes.

Nearly no line of a lake is theirs, so lines are first looked at by the thousand, for the quoted id or any escape; what
is left is judged as job 1 judges it. An error object wraps each record that Firehose could not deliver in base64.
"""

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from contracts.erasure import user_id_sha256
from spark_jobs.validation.erased_lines import mentions
from spark_jobs.validation.line import Received, validate_line

#: Of one regular expression; more of them outgrow what its matcher may compile.
_IDS_AT_ONCE: Final = 200

Holds = Callable[[bytes], bool]


@dataclass(frozen=True, kw_only=True)
class SoughtUsers:
    """The ids of the users to be erased, as they were given."""

    ids: tuple[str, ...]

    @cached_property
    def hashes_in_order(self) -> tuple[str, ...]:
        """The hash of each of them, in their order."""
        return tuple(map(user_id_sha256, self.ids))

    @cached_property
    def hashes(self) -> frozenset[str]:
        """The hashes by which `erased_users` knows them."""
        return frozenset(self.hashes_in_order)

    @cached_property
    def _patterns(self) -> tuple[str, ...]:
        """Regular expressions for the ids in quotes; an escaped spelling has a backslash, which is looked for too."""
        batches = (self.ids[start : start + _IDS_AT_ONCE] for start in range(0, len(self.ids), _IDS_AT_ONCE))
        return tuple(f'"(?:{"|".join(map(_escaped, batch))})"|\\\\' for batch in batches)

    def hold_line(self, line: bytes) -> bool:
        """Return whether a raw line is theirs: by its `user_id`, or, if it is no event, by any string in it."""
        if not mentions(line, self.hashes):
            return False
        judged = validate_line(line)
        return user_id_sha256(str(judged.values["user_id"])) in self.hashes if isinstance(judged, Received) else True

    def hold_error(self, line: bytes) -> bool:
        """Return whether a line of an error object is theirs: by the record in it, or by any string beside it."""
        record = _undelivered(line)
        return mentions(line, self.hashes) or any(map(self.hold_line, record.split(b"\n")))

    def suspects(self, lines: pa.BinaryArray) -> list[int]:
        """Return the places of the lines that hold an id in quotes, or an escape: all of theirs, and few others."""
        suspect = pa.array([False] * len(lines), pa.bool_())
        for pattern in self._patterns:
            suspect = pc.or_(suspect, pc.match_substring_regex(lines, pattern=pattern))
        places: list[int] = pc.indices_nonzero(suspect).to_pylist()
        return places

    def held_lines(self, chunk: bytes) -> int:
        """Return how many lines of a chunk of a raw object are theirs."""
        lines = pa.array(split_lines(chunk), pa.binary())
        return sum(self.hold_line(lines[place].as_py()) for place in self.suspects(lines))


def split_lines(chunk: bytes) -> list[bytes]:
    """Return the lines of a chunk with their newlines, which the last one may lack; together they are the chunk."""
    lines = [line + b"\n" for line in chunk.split(b"\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def without(chunk: bytes, holds: Holds) -> tuple[bytes, int]:
    """Return a chunk without the lines for which `holds`, and how many these were."""
    lines = split_lines(chunk)
    kept = [line for line in lines if not holds(line.removesuffix(b"\n"))]
    return b"".join(kept), len(lines) - len(kept)


def _undelivered(line: bytes) -> bytes:
    """Return the record in a line that Firehose wrote for one it could not deliver; nothing if there is none."""
    try:
        found = json.loads(line)
        return base64.b64decode(found["rawData"], validate=True) if isinstance(found, dict) else b""
    except (ValueError, KeyError, TypeError, binascii.Error, RecursionError):
        return b""


def _escaped(user_id: str) -> str:
    return "".join(_literal(character) for character in user_id)


def _literal(character: str) -> str:
    """Return a character as RE2 reads it literally."""
    if character.isalnum() or ord(character) >= 0x80:
        return character
    return f"\\{character}" if character.isprintable() else f"\\x{{{ord(character):x}}}"
