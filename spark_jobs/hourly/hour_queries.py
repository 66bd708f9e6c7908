"""The SQL, in DuckDB's dialect, that turns received events of some hours into clean events and rows of hourly tables.

Each relation below is computed from those above it. Hours are numbers, counted from the epoch. Of the hour before a
target hour, the queries read only what decides about duplicates and sessions.
"""

# ruff: noqa: S608 (the queries are made of constants, numbers, and paths that this package names)

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from contracts.bots import HARMLESS_REASONS, USER_AGENT_LOOKED_AT, BotReason
from contracts.event import STANDARD_EVENTS
from contracts.mistaken_names import NAMES_LOOKED_AT
from contracts.rules import BOT_INSTANT, HOURS_LOOKED_BACK_AT, SESSION_GAP
from contracts.tables import (
    CLEAN_EVENTS,
    EVENT_COLUMNS,
    HOURLY_EVENT_COUNTS,
    HOURLY_PRODUCT_STATS,
    HOURLY_TRAFFIC,
    WITHOUT_BOTS,
    Table,
)
from spark_jobs.lake.duckdb_tasks import parquet, rounded_down
from spark_jobs.lake.exchange import part_of
from spark_jobs.lake.user_keys import ONE_FOR_ALL_SITES, UserKeys
from spark_jobs.shop_currency import counted_price, in_other_currency

_HOUR_US: Final = int(timedelta(hours=1).total_seconds() * 1_000_000)
_GAP_US: Final = int(SESSION_GAP.total_seconds() * 1_000_000)
_INSTANT_US: Final = int(BOT_INSTANT.total_seconds() * 1_000_000)


def _decides(ahead: int) -> str:
    """Return whether an event is so late in its hour that it decides where sessions begin in a target hour ahead."""
    start = f"(hour + {ahead}) * {_HOUR_US}"
    return f"(hour + {ahead} IN (SELECT hour FROM target_hours) AND epoch_us(event_time) + {_GAP_US} >= {start})"


#: Whether an event is of a target hour, or decides where sessions begin in one.
_NEAR: Final = " OR ".join(
    ("hour IN (SELECT hour FROM target_hours)", *map(_decides, range(1, HOURS_LOOKED_BACK_AT + 1)))
)

_AGENT: Final = f"substr(user_agent, 1, {USER_AGENT_LOOKED_AT})"

#: What a measure's name ends with → the condition on the events that it counts.
_VARIANTS: Final = {"": "true", WITHOUT_BOTS: "NOT is_bot"}

#: Of the relation that has every column of `received_events`, and no row.
NO_EVENTS: Final = "no_events"

#: Of the relation that holds the headers of crawlers; its one column is `agent`.
CRAWLERS: Final = "crawlers"
#: Of the relation that holds those of HTTP clients, likewise.
HTTP_CLIENTS: Final = "http_clients"

#: The headers that are asked about.
AGENTS: Final = f"SELECT DISTINCT {_AGENT} AS agent FROM received WHERE user_agent IS NOT NULL"


def received(files: Sequence[str]) -> str:
    """Return the view of the rows of local Parquet files, each row with its address."""
    return f"CREATE TEMP VIEW received AS {_rows(files)}"


def _rows(files: Sequence[str]) -> str:
    """Return the query of the rows of files; a column that was declared since they were written is null."""
    names = ", ".join(f"'{file}'" for file in files)
    return f"""
SELECT *, {rounded_down("epoch_us(event_time)", _HOUR_US)} AS hour
FROM (
    SELECT * FROM {NO_EVENTS} UNION ALL BY NAME
    SELECT * FROM read_parquet([{names}], union_by_name = true, filename = true, file_row_number = true,
                               hive_partitioning = false)
)
"""


def target_hours(hours: Sequence[int]) -> str:
    """Return the table of the hours that are computed."""
    return f"CREATE TEMP TABLE target_hours AS SELECT unnest([{', '.join(map(str, hours))}]::BIGINT[]) AS hour"


#: What decides between copies of an event, first of all; then the rest of what is kept of it does.
_DECIDING: Final = ("received_at", "insertion_timestamp", "user_id")


def _precedence() -> str:
    """Return the terms by which copies are ordered; what ties in all of them gives the same clean event."""
    deciding = [CLEAN_EVENTS.column(name) for name in _DECIDING]
    others = [column for column in EVENT_COLUMNS if column.name not in (*_DECIDING, "click_id")]
    return ", ".join(
        # 0.0 and -0.0 are equal, but they are not the same.
        f"{column.name} NULLS LAST" + (f", signbit({column.name})" if column.type == "double" else "")
        for column in (*deciding, *others)
    )


#: Every row whose click_id is there again: of the copies in an hour the first place wins, the others are left out;
#: `of_other_user` and `of_other_event` say of one that it is none. A winner's `previous_hour` is the last one before
#: its own that has the id.
RANKED: Final = f"""
CREATE TEMP TABLE ranked AS
WITH repeated AS (
    SELECT click_id FROM received GROUP BY click_id HAVING count(*) > 1
), placed AS (
    SELECT hour, click_id, filename, file_row_number, row_number() OVER copies AS place,
           user_id <> first_value(user_id) OVER copies AS of_other_user,
           event_name <> first_value(event_name) OVER copies
               OR price IS DISTINCT FROM first_value(price) OVER copies AS of_other_event
    FROM received SEMI JOIN repeated USING (click_id)
    WINDOW copies AS (PARTITION BY click_id, hour ORDER BY {_precedence()}, filename, file_row_number)
)
SELECT hour, place, filename, file_row_number, of_other_user, of_other_event,
       lag(hour) OVER (PARTITION BY click_id ORDER BY hour, place) AS previous_hour
FROM placed
"""

#: In the place of `ranked`, where no row is a copy of another.
NO_COPIES: Final = """
CREATE TEMP TABLE ranked (hour BIGINT, place BIGINT, filename VARCHAR, file_row_number BIGINT, of_other_user BOOLEAN,
                          of_other_event BOOLEAN, previous_hour BIGINT)
"""

DUPLICATES: Final = "CREATE TEMP VIEW duplicates AS SELECT filename, file_row_number FROM ranked WHERE place > 1"


def events(currency: str | None, users: UserKeys = ONE_FOR_ALL_SITES) -> str:
    """Return the table that the hourly tables are made of, of every hour that is read.

    A price in another currency than the shop's is none here, and `user_id` is the user's key.
    """
    return f"""
CREATE TEMP TABLE events AS
SELECT hour, {users.key()} AS user_id, event_time, event_name, product_id, {counted_price(currency)} AS price,
       currency, {in_other_currency(currency)} AS in_other_currency,
       coalesce({_AGENT} IN (SELECT agent FROM {CRAWLERS}), false) AS is_crawler
FROM received ANTI JOIN duplicates USING (filename, file_row_number)
"""


def machine_users(events_per_hour: int, events_at_once: int) -> str:
    """Return the table of users with more events within an hour, or at once and never else, than a person can cause."""
    return f"""
CREATE TEMP TABLE machine_users AS
SELECT hour, user_id, count(*) AS events, count(*) > {events_per_hour} AS over_rate,
       count(*) > {events_at_once} AND epoch_us(max(event_time)) - epoch_us(min(event_time)) < {_INSTANT_US} AS at_once
FROM events GROUP BY hour, user_id HAVING over_rate OR at_once
"""


FLAGGED: Final = """
CREATE TEMP VIEW flagged AS
SELECT *, is_crawler OR (hour, user_id) IN (SELECT (hour, user_id) FROM machine_users) AS is_bot FROM events
"""

#: Of each user's events of one name in an hour; `amount` is the sum of their prices. Of events at one time, those that
#: are not flagged come first, so that what starts a session does not depend on chance.
BY_USER: Final = f"""
CREATE TEMP TABLE by_user AS
WITH near AS (
    SELECT * FROM flagged WHERE {_NEAR}
), timed AS (
    SELECT *, epoch_us(event_time) - lag(epoch_us(event_time)) OVER (PARTITION BY user_id
                                                                     ORDER BY event_time, is_bot) AS gap
    FROM near
)
SELECT hour, user_id, event_name,
       {{measures}}
FROM timed SEMI JOIN target_hours USING (hour)
GROUP BY hour, user_id, event_name
""".format(
    measures=",\n       ".join(
        f"""count_if({counted}) AS events{of},
       count_if({counted} AND coalesce(gap > {_GAP_US}, true)) AS sessions_started{of},
       coalesce(sum(price) FILTER ({counted}), 0) AS amount{of},
       count_if({counted} AND price IS NULL AND NOT in_other_currency) AS without_price{of},
       count_if({counted} AND in_other_currency) AS other_currency{of}"""
        for of, counted in _VARIANTS.items()
    )
)

_EVENT_HOUR: Final = f"make_timestamp(hour * {_HOUR_US}) AS event_hour"


def _event_counts() -> str:
    measures = (f"sum(events{of}) AS events{of}, count_if(events{of} > 0) AS users{of}" for of in _VARIANTS)
    return f"SELECT {_EVENT_HOUR}, event_name, {', '.join(measures)} FROM by_user GROUP BY hour, event_name"


def _traffic() -> str:
    named = (
        ("Search", "events", "searches"),
        ("ViewContent", "events", "views"),
        ("AddToCart", "events", "carts"),
        ("Purchase", "events", "purchases"),
        ("Purchase", "amount", "revenue"),
        ("Purchase", "without_price", "purchases_without_price"),
        ("Purchase", "other_currency", "purchases_in_other_currency"),
        ("Refund", "events", "refunds"),
        ("Refund", "amount", "refunded"),
    )
    measures = (
        f"sum(events{of}) AS events{of}, count(DISTINCT user_id) FILTER (events{of} > 0) AS users{of}, "
        f"sum(sessions_started{of}) AS sessions_started{of}, "
        + ", ".join(
            f"coalesce(sum({summed}{of}) FILTER (event_name = '{name}'), 0) AS {measure}{of}"
            for name, summed, measure in named
        )
        for of in _VARIANTS
    )
    return f"SELECT {_EVENT_HOUR}, {', '.join(measures)} FROM by_user GROUP BY hour"


def _product_stats() -> str:
    measures = (
        f"count_if({counted} AND event_name = 'ViewContent') AS views{of}, "
        f"count_if({counted} AND event_name = 'AddToCart') AS carts{of}, "
        f"count_if({counted} AND event_name = 'Purchase') AS purchases{of}, "
        f"coalesce(sum(price) FILTER ({counted} AND event_name = 'Purchase'), 0) AS revenue{of}, "
        f"count_if({counted} AND event_name = 'Refund') AS refunds{of}, "
        f"coalesce(sum(price) FILTER ({counted} AND event_name = 'Refund'), 0) AS refunded{of}"
        for of, counted in _VARIANTS.items()
    )
    return (
        f"SELECT {_EVENT_HOUR}, product_id, {', '.join(measures)} FROM flagged SEMI JOIN target_hours USING (hour) "
        "WHERE product_id IS NOT NULL AND event_name IN ('ViewContent', 'AddToCart', 'Purchase', 'Refund') "
        "GROUP BY hour, product_id"
    )


#: The rows of each hourly table.
HOURLY: Final[dict[Table, str]] = {
    HOURLY_EVENT_COUNTS: _event_counts(),
    HOURLY_TRAFFIC: _traffic(),
    HOURLY_PRODUCT_STATS: _product_stats(),
}


#: Each reason, in order → the condition on a row of `received` beside that of its user in `machine_users`, if any.
_REASONS: Final = {
    BotReason.CRAWLER_USER_AGENT: f"{_AGENT} IN (SELECT agent FROM {CRAWLERS})",
    BotReason.RATE: "over_rate",
    BotReason.INSTANT: "at_once",
    BotReason.HTTP_CLIENT: f"{_AGENT} IN (SELECT agent FROM {HTTP_CLIENTS})",
    BotReason.NO_USER_AGENT: "user_agent IS NULL AND source_ip IS NOT NULL AND request_id IS NOT NULL",
}


def clean(files: Sequence[str], users: UserKeys = ONE_FOR_ALL_SITES) -> str:
    """Return the query of the rows of `clean_events` of some files, in the order in which they are stored."""
    conditions = ",\n           ".join(
        f"coalesce({applies}, false) AS {reason}" for reason, applies in _REASONS.items()
    )
    reasons = "\n       || ".join(f"CASE WHEN {reason} THEN ['{reason}'] ELSE [] END" for reason in _REASONS)
    return f"""
SELECT {", ".join(column.name for column in EVENT_COLUMNS)},
       {" OR ".join(reason for reason in _REASONS if reason not in HARMLESS_REASONS)} AS is_bot,
       {reasons} AS bot_reasons
FROM (
    SELECT *, {conditions}
    FROM (SELECT *, {users.key()} AS user_key FROM ({_rows(files)}))
    SEMI JOIN target_hours USING (hour) ANTI JOIN duplicates USING (filename, file_row_number)
    LEFT JOIN (SELECT hour, user_id AS user_key, over_rate, at_once FROM machine_users) USING (hour, user_key)
)
ORDER BY hour, {", ".join(CLEAN_EVENTS.sort)}
"""


#: Of each hour that has repeated ids: the copies left out, and those that may be other events; the events whose id the
#: hour before has as well.
_COPIES: Final = """
SELECT hour, count_if(place > 1) AS duplicates, count_if(of_other_user) AS of_other_users,
       count_if(of_other_user OR of_other_event) AS differing,
       count_if(place = 1 AND previous_hour = hour - 1) AS of_hour_before
FROM ranked GROUP BY hour
"""

#: Of each hour that is made: its events, those of bots, and of users who are one by how much they do; and its copies.
COUNTS: Final = f"""
SELECT hour, clean, bots, coalesce(of_machines, 0)::BIGINT AS of_machines,
       coalesce(duplicates, 0)::BIGINT AS duplicates,
       coalesce(of_other_users, 0)::BIGINT AS of_other_users, coalesce(differing, 0)::BIGINT AS differing,
       coalesce(of_hour_before, 0)::BIGINT AS of_hour_before
FROM (SELECT hour, count(*) AS clean FROM events SEMI JOIN target_hours USING (hour) GROUP BY hour)
JOIN (SELECT hour, sum(events - events_without_bots)::BIGINT AS bots FROM by_user GROUP BY hour) USING (hour)
LEFT JOIN (SELECT hour, sum(events) AS of_machines FROM machine_users GROUP BY hour) USING (hour)
LEFT JOIN ({_COPIES}) USING (hour)
"""

#: Of each hour that is made, the most frequent names of custom events, with their events.
CUSTOM_NAMES: Final = f"""
SELECT hour, event_name, sum(events)::BIGINT AS events
FROM by_user WHERE event_name NOT IN ({", ".join(f"'{name}'" for name in STANDARD_EVENTS)})
GROUP BY hour, event_name
QUALIFY row_number() OVER (PARTITION BY hour ORDER BY sum(events) DESC, event_name) <= {NAMES_LOOKED_AT}
"""

#: Of each hour that is made, the purchases with a price, by currency.
PURCHASES: Final = """
SELECT hour, currency, count(*) AS purchases
FROM events SEMI JOIN target_hours USING (hour)
WHERE event_name = 'Purchase' AND (price IS NOT NULL OR in_other_currency)
GROUP BY hour, currency
"""

# What follows is about hours that are cut into parts (`cut_hours`).

#: Of the hours that is looked back at, what decides which copy is kept, whose it is and when it happened; the columns
#: that come after these in the order of copies decide neither.
_LOOKED_BACK_AT: Final = (
    *("event_time", "received_at", "user_id", "click_id", "insertion_timestamp", "event_name", "pixel_id"),
)

#: Of the relations that tasks of a cut hour send each other: its events, first with their copies, then without.
EVENTS: Final = "events"

#: The counts of a part's copies; those of its events are in `COUNTS`.
COPIES: Final = f"FROM ({_COPIES}) SEMI JOIN target_hours USING (hour)"


def dealt_by_id(files: Sequence[str], parts: int, *, looked_back_at: bool) -> str:
    """Return the rows of received events' files, with the part of their ids; copies of an event are in one part."""
    columns = _LOOKED_BACK_AT if looked_back_at else [column.name for column in EVENT_COLUMNS]
    rows = f"FROM {NO_EVENTS} UNION ALL BY NAME FROM {parquet(files)}"
    return f"SELECT {', '.join(columns)}, {part_of('click_id', parts)} FROM ({rows})"


def dealt_by_user(parts: int, users: UserKeys) -> str:
    """Return the events near the target hours, without copies, with the part of their user."""
    columns = ", ".join(column.name for column in EVENT_COLUMNS)
    return f"""
SELECT {columns}, {part_of(users.key(), parts)}
FROM received ANTI JOIN duplicates USING (filename, file_row_number)
WHERE {_NEAR}
"""


def dealt_totals(table: Table, query: str, parts: int) -> str:
    """Return the rows of an hourly table, of some users, with the part of what they are totals of."""
    return f"SELECT *, {part_of(table.sort[-1], parts)} FROM ({query})"


def totals(table: Table, files: Sequence[str]) -> str:
    """Return the rows of an hourly table from files of those of some users each.

    Every measure is a sum over users, distinct users as well: no two files have the same one.
    """
    keys = ", ".join(table.sort)
    sums = ", ".join(
        f"sum({column.name}) AS {column.name}" for column in table.columns if column.name not in table.sort
    )
    return f"SELECT {keys}, {sums} FROM {parquet(files)} GROUP BY {keys}"


def names_by_user(files: Sequence[str]) -> str:
    """Return a relation in the place of `by_user` that has what `CUSTOM_NAMES` asks, from `hourly_event_counts`."""
    hour = rounded_down("epoch_us(event_hour)", _HOUR_US)
    return f"CREATE TEMP VIEW by_user AS SELECT {hour} AS hour, event_name, events FROM {parquet(files)}"
