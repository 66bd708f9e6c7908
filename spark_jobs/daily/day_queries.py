"""The SQL, in DuckDB's dialect, that turns clean events of some days into sessions, users' days and ids, and the rest.

Days are numbers, counted from the epoch, and times are microseconds. Each relation is computed from those above it. All
of a user's events lie in one order of time, and so one sort serves every question about what came before: the queries
ask the row above, without a window per user. DuckDB keeps the order of a table's rows (`preserve_insertion_order`).
"""

# ruff: noqa: S608 (the queries are made of constants, numbers, and paths that this package names)

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from contracts.data_checks import SAMPLED_IDS
from contracts.event import FUNNEL_EVENTS, REFUND
from contracts.partitions import day_of_number, start_of_day
from contracts.rules import NEW_USER_DAYS, SESSION_GAP
from contracts.stages import DAYS
from contracts.tables import DAILY_PRODUCT_STATS, DAILY_SOURCES, IDENTITY_LINKS, SESSIONS, USER_DAYS, Table
from spark_jobs.daily.source_queries import SOURCES, foreign_host, with_conversion
from spark_jobs.daily.transition_queries import PATH_NAMES, STOPS, counted_names, most_frequent
from spark_jobs.lake.duckdb_tasks import in_part, parquet, rounded_down
from spark_jobs.lake.user_keys import ONE_FOR_ALL_SITES, UserKeys
from spark_jobs.shop_currency import counted_price

_MICROSECOND: Final = timedelta(microseconds=1)
_DAY_US: Final = timedelta(days=1) // _MICROSECOND
GAP_US: Final = SESSION_GAP // _MICROSECOND

#: The events of the funnel, in order, and what their counts are named.
STEPS: Final = tuple(zip(FUNNEL_EVENTS, ("searches", "views", "carts", "purchases"), strict=True))
_SEARCH, _VIEW, _CART, _PURCHASE = FUNNEL_EVENTS

#: What is asked of a session's first event alone, besides what is counted of each.
ONLY_OF_LANDINGS: Final = ("pixel_id", "page_url", "referrer", "utm_source", "utm_medium", "utm_campaign")
#: What is kept of a session's first event, until its row is made.
_LANDING: Final = ("event_name", "product_id", *ONLY_OF_LANDINGS)

#: The events that the queries are about: a relation that has these columns of `clean_events`.
CLEAN: Final = "clean"
CLEAN_COLUMNS: Final = (
    "event_time",
    "received_at",
    "user_id",
    "click_id",
    "anonymous_id",
    "event_name",
    "product_id",
    "price",
    "currency",
    "is_bot",
    *ONLY_OF_LANDINGS,
)
#: Of the relation that has these columns, and no row.
NO_EVENTS: Final = "no_events"


def clean(files: Sequence[str], currency: str | None = None) -> str:
    """Return the view of the rows of local Parquet files; a price in another currency than the shop's is none there.

    It reads the relation `NO_EVENTS`, too, which has every column: one that was declared since a file was written is
    null.
    """
    rows = f"SELECT {', '.join(CLEAN_COLUMNS)} FROM (FROM {NO_EVENTS} UNION ALL BY NAME FROM {parquet(files)})"
    return f"CREATE TEMP VIEW {CLEAN} AS SELECT * REPLACE ({counted_price(currency)} AS price) FROM ({rows})"


def _target_days(days: Iterable[int]) -> str:
    return f"CREATE TEMP TABLE target_days AS SELECT unnest([{', '.join(map(str, days))}]::BIGINT[]) AS day"


def runs(days: Iterable[int]) -> list[tuple[int, int]]:
    """Return days as runs `[first, end)` without a gap between them.

    >>> runs([3, 7, 4])
    [(3, 5), (7, 8)]
    """
    found: list[tuple[int, int]] = []
    for day in sorted(set(days)):
        if found and found[-1][1] == day:
            found[-1] = (found[-1][0], day + 1)
        else:
            found.append((day, day + 1))
    return found


def beside(days: Iterable[int]) -> list[int]:
    """Return the other days into which sessions of these may reach, or that have sessions which reach into these."""
    targets = set(days)
    return sorted({day + offset for day in targets for offset in DAYS.reads} - targets)


def on_days(days: Iterable[int]) -> str:
    """Return the condition that an event is of one of the days."""
    return _within((_at(first), _at(end)) for first, end in runs(days))


def _at(day: int, offset: timedelta = timedelta()) -> str:
    """Return a moment before or after a midnight, as a constant: of files without a row of then, no row is read."""
    return f"TIMESTAMPTZ '{(start_of_day(day_of_number(day)) + offset).isoformat()}'"


def _within(spans: Iterable[tuple[str, str]]) -> str:
    return " OR ".join(f"(event_time >= {start} AND event_time < {end})" for start, end in spans)


def near_midnight(days: Iterable[int], users: UserKeys) -> str:
    """Return the user and time of events that are at most a gap from a midnight between a day and one beside."""
    spans = [(_at(day, -SESSION_GAP), _at(day, SESSION_GAP)) for run in runs(days) for day in run]
    return f"""
SELECT {users.key()} AS user_id, {rounded_down(f"(epoch_us(event_time) + {_DAY_US // 2})", _DAY_US)} AS midnight,
       epoch_us(event_time) >= midnight * {_DAY_US} AS after
FROM {CLEAN} WHERE {_within(spans)}
"""


def over_midnight(near: str, key: str) -> str:
    """Return the keys with events on both sides of a midnight; of rows that `near_midnight` returned.

    They have all sessions that reach over it. For all other users a gap lies there, so of their days beside nothing
    matters.
    """
    return f"SELECT DISTINCT {key} FROM ({near}) GROUP BY midnight, {key} HAVING bool_or(after) AND NOT bool_and(after)"


#: What is asked of events of the days beside: they only continue, or are continued by, sessions of the days.
_OF_DAYS_BESIDE: Final = (
    *("event_time", "received_at", "user_id", "pixel_id", "click_id", "event_name", "price", "is_bot"),
)


def of_days_beside(days: Iterable[int]) -> str:
    """Return the query of the events of days beside: of some columns, of all users."""
    return f"SELECT {', '.join(_OF_DAYS_BESIDE)} FROM {CLEAN} WHERE {on_days(beside(days))}"


def _read_events(days: Sequence[int], users: UserKeys) -> str:
    """Return the rows of `CLEAN` that the days are computed from."""
    over = over_midnight(near_midnight(days, users), "user_id")
    return f"""
SELECT * FROM {CLEAN} WHERE {on_days(days)}
UNION ALL BY NAME
SELECT * FROM ({of_days_beside(days)}) WHERE {users.key()} IN ({over})
"""


def _events(rows: str, users: UserKeys) -> str:
    """Return the table of events, each user's in the order in which they happened.

    Events at one time are in the order of their arrival; `click_id`, unique within an hour, decides the rest. From here
    on `user_id` is the user's key, `click_id` a hash, and an anonymous id that stands in for the user is null.
    """
    return f"""
CREATE TEMP TABLE events AS
SELECT {users.key()} AS user_id, epoch_us(event_time) AS time,
       {rounded_down("epoch_us(event_time)", _DAY_US)} AS day, event_name,
       CASE WHEN anonymous_id <> of_days.user_id THEN anonymous_id END AS anonymous_id, product_id, price,
       is_bot, hash(click_id) AS id_hash, {", ".join(ONLY_OF_LANDINGS)}
FROM ({rows}) AS of_days
ORDER BY {users.key()}, event_time, received_at, click_id
"""


_COUNTS: Final = ", ".join(f"count_if(event_name = '{event}') AS {count}" for event, count in STEPS)
#: The same of events that are not flagged as a bot's: how many there are, and how many of them are purchases.
_PEOPLE: Final = (
    f"count_if(NOT is_bot) AS people_events, count_if(NOT is_bot AND event_name = '{_PURCHASE}') AS people_purchases"
)
_COUNTED: Final = ("events", *(count for _, count in STEPS), "people_events", "people_purchases")
_SUMS: Final = ", ".join(f"sum({count})::BIGINT AS {count}" for count in _COUNTED)
_REVENUE: Final = f"coalesce(sum(price) FILTER (event_name = '{_PURCHASE}'), 0) AS revenue"
_REFUNDS: Final = (
    f"count_if(event_name = '{REFUND}') AS refunds, "
    f"coalesce(sum(price) FILTER (event_name = '{REFUND}'), 0) AS refunded"
)

#: A user's events of one day without a gap between them: what sessions and days are put together from. They keep the
#: order of the events; `place` is that of the first.
_FRAGMENTS: Final = f"""
CREATE TEMP TABLE fragments AS
SELECT number, any_value(user_id) AS user_id, any_value(day) AS day, min(time) AS first_event, max(time) AS last_event,
       count(*) AS events, min(place) AS place, {_COUNTS}, {_PEOPLE}, {_REVENUE},
       any_value({{{", ".join(f"'{name}': {name}" for name in _LANDING)}}}) FILTER (begins) AS landing
FROM (
    SELECT *, count_if(begins) OVER (ROWS UNBOUNDED PRECEDING) AS number
    FROM (
        SELECT *, rowid AS place,
               coalesce(user_id <> lag(user_id) OVER () OR day <> lag(day) OVER ()
                           OR time - lag(time) OVER () > {GAP_US}, true) AS begins
        FROM events
    )
)
GROUP BY number
ORDER BY number
"""

#: Fragments, each with the number of its session. A gap starts a session. A day without any gap from its midnight to
#: the next ends its session there, and the next day's first event starts another.
_NUMBERED_FRAGMENTS: Final = f"""
CREATE TEMP TABLE numbered_fragments AS
SELECT *, count_if(after_a_gap OR after_a_gapless_day) OVER (ROWS UNBOUNDED PRECEDING) AS session
FROM (
    SELECT *, coalesce(user_id <> lag(user_id) OVER () OR first_event - lag(last_event) OVER () > {GAP_US}, true)
                  AS after_a_gap,
           coalesce(first_of_day AND lag(first_of_day) OVER ()
                    AND lag(first_event) OVER () - lag(day) OVER () * {_DAY_US} <= {GAP_US}
                    AND day * {_DAY_US} - lag(last_event) OVER () <= {GAP_US}, false) AS after_a_gapless_day
    FROM (
        SELECT *, coalesce(user_id <> lag(user_id) OVER () OR day <> lag(day) OVER (), true) AS first_of_day
        FROM fragments
    )
)
"""

_STARTS: Final = "FILTER (after_a_gap OR after_a_gapless_day)"

#: The sessions that start on a target day; `continued` says that no gap lies before a session.
_SESSION_ROWS: Final = f"""
CREATE TEMP TABLE session_rows AS
SELECT *, {", ".join(f"landing.{name} AS landing_{name}" for name in _LANDING if name != "referrer")},
       {foreign_host("landing.referrer", "landing.page_url")} AS landing_referrer_host
FROM (
    SELECT min(day) AS day, any_value(user_id) AS user_id, make_timestamp(min(first_event)) AS session_start,
           make_timestamp(max(last_event)) AS session_end, any_value(NOT after_a_gap) {_STARTS} AS continued, {_SUMS},
           min(place) AS place, sum(revenue) AS revenue, any_value(landing) {_STARTS} AS landing
    FROM numbered_fragments
    GROUP BY session
)
SEMI JOIN target_days USING (day)
"""

_USER_DAY_ROWS: Final = f"""
CREATE TEMP TABLE user_day_rows AS
SELECT day, user_id, make_timestamp(min(first_event)) AS first_event, make_timestamp(max(last_event)) AS last_event,
       {_SUMS}
FROM fragments SEMI JOIN target_days USING (day)
GROUP BY day, user_id
"""

#: Who was there by two ids at once.
_LINK_ROWS: Final = """
SELECT day, anonymous_id, user_id, make_timestamp(min(time)) AS first_seen, make_timestamp(max(time)) AS last_seen,
       count(*) AS events
FROM events SEMI JOIN target_days USING (day)
WHERE anonymous_id IS NOT NULL
GROUP BY day, anonymous_id, user_id
"""


def _funnel_steps() -> Iterable[str]:
    """Yield, for each step, the table of the users who did it in order that day, at the earliest possible time.

    Events at one time count as in order, in whatever order they lie.
    """
    yield f"""
CREATE TEMP TABLE step_1 AS
SELECT day, user_id, min(time) AS time
FROM events SEMI JOIN target_days USING (day) WHERE event_name = '{_SEARCH}' GROUP BY day, user_id
"""
    for number, event in enumerate(FUNNEL_EVENTS[1:], start=2):
        yield f"""
CREATE TEMP TABLE step_{number} AS
SELECT day, user_id, min(events.time) AS time, any_value(before.time) AS time_before
FROM events JOIN step_{number - 1} AS before USING (day, user_id)
WHERE event_name = '{event}' AND events.time >= before.time
GROUP BY day, user_id
"""


def _path_names() -> str:
    names = most_frequent(counted_names("FROM events SEMI JOIN target_days USING (day)"))
    return f"CREATE TEMP TABLE {PATH_NAMES} AS {names}"


def statements(days: Sequence[int], *, users: UserKeys = ONE_FOR_ALL_SITES) -> list[str]:
    """Return what makes the relations that all the rest are read from, of these days."""
    return [_target_days(days), _events(_read_events(days, users), users), _path_names(), *_FROM_EVENTS]


def statements_of_part(days: Sequence[int], *, users: UserKeys = ONE_FOR_ALL_SITES) -> list[str]:
    """Return the same for a part of the users, of whom `CLEAN` has all rows that matter; `path_names` are there."""
    return [_target_days(days), _events(f"FROM {CLEAN}", users), *_FROM_EVENTS]


#: What is made from events.
_FROM_EVENTS: Final = (_FRAGMENTS, _NUMBERED_FRAGMENTS, _SESSION_ROWS, _USER_DAY_ROWS, *_funnel_steps(), STOPS)

PRODUCT_STATS: Final = f"""
SELECT day, product_id, count(*) AS users, sum(views)::BIGINT AS views, sum(carts)::BIGINT AS carts,
       sum(purchases)::BIGINT AS purchases, sum(revenue) AS revenue, sum(refunds)::BIGINT AS refunds,
       sum(refunded) AS refunded
FROM (
    SELECT day, product_id, user_id, {_COUNTS}, {_REVENUE}, {_REFUNDS}
    FROM events SEMI JOIN target_days USING (day)
    WHERE product_id IS NOT NULL AND event_name IN ('{_VIEW}', '{_CART}', '{_PURCHASE}', '{REFUND}')
    GROUP BY day, product_id, user_id
)
GROUP BY day, product_id
"""


def in_file_order(table: Table, rows: str, users: UserKeys) -> str:
    """Return the rows of a table as they are stored: by day, and within a day in the table's order."""
    stored = {
        "day": "DATE '1970-01-01' + day::INTEGER AS day",
        "user_id": f"{users.user_id()} AS user_id",
        "site": f"{users.site()} AS site",
    }
    columns = (stored.get(column.name, column.name) for column in table.columns)
    return f"SELECT {', '.join(columns)} FROM ({rows}) AS of_days ORDER BY of_days.day, {', '.join(table.sort)}"


#: The rows of each table that a task writes.
_ROWS: Final = {
    SESSIONS: "FROM session_rows",
    USER_DAYS: "FROM user_day_rows",
    IDENTITY_LINKS: _LINK_ROWS,
    DAILY_PRODUCT_STATS: PRODUCT_STATS,
    DAILY_SOURCES: with_conversion(SOURCES),
}


def stored_rows(users: UserKeys = ONE_FOR_ALL_SITES) -> dict[Table, str]:
    """Return the rows of each table that a task writes."""
    return {table: in_file_order(table, rows, users) for table, rows in _ROWS.items()}


#: Figures of days that add up over the parts, by their name: so two parts' rows are added up.
FIGURES: Final = "\nUNION ALL ".join(
    f"SELECT day, '{name}' AS figure, ({value})::DECIMAL(38,0) AS value FROM {rows} GROUP BY day"
    for name, value, rows in (
        ("events", "sum(events)", "user_day_rows"),
        ("users", "count(*)", "user_day_rows"),
        # Two 64-bit hashes, so that sets that happen to agree in one sum differ in the other; sums know no order.
        ("hashes_low", "sum(md5_number_lower(user_id))", "user_day_rows"),
        ("hashes_high", "sum(md5_number_upper(user_id))", "user_day_rows"),
        ("session_rows", "count(*)", "session_rows"),
        ("sessions", "count_if(NOT continued)", "session_rows"),
        ("bounces", "count_if(NOT continued AND events = 1)", "session_rows"),
        ("converted_sessions", "count_if(NOT continued AND purchases > 0)", "session_rows"),
        ("users_without_bots", "count_if(people_events > 0)", "user_day_rows"),
        ("sessions_without_bots", "count_if(NOT continued AND people_events > 0)", "session_rows"),
        ("converted_sessions_without_bots", "count_if(NOT continued AND people_purchases > 0)", "session_rows"),
        *(
            (f"in_any_order_{step}", f"count_if({count} > 0)", "user_day_rows")
            for step, (_, count) in enumerate(STEPS, start=1)
        ),
        *((f"in_order_{step}", "count(*)", f"step_{step}") for step in range(1, len(STEPS) + 1)),
    )
)

#: The smallest hashes of the ids of each target day's events; an id that is in two hours is there twice. The smallest
#: of all parts together are the day's. `function` is the hash of a fixed text.
ID_HASHES: Final = f"""
SELECT day, hash('click_id') AS function, min(id_hash, {SAMPLED_IDS}) AS hashes
FROM events SEMI JOIN target_days USING (day)
GROUP BY day
"""

#: By day and step of the funnel after the first, how many users took so many microseconds from the step before.
DURATIONS: Final = "\nUNION ALL ".join(
    f"SELECT day, {step} AS step, time - time_before AS microseconds, count(*) AS users FROM step_{step} GROUP BY ALL"
    for step in range(2, len(STEPS) + 1)
)

#: Of the relation of durations of all parts.
ALL_DURATIONS: Final = "durations"

#: The middle duration of each step, or the mean of the two in the middle, exactly: picked by their place.
MEDIANS: Final = f"""
SELECT day, step, avg(microseconds) / 1000000 AS seconds
FROM (
    SELECT *, sum(users) OVER (PARTITION BY day, step ORDER BY microseconds) AS places,
           sum(users) OVER (PARTITION BY day, step) AS all_users
    FROM (SELECT day, step, microseconds, sum(users) AS users FROM {ALL_DURATIONS} GROUP BY ALL)
)
WHERE places >= (all_users + 1) // 2 AND places - users < (all_users + 2) // 2
GROUP BY day, step
"""


def user_days(files: Sequence[str], users: UserKeys = ONE_FOR_ALL_SITES) -> str:
    """Return the relation of the `user_id`, which is the user's key, and the `day` of rows of `user_days`."""
    if not users.per_site:
        return parquet(files)
    # Files of before there were sites have no such column.
    completed = f"(SELECT NULL::VARCHAR AS site WHERE false) UNION ALL BY NAME FROM {parquet(files)}"
    return f"(SELECT {users.key(site='site')} AS user_id, day FROM ({completed}))"


def users_in_order(user_days: str, *, part: int = 0, parts: int = 1) -> str:
    """Return the table of a part of the users in a relation of `user_days`, with the days of each in order."""
    return f"""
CREATE TEMP TABLE users_in_order AS
SELECT user_id, day FROM {user_days} WHERE {in_part("user_id", part, parts)} ORDER BY user_id, day
"""


#: A day's users by the latest day on which they were new, their cohort. Two days on which a user is new are more than
#: NEW_USER_DAYS apart, so within RETENTION_DAYS a user belongs to one cohort. It is right for days whose
#: DAYS_LOOKED_BACK_AT days before are all in the files: a cohort that `daily_retention` shows is then known.
USERS_BY_COHORT: Final = f"""
WITH numbered AS (
    SELECT *, count_if(is_new) OVER (ROWS UNBOUNDED PRECEDING) AS number
    FROM (
        SELECT day, coalesce(user_id <> lag(user_id) OVER () OR day - lag(day) OVER () > {NEW_USER_DAYS}, true)
                        AS is_new
        FROM users_in_order
    )
)
SELECT numbered.day, cohorts.day AS cohort_day, count(*) AS users
FROM numbered JOIN (SELECT number, day FROM numbered WHERE is_new) AS cohorts USING (number)
GROUP BY numbered.day, cohorts.day
"""
