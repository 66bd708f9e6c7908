"""Events of some days → a funnel of steps that somebody chose, within a bound.

The definition is that of `daily_funnel`, over all the days together: a user did a step in order who did it after all
the earlier ones, at the earliest possible times; events at one time count as in order.
"""

# ruff: noqa: S608 (the queries are made of numbers; names are parameters)

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb
import pyarrow as pa

from contracts.tables import CLEAN_EVENTS
from pages.errors import QueryError
from pages.lake.iceberg import DataFile, StoredVersion
from pages.lake.reader import Lake
from pages.panels import Step

#: Rows of `clean_events` of the chosen days, whatever their names are.
MOST_EVENTS: Final = 5_000_000
MOST_STEPS: Final = 8
DAYS: Final = (1, 2, 7)
_MEMORY: Final = "384MB"


@dataclass(frozen=True, kw_only=True)
class OwnFunnel:
    """The steps that were chosen, the days, and whether they must be done in this order."""

    names: tuple[str, ...]
    first: date
    last: date
    in_order: bool
    ids_per_site: bool = False

    @property
    def key(self) -> tuple[str, ...]:
        """Return what names it."""
        return (str(self.first), str(self.last), str(self.in_order), str(self.ids_per_site), *self.names)


def steps_of(lake: Lake, funnel: OwnFunnel) -> Sequence[Step] | None:
    """Return the steps, None while they are computed; raise `QueryError` for more events than can be looked at."""
    if not lake.has(CLEAN_EVENTS):
        return ()
    files = lake.files(CLEAN_EVENTS, funnel.first, funnel.last)
    events = sum(file.rows for file in files)
    if events > MOST_EVENTS:
        raise QueryError(
            f"There are {events:,} events from {funnel.first} to {funnel.last}, and own steps are looked for in at "
            f"most {MOST_EVENTS:,}",
            "Choose fewer days, or ask clean_events by SQL (docs/queries.md).",
        )
    version = lake.read[CLEAN_EVENTS.name]
    return lake.slowly(
        ("own funnel", version, *funnel.key), partial(_computed, lake.stored(CLEAN_EVENTS), files, funnel)
    )


def _computed(stored: StoredVersion, files: Sequence[DataFile], funnel: OwnFunnel) -> Sequence[Step]:
    columns = ["event_time", "user_id", "event_name", *(["pixel_id"] if funnel.ids_per_site else [])]
    return reckoned(stored.matching(files, columns, one_of=("event_name", funnel.names)), funnel)


def reckoned(events: Iterable[pa.Table], funnel: OwnFunnel) -> Sequence[Step]:
    """Return the steps that events come to: rows of `clean_events` with one of the names, in pieces in any order."""
    with TemporaryDirectory(prefix="clickstream-pages-") as spill, _connection(spill) as connection:
        user = "coalesce(pixel_id, '') || chr(0) || user_id" if funnel.ids_per_site else "user_id"
        connection.execute("CREATE TABLE events (step INTEGER, user_key VARCHAR, time BIGINT)")
        for found in events:
            connection.register("found", found)
            connection.execute(
                f"INSERT INTO events SELECT list_position(?::VARCHAR[], event_name), {user}, epoch_us(event_time) "
                "FROM found",
                [list(funnel.names)],
            )
            connection.unregister("found")
        reached = _in_order(connection, funnel.names) if funnel.in_order else _in_any_order(connection, funnel.names)
        return tuple(reached)


def _in_order(connection: Any, names: Sequence[str]) -> Iterator[Step]:
    for number, name in enumerate(names, start=1):
        if number == 1:
            connection.execute(
                "CREATE TABLE step_1 AS SELECT user_key, min(time) AS time, NULL::BIGINT AS before FROM events "
                "WHERE step = 1 GROUP BY user_key"
            )
        else:
            connection.execute(
                f"CREATE TABLE step_{number} AS SELECT user_key, min(events.time) AS time, any_value(earlier.time) AS "
                f"before FROM events JOIN step_{number - 1} AS earlier USING (user_key) "
                f"WHERE step = {number} AND events.time >= earlier.time GROUP BY user_key"
            )
        sql = f"SELECT count(*), median(time - before) / 1e6 FROM step_{number}"
        users, seconds = connection.execute(sql).fetchone()
        yield Step(label=name, users=users, median_seconds=seconds)


def _in_any_order(connection: Any, names: Sequence[str]) -> Iterator[Step]:
    counted = dict(connection.execute("SELECT step, count(DISTINCT user_key) FROM events GROUP BY step").fetchall())
    for number, name in enumerate(names, start=1):
        yield Step(label=name, users=counted.get(number, 0))


def _connection(spill: str) -> Any:
    """Return a database of its own, which writes to a temporary folder what its memory does not hold."""
    return duckdb.connect(
        config={
            "threads": 1,
            "memory_limit": _MEMORY,
            "temp_directory": spill,
            "max_temp_directory_size": "2GB",
            "python_enable_replacements": "false",
            "autoinstall_known_extensions": "false",
        }
    )
