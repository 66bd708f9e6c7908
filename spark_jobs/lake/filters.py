"""A set of hours or days → the SQL predicate that holds exactly in them.

Where a column is partitioned by hour or day, the predicate is a flat list of partitions, which prunes files and looks
at no row. Where rows within a file must be told apart, it is by time.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Final

from contracts.names import CATALOG
from contracts.partitions import DAY, HOUR, day_key, day_of, hour_of, ordinal
from contracts.tables import Partition
from contracts.timestamps import EPOCH

HourRange = tuple[datetime, datetime]

#: Spark's way to write `contracts.partitions.HOUR_KEY_FORMAT`.
HOUR_KEY_PATTERN: Final = "yyyy-MM-dd'T'HH"


def hour_ordinals(hours: Iterable[datetime]) -> list[int]:
    """Return hours as Iceberg numbers their partitions: counted from the epoch, each once, in order."""
    return sorted(set(map(ordinal, hours)))


def day_ordinals(hours: Iterable[datetime]) -> list[int]:
    """Return the days that contain the hours, counted from the epoch, each once, in order."""
    return sorted({(hour - EPOCH) // DAY for hour in hours})


def in_hour_partitions(column: str, hours: Iterable[datetime]) -> str:
    """Return the condition that a row is in the partitions, by `hours(column)`, of certain hours."""
    return _in(f"{CATALOG}.system.hours({column})", hour_ordinals(hours))


def in_day_partitions(column: str, hours: Iterable[datetime]) -> str:
    """Return the condition that a row is in the partitions, by `days(column)`, that contain certain hours."""
    return _in(f"{CATALOG}.system.days({column})", _date_literals(map(day_of, hours)))


def in_days(partition: Partition, days: Iterable[date]) -> str:
    """Return the condition that a row is in the partitions of certain days, by a date or by `days` of a timestamp."""
    term = partition.column if partition.transform == "identity" else f"{CATALOG}.system.days({partition.column})"
    return _in(term, _date_literals(days))


def at_hours(column: str, hours: Iterable[datetime]) -> str:
    """Return the condition that a column, which has whole hours as values, is one of them."""
    return _in(column, [sql_literal(hour) for hour in sorted(set(hours))])


def hour_ranges(hours: Collection[datetime]) -> list[HourRange]:
    """Return the half-open ranges that the hours fill, in order.

    >>> from datetime import UTC
    >>> [(a.hour, b.hour) for a, b in hour_ranges([datetime(2026, 1, 1, h, tzinfo=UTC) for h in (3, 1, 2, 7)])]
    [(1, 4), (7, 8)]
    """
    return list(_ranges(sorted({hour_of(hour) for hour in hours})))


def sql_literal(moment: datetime) -> str:
    """Return an aware datetime as a Spark SQL literal."""
    return f"TIMESTAMP'{moment.isoformat(sep=' ')}'"


def _date_literals(days: Iterable[date]) -> list[str]:
    return [f"DATE'{day_key(day)}'" for day in sorted(set(days))]


def _in(term: str, literals: Sequence[object]) -> str:
    return f"{term} IN ({', '.join(str(literal) for literal in literals)})" if literals else "false"


def _ranges(hours: Sequence[datetime]) -> Iterator[HourRange]:
    start = None
    for index, hour in enumerate(hours):
        start = start or hour
        if index + 1 == len(hours) or hours[index + 1] != hour + HOUR:
            yield start, hour + HOUR
            start = None
