"""A set of hours → the SQL predicate that holds exactly in them: few ranges where the hours are contiguous."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from contracts.partitions import HOUR, hour_of

HourRange = tuple[datetime, datetime]


def hour_ranges(hours: Collection[datetime]) -> list[HourRange]:
    """Return the half-open ranges that the hours fill, in order.

    >>> from datetime import UTC
    >>> [(a.hour, b.hour) for a, b in hour_ranges([datetime(2026, 1, 1, h, tzinfo=UTC) for h in (3, 1, 2, 7)])]
    [(1, 4), (7, 8)]
    """
    return list(_ranges(sorted({hour_of(hour) for hour in hours})))


def _ranges(hours: Sequence[datetime]) -> Iterator[HourRange]:
    start = None
    for index, hour in enumerate(hours):
        start = start or hour
        if index + 1 == len(hours) or hours[index + 1] != hour + HOUR:
            yield start, hour + HOUR
            start = None


def within(column: str, hours: Collection[datetime]) -> str:
    """Return the SQL condition that a timestamp column lies in one of the hours; false if there is none."""
    return within_ranges(column, hour_ranges(hours))


def within_ranges(column: str, ranges: Sequence[HourRange]) -> str:
    """Return the SQL condition that a timestamp column lies in one of the half-open ranges."""
    return _any_of([f"({column} >= {sql_literal(a)} AND {column} < {sql_literal(b)})" for a, b in ranges])


def sql_literal(moment: datetime) -> str:
    """Return an aware datetime as a Spark SQL literal."""
    return f"TIMESTAMP'{moment.isoformat(sep=' ')}'"


def _any_of(conditions: list[str]) -> str:
    """Return the disjunction as a balanced tree: planners recurse into it, and a chain of 1,700 is too deep."""
    if len(conditions) <= 1:
        return conditions[0] if conditions else "false"
    middle = len(conditions) // 2
    return f"({_any_of(conditions[:middle])} OR {_any_of(conditions[middle:])})"
