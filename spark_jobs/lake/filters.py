"""A set of hours or days → the condition that holds exactly in them, as Spark's SQL and as Iceberg's JSON.

Where a column is partitioned by hour or day, the condition is a flat list of partitions, which prunes files and looks
at no row. Where rows within a file must be told apart, it is by time. Iceberg's expressions are written as JSON, which
its `ExpressionParser` reads in one call however many hours there are.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import zip_longest
from typing import Any, Final

from contracts.names import CATALOG
from contracts.partitions import HOUR, day_key, day_of, hour_of, ordinal
from contracts.tables import Partition

HourRange = tuple[datetime, datetime]

#: Spark's way to write `contracts.partitions.HOUR_KEY_FORMAT`.
HOUR_KEY_PATTERN: Final = "yyyy-MM-dd'T'HH"


def hour_ordinals(hours: Iterable[datetime]) -> list[int]:
    """Return hours as Iceberg numbers their partitions: counted from the epoch, each once, in order."""
    return sorted(set(map(ordinal, hours)))


def in_hour_partitions(column: str, hours: Iterable[datetime]) -> str:
    """Return the condition that a row is in the partitions, by `hours(column)`, of certain hours."""
    return _in(f"{CATALOG}.system.hours({column})", hour_ordinals(hours))


def in_day_partitions(column: str, hours: Iterable[datetime]) -> str:
    """Return the condition that a row is in the partitions, by `days(column)`, that contain certain hours."""
    return _in(f"{CATALOG}.system.days({column})", _date_literals(map(day_of, hours)))


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


#: A condition as Iceberg's JSON has it.
Condition = Mapping[str, Any] | bool

EVERYTHING: Final[Condition] = True


def partitions_of_hours(column: str, hours: Iterable[datetime]) -> Condition:
    """Return the condition that a row is in the partitions, by `hours(column)`, of certain hours."""
    return {"type": "in", "term": _transformed("hour", column), "values": hour_ordinals(hours)}


def partitions_of_days(partition: Partition, days: Iterable[date]) -> Condition:
    """Return the condition that a row is in the partitions of certain days, by a date or by `days` of a timestamp."""
    term = partition.column if partition.transform == "identity" else _transformed("day", partition.column)
    return {"type": "in", "term": term, "values": [day_key(day) for day in sorted(set(days))]}


def between(column: str, start: date, end: date) -> Condition:
    """Return the condition that a time (or a date) is in `[start, end)`."""
    return both(
        {"type": "gt-eq", "term": column, "value": start.isoformat()},
        {"type": "lt", "term": column, "value": end.isoformat()},
    )


def in_ranges(column: str, hours: Collection[datetime]) -> Condition:
    """Return the condition that a time is in one of the hours; the ranges are nested in pairs, so not too deep."""
    conditions: list[Condition] = [between(column, start, end) for start, end in hour_ranges(hours)]
    while len(conditions) > 1:
        pairs = zip_longest(conditions[::2], conditions[1::2])
        conditions = [one if other is None else {"type": "or", "left": one, "right": other} for one, other in pairs]
    return conditions[0]


def equals(column: str, value: str) -> Condition:
    """Return the condition that a text is a certain one."""
    return {"type": "eq", "term": column, "value": value}


def both(one: Condition, other: Condition) -> Condition:
    """Return the condition that two conditions hold."""
    return {"type": "and", "left": one, "right": other}


def _transformed(transform: str, column: str) -> Mapping[str, str]:
    return {"type": "transform", "transform": transform, "term": column}


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
