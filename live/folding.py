"""Validated lines → figures by minute of arrival and event name, in DuckDB.

What counts as a bot, as money, and as one user is what job 2 says, by the same code.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Final, Self

import duckdb
import pyarrow as pa

from contracts.bots import USER_AGENT_LOOKED_AT, BotReason
from contracts.event_settings import EventSettings
from live.id_sample import KEPT
from live.minutes import MOST_NAMES, LandingHourMinutes, MinuteFigures, most_frequent
from spark_jobs.lake.user_keys import UserKeys
from spark_jobs.shop_currency import counted_price
from spark_jobs.user_agents import reason_of_agent

#: Of DuckDB; the lines of a chunk take a part of it.
MEMORY_LIMIT: Final = "256MB"

_AGENT: Final = f"substr(user_agent, 1, {USER_AGENT_LOOKED_AT})"
_AGENTS: Final = f"SELECT DISTINCT {_AGENT} FROM received WHERE user_agent IS NOT NULL"  # noqa: S608
_REJECTED: Final = "SELECT epoch_ms(received_at) // 60000, rejection_reason, count(*) FROM rejected GROUP BY ALL"


def _figures(settings: EventSettings) -> str:
    return f"""
SELECT minute, event_name, count(*), count_if(coalesce(event_name = 'Purchase', false)),
       coalesce(sum({counted_price(settings.currency)}) FILTER (event_name = 'Purchase'), 0)::DECIMAL(38,2),
       count_if(coalesce({_AGENT} IN (SELECT agent FROM crawlers), false))
FROM events GROUP BY ALL
"""  # noqa: S608 (made of constants, and of a currency's three letters)


def _smallest(key: str) -> str:
    """Return, of each minute and name, the smallest hashes of a key, one more than are kept, with their numbers."""
    return f"""
SELECT minute, event_name, min(hashed, {KEPT + 1}), arg_min(times, hashed, {KEPT + 1})
FROM (SELECT minute, event_name, hash({key}) AS hashed, count(*) AS times FROM events GROUP BY ALL)
GROUP BY ALL
"""  # noqa: S608 (made of constants)


_EVENTS: Final = """
CREATE OR REPLACE TEMP VIEW events AS SELECT *, epoch_ms(received_at) // 60000 AS minute FROM received
"""
#: The same where a minute has too many names: the least frequent are NULL.
_EVENTS_OF_KEPT_NAMES: Final = """
CREATE OR REPLACE TEMP VIEW events AS
SELECT * REPLACE (CASE WHEN (minute, event_name) IN (SELECT (minute, event_name) FROM kept) THEN event_name END
                  AS event_name)
FROM (SELECT *, epoch_ms(received_at) // 60000 AS minute FROM received)
"""


class Folding:
    """Folds validated lines into a landing hour's minutes, in one thread, with a DuckDB of its own."""

    def __init__(self, settings: EventSettings) -> None:
        self._settings = settings
        self._figures = _figures(settings)
        self._users = _smallest(UserKeys(per_site=settings.ids_per_site).key())
        self._click_ids = _smallest("click_id")
        self._duckdb = duckdb.connect(
            config={
                "threads": 1,
                "memory_limit": MEMORY_LIMIT,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._duckdb.close()

    def fold(
        self, received: Sequence[pa.Table], rejected: Sequence[pa.Table], into: LandingHourMinutes, *, shown_from: int
    ) -> None:
        """Add received and rejected rows to a landing hour's minutes; those from `shown_from` on are shown."""
        found: defaultdict[int, MinuteFigures] = defaultdict(MinuteFigures)
        undated: Counter[str] = Counter()
        if any(map(len, received)):
            self._add_received(pa.concat_tables(received), found)
        if any(map(len, rejected)):
            self._add_rejected(pa.concat_tables(rejected), found, undated)
        into.add_figures(found, shown_from=shown_from)
        into.reject_undated(undated)

    def _add_received(self, events: pa.Table, found: defaultdict[int, MinuteFigures]) -> None:
        self._duckdb.register("received", events)
        try:
            self._register_crawlers(agent for (agent,) in self._duckdb.execute(_AGENTS).fetchall())
            for minute, name, *figures in self._counted(found):
                of_name = found[minute].of_name(name)
                of_name.events, of_name.purchases, of_name.revenue, of_name.bots = figures
            for minute, name, hashes, times in self._duckdb.execute(self._users).fetchall():
                seen, is_whole = list(zip(hashes, times, strict=True)), len(hashes) <= KEPT
                found[minute].of_name(name).users.add(seen, is_whole=is_whole)
                found[minute].users.add(seen, is_whole=is_whole)
            for minute, name, hashes, times in self._duckdb.execute(self._click_ids).fetchall():
                seen, is_whole = list(zip(hashes, times, strict=True)), len(hashes) <= KEPT
                found[minute].of_name(name).click_ids.add(seen, is_whole=is_whole)
        finally:
            self._duckdb.unregister("received")

    def _counted(self, found: defaultdict[int, MinuteFigures]) -> list[tuple[Any, ...]]:
        """Return figures by minute and name, and leave a relation of events whose names are few, None for others."""
        self._duckdb.execute(_EVENTS)
        rows = self._duckdb.execute(self._figures).fetchall()
        by_minute: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
        for minute, name, events, *_ in rows:
            by_minute[minute].append((events, name))
        if all(len(names) <= MOST_NAMES for names in by_minute.values()):
            return rows
        kept = []
        for minute, names in by_minute.items():
            frequent = most_frequent(names)
            found[minute].merged_names = len(names) - len(frequent)
            kept += [(minute, name) for name in frequent]
        minutes, of_minutes = zip(*kept, strict=True)
        self._duckdb.register("kept", pa.table({"minute": pa.array(minutes, pa.int64()), "event_name": of_minutes}))
        self._duckdb.execute(_EVENTS_OF_KEPT_NAMES)
        return self._duckdb.execute(self._figures).fetchall()

    def _add_rejected(self, lines: pa.Table, found: defaultdict[int, MinuteFigures], undated: Counter[str]) -> None:
        self._duckdb.register("rejected", lines)
        try:
            for minute, reason, count in self._duckdb.execute(_REJECTED).fetchall():
                (undated if minute is None else found[minute].rejections)[reason] += count
        finally:
            self._duckdb.unregister("rejected")

    def _register_crawlers(self, agents: Iterable[str]) -> None:
        crawlers = [
            agent for agent in agents if reason_of_agent(agent, self._settings.not_bots) is BotReason.CRAWLER_USER_AGENT
        ]
        self._duckdb.register("crawlers", pa.table({"agent": pa.array(crawlers, pa.string())}))
