"""The users to be erased → their lines in raw and error objects, and their rows in tables.

Nearly no line of a lake is theirs, so lines are first looked at by the thousand, for the id or any escape; the
few that are left are validated as job 1 validates them. An error object wraps each record that Firehose could not
deliver in base64. Rows are found by the hash of `user_id`, so that no plan or log of Spark has an id.
"""

import base64
import binascii
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial, reduce
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.erasure import user_id_sha256
from contracts.partitions import parse_hour_key
from contracts.rejections import RejectionReason
from contracts.stages import TABLES
from contracts.tables import RECEIVED_EVENTS, REJECTED_EVENTS, Table
from spark_jobs.lake.data_files import map_in_arrow
from spark_jobs.lake.filters import HOUR_KEY_PATTERN
from spark_jobs.lake.lake import Lake
from spark_jobs.validation.erased_lines import USER_FIELDS, mentions
from spark_jobs.validation.line import Received, validate_line

#: Of one regular expression; more of them outgrow what its matcher may compile.
_IDS_AT_ONCE: Final = 200

_WHOLE: Final = re.compile("-?[0-9]+", re.ASCII)

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
        """Regular expressions for the ids in quotes, or as numbers in the place of an id.

        An escaped spelling has a backslash, and a whole number may have a point or an exponent: these are looked for
        in any case.
        """
        batches = [self.ids[start : start + _IDS_AT_ONCE] for start in range(0, len(self.ids), _IDS_AT_ONCE)]
        return tuple(map(_pattern, batches))

    def hold_line(self, line: bytes) -> bool:
        """Return whether a raw line is theirs: by its `user_id`, or, if it is no event, by any string in it."""
        if not mentions(line, self.hashes):
            return False
        line_is = validate_line(line)
        return user_id_sha256(str(line_is.values["user_id"])) in self.hashes if isinstance(line_is, Received) else True

    def hold_error(self, line: bytes) -> bool:
        """Return whether a line of an error object is theirs: by the record in it, or by any string beside it."""
        record = _undelivered(line)
        return mentions(line, self.hashes) or any(map(self.hold_line, record.split(b"\n")))

    def suspects(self, lines: pa.BinaryArray) -> list[int]:
        """Return the places of the lines that hold an id or an escape: all of theirs, and few others."""
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


def _pattern(ids: Iterable[str]) -> str:
    whole = [*(user_id for user_id in ids if _WHOLE.fullmatch(user_id)), r"-?[0-9]+[.eE]"]
    number = rf'"(?:{"|".join(USER_FIELDS)})"[ \t\r\n]*:[ \t\r\n]*(?:{"|".join(whole)})'
    return rf'"(?:{"|".join(map(_escaped, ids))})"|{number}|\\'


def _escaped(user_id: str) -> str:
    return "".join(_literal(character) for character in user_id)


def _literal(character: str) -> str:
    """Return a character as RE2 reads it literally."""
    if character.isalnum() or ord(character) >= 0x80:
        return character
    return f"\\{character}" if character.isprintable() else f"\\x{{{ord(character):x}}}"


#: The tables that know their rows' users.
USER_TABLES: Final = tuple(table for table in TABLES if any(column.name == "user_id" for column in table.columns))

#: Rejections without a line: their objects may hold anybody.
_WITHOUT_LINE: Final = (RejectionReason.ERASED_USER, RejectionReason.UNREADABLE_OBJECT)


@dataclass(frozen=True, kw_only=True)
class ObjectsRows:
    """Rows by the (landing hour, raw object) that they came from."""

    rows: Counter[tuple[datetime, str]]

    @property
    def hours(self) -> set[datetime]:
        return {hour for hour, _ in self.rows}

    @property
    def keys(self) -> set[str]:
        return {key for _, key in self.rows}


@dataclass(frozen=True, kw_only=True)
class UsersRows:
    """The rows of users in the tables of lines, `received` and `rejected`; of those `without_line` nobody knows whose.

    A rejection keeps no line if its user was erased before, or if its object could not be read.
    """

    received: ObjectsRows
    rejected: ObjectsRows
    without_line: ObjectsRows

    @property
    def hours(self) -> set[datetime]:
        """The landing hours that hold the users for certain."""
        return self.received.hours | self.rejected.hours

    @property
    def keys(self) -> set[str]:
        """The objects of which the tables say that they hold the users, or can't say that they don't."""
        return self.received.keys | self.rejected.keys | self.without_line.keys


def theirs(users: SoughtUsers) -> Column:
    """Return the condition that a row is one of the users'."""
    return F.sha2(F.col("user_id"), 256).isin(sorted(users.hashes))


def rejected_lines(frame: DataFrame, users: SoughtUsers, *, held: bool) -> DataFrame:
    """Return those rows of `rejected_events` whose line is the users' (`held`), or the others."""
    place = frame.columns.index("line")
    return map_in_arrow(frame, partial(_lines, place, users.hashes, held), frame.schema)


def _lines(
    place: int, hashes: frozenset[str], held: bool, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        lines = batch.column(place).to_pylist()
        wanted = [(line is not None and mentions(line, hashes)) is held for line in lines]
        yield batch.filter(pa.array(wanted, pa.bool_()))


def users_rows(lake: Lake, users: SoughtUsers) -> UsersRows:
    """Look for the users in both tables of lines, in one query: of a small lake, planning one is all that it costs."""
    received = _rows(lake, RECEIVED_EVENTS).where(theirs(users))
    rejections = _rows(lake, REJECTED_EVENTS).select("landing_hour", "object_key", "line", "rejection_reason")
    without_line = rejections.where(F.col("rejection_reason").isin([str(reason) for reason in _WITHOUT_LINE]))
    looked_at = {
        "received": received,
        "rejected": rejected_lines(rejections.where("line IS NOT NULL"), users, held=True),
        "without_line": without_line,
    }
    rows = reduce(DataFrame.unionAll, (_objects(frame, place) for place, frame in looked_at.items()))
    counted: dict[str, Counter[tuple[datetime, str]]] = {place: Counter() for place in looked_at}
    for row in rows.groupBy("place", "hour_key", "object_key").count().collect():
        counted[row.place][parse_hour_key(row.hour_key), row.object_key] = row["count"]
    return UsersRows(**{place: ObjectsRows(rows=found) for place, found in counted.items()})


def _objects(rows: DataFrame, place: str) -> DataFrame:
    hour_key = F.date_format("landing_hour", HOUR_KEY_PATTERN).alias("hour_key")
    return rows.select(F.lit(place).alias("place"), hour_key, "object_key")


def counted_rows(lake: Lake, users: SoughtUsers) -> tuple[dict[str, int], frozenset[str]]:
    """Return the users' rows in each table that has a `user_id`, and the hashes of those who have any."""
    counts: dict[str, int] = {}
    found: set[str] = set()
    for table in USER_TABLES:
        by_user = _rows(lake, table).where(theirs(users)).groupBy(F.sha2("user_id", 256).alias("user")).count()
        rows = by_user.collect()
        counts[table.name] = sum(row["count"] for row in rows)
        found |= {row.user for row in rows}
    return counts, frozenset(found)


def _rows(lake: Lake, table: Table) -> DataFrame:
    return lake.read(table)
