"""The SQL, in DuckDB's dialect, by which a day's events are dealt out to parts of its users, and what these add up to.

What a part computes is in `day_queries`: each part runs the queries of a whole day.
"""

# ruff: noqa: S608 (the queries are made of constants, numbers, and paths that this package names)

from collections.abc import Sequence
from typing import Final

from contracts.tables import DAILY_PRODUCT_STATS, DAILY_SOURCES, Table
from spark_jobs.daily.day_queries import (
    CLEAN,
    CLEAN_COLUMNS,
    GAP_US,
    ONLY_OF_LANDINGS,
    PRODUCT_STATS,
    in_file_order,
    near_midnight,
    of_days_beside,
    over_midnight,
)
from spark_jobs.daily.source_queries import SOURCES, with_conversion
from spark_jobs.daily.transition_queries import counted_names, most_frequent
from spark_jobs.lake.duckdb_tasks import parquet
from spark_jobs.lake.exchange import part_of
from spark_jobs.lake.user_keys import ONE_FOR_ALL_SITES, UserKeys

#: Of the relations that tasks send each other: a day's events, and how many of them have which name.
EVENTS: Final = "events"
NAMES: Final = "names"

#: So many buckets are few enough to be sent to each task, and many beside the users around a midnight.
_BUCKETS: Final = 1 << 20

#: Of the relation of what `near_midnight` found, in all files.
NEAR: Final = "near"
#: Of the relation of the buckets that hold all users with sessions over a midnight, and a few others.
OVER: Final = "over"
#: The rows of that relation.
BUCKETS_OVER: Final = over_midnight(f"FROM {NEAR}", "bucket")

#: Of the relation of the most frequent names among those of each part.
TOP_NAMES: Final = "top_names"
#: The most frequent names of all.
NAMES_TOLD_APART: Final = most_frequent(f"FROM {TOP_NAMES}")

#: The tables of which a part of the users has rows that are to be added up, and what is a sum in them.
ADDED_UP: Final = {DAILY_PRODUCT_STATS: PRODUCT_STATS, DAILY_SOURCES: SOURCES}
_COUNTS: Final = {
    DAILY_PRODUCT_STATS: ("users", "views", "carts", "purchases", "refunds"),
    DAILY_SOURCES: ("sessions", "users", "converted_sessions"),
}
_KEYS: Final = {DAILY_PRODUCT_STATS: "day, product_id", DAILY_SOURCES: "day, source, medium"}
_AMOUNTS: Final = {DAILY_PRODUCT_STATS: ("revenue", "refunded"), DAILY_SOURCES: ("revenue",)}

#: What is asked of a session's first event alone; the site is also a part of users' keys.
_NAMED_BY_LANDINGS: Final = tuple(name for name in ONLY_OF_LANDINGS if name != "pixel_id")


def names(day: int, parts: int) -> str:
    """Return how many of a day's events, which `CLEAN` has, have which name, with the part that has the name."""
    counted = counted_names(f"SELECT {day}::BIGINT AS day, event_name FROM {CLEAN}")
    return f"SELECT *, {part_of('event_name', parts)} FROM ({counted})"


def top_names(files: Sequence[str]) -> str:
    """Return the most frequent names of a part, from files of what `names` returned."""
    return most_frequent(f"FROM {parquet(files)}")


def buckets_near_midnight(day: int, users: UserKeys) -> str:
    """Return what `near_midnight` does, with the bucket of each user."""
    near = near_midnight([day], users)
    return f"SELECT DISTINCT (hash(user_id) % {_BUCKETS})::INTEGER AS bucket, midnight, after FROM ({near})"


def dealt(parts: int, users: UserKeys) -> str:
    """Return a day's events, which `CLEAN` has, with the part of their user.

    An event soon after another one of its user is not the first of a session, and of no other the landing is asked: so
    most events lose their longest columns. Whatever the order of rows is, no first event loses them.
    """
    key = users.key()
    landing = {name: f"CASE WHEN may_land THEN {name} END AS {name}" for name in _NAMED_BY_LANDINGS}
    columns = (landing.get(name, name) for name in CLEAN_COLUMNS)
    return f"""
SELECT {", ".join(columns)}, {part_of(key, parts)}
FROM (
    SELECT *, NOT coalesce({key} = lag({key}) OVER () AND event_time > lag(event_time) OVER ()
                           AND epoch_us(event_time) - epoch_us(lag(event_time) OVER ()) <= {GAP_US}, false) AS may_land
    FROM {CLEAN}
)
"""


def dealt_beside(day: int, parts: int, users: UserKeys) -> str:
    """Return the events of days beside, which `CLEAN` has, of all users with sessions over a midnight, with their part.

    A few others are among them, which changes nothing.
    """
    return f"""
SELECT *, {part_of(users.key(), parts)} FROM ({of_days_beside([day])})
WHERE (hash({users.key()}) % {_BUCKETS})::INTEGER IN (FROM {OVER})
"""


def dealt_rows(table: Table, parts: int) -> str:
    """Return a part's rows that are to be added up, with the part of what they are about."""
    return f"SELECT *, {part_of(table.sort[0], parts)} FROM ({ADDED_UP[table]})"


def added_up(table: Table, files: Sequence[str]) -> str:
    """Return the rows of a table as they are stored, from files of what `dealt_rows` returned.

    No two parts have the same user, so that distinct users add up as well.
    """
    sums = (
        *(f"sum({name})::BIGINT AS {name}" for name in _COUNTS[table]),
        *(f"sum({name}) AS {name}" for name in _AMOUNTS[table]),
    )
    rows = f"SELECT {_KEYS[table]}, {', '.join(sums)} FROM {parquet(files)} GROUP BY {_KEYS[table]}"
    return in_file_order(table, with_conversion(rows) if table is DAILY_SOURCES else rows, ONE_FOR_ALL_SITES)
