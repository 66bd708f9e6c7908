"""What each commit replaced, noted in its snapshot, and read again to see whether certain hours changed since.

Iceberg finds conflicts by file, and a file of a table partitioned by day holds many hours. With this note two runs of
different hours of one day do not disturb each other, and two runs of the same hour always do.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from contracts.partitions import hour_key, parse_hour_key
from spark_jobs.tables.hour_filters import HourRange, hour_ranges
from spark_jobs.tables.iceberg_table import Commit

#: Name of the note in a snapshot's summary.
REPLACED_HOURS: Final = "clickstream.replaced-hours"
#: Names the part of the table that was replaced, where tables of several owners are one.
_REPLACED_PART: Final = "clickstream.replaced-part"


@dataclass(frozen=True, kw_only=True)
class TablePart:
    """A value of a column by which a table is partitioned, so that whoever owns the value owns whole files."""

    column: str
    value: str

    @property
    def condition(self) -> str:
        """Return the SQL condition that holds in the part."""
        return f"{self.column} = '{self.value}'"


def replaced_note(hours: Collection[datetime], part: TablePart | None) -> Mapping[str, str]:
    """Return what to note in the summary of a commit that replaces hours, of all the table or of a part of it."""
    return {REPLACED_HOURS: hours_note(hours), **({} if part is None else {_REPLACED_PART: part.condition})}


def hours_note(hours: Collection[datetime]) -> str:
    """Return hours as text: half-open ranges such as `2026-11-22T10/2026-11-22T12`, separated by spaces."""
    return " ".join(f"{hour_key(start)}/{hour_key(end)}" for start, end in hour_ranges(hours))


def noted_ranges(note: str) -> list[HourRange]:
    """Return the ranges that `hours_note` wrote."""
    return [(parse_hour_key(start), parse_hour_key(end)) for start, end in (item.split("/") for item in note.split())]


def touches(commit: Commit, hours: Collection[datetime], part: TablePart | None = None) -> bool:
    """Tell whether a commit may have changed rows of the hours; a commit of unknown origin may have changed any.

    Iceberg's `replace` is compaction: other files, the same rows.
    """
    if commit.operation == "replace":
        return False
    if part is not None and commit.summary.get(_REPLACED_PART, part.condition) != part.condition:
        return False
    note = commit.summary.get(REPLACED_HOURS)
    return note is None or _overlap(noted_ranges(note), hour_ranges(hours))


def _overlap(some: Iterable[HourRange], others: Collection[HourRange]) -> bool:
    return any(start < other_end and other_start < end for start, end in some for other_start, other_end in others)
