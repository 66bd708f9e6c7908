"""The SQL, in DuckDB's dialect, that says what sessions do next: from one event name to another, at each step.

A session's events lie in a row in the order of events, and a stop is one or more of one name in a row. So the row above
says from where an event comes, and a count of the rows at which a stop begins says at which step. Names that are not
among a day's most frequent ones are one name before stops are found: what comes to a name then also leaves it.
"""

# ruff: noqa: S608 (the queries are made of constants and of relations that this package names)

from typing import Final

from contracts.rules import PATH_EVENT_NAMES, PATH_STEPS
from contracts.tables.daily import OTHER_EVENTS, SESSION_END, SESSION_START

_WORDS: Final = f"('{SESSION_START}', '{SESSION_END}', '{OTHER_EVENTS}')"


#: Of the relation of the names that are told apart of each target day.
PATH_NAMES: Final = "path_names"


def counted_names(named_events: str) -> str:
    """Return how many events each name has on each day, of rows with a `day` and an `event_name`."""
    return f"""
SELECT day, event_name, count(*) AS events FROM ({named_events})
WHERE event_name NOT IN {_WORDS}
GROUP BY day, event_name
"""


def most_frequent(counted: str) -> str:
    """Return the names of a day that are told apart, of rows that `counted_names` returned.

    They are chosen among the names of all of a day's events, and not of a part of its users, so that all parts tell the
    same apart.
    """
    return f"""
SELECT day, event_name, sum(events)::BIGINT AS events FROM ({counted}) GROUP BY day, event_name
QUALIFY row_number() OVER (PARTITION BY day ORDER BY sum(events) DESC, event_name) <= {PATH_EVENT_NAMES}
"""


#: The events of the sessions of target days in order, each session's with its end behind them. A session is known by
#: the place of its first event; the pieces of sessions that were cut at midnight are no sessions. Places are counted in
#: twos, so that an end lies between two events, and one number is the order.
STOPS: Final = f"""
CREATE TEMP TABLE stops AS
WITH places AS (
    SELECT day, 2 * place AS session, unnest(range(place, place + events)) AS place
    FROM session_rows WHERE NOT continued
)
SELECT places.session, 2 * places.place AS place, places.day, coalesce(path_names.event_name, '{OTHER_EVENTS}') AS name
FROM places
JOIN events ON events.rowid = places.place
LEFT JOIN path_names ON path_names.day = places.day AND path_names.event_name = events.event_name
UNION ALL
SELECT 2 * place, 2 * (place + events) - 1, day, '{SESSION_END}' FROM session_rows WHERE NOT continued
ORDER BY place
"""

#: How many sessions of a part of the users do a transition, and how often they do it. They add up over the parts.
TRANSITIONS: Final = f"""
SELECT day, step, from_event, to_event, count(*) AS sessions, sum(times)::BIGINT AS transitions
FROM (
    SELECT day, session, least(stop - first_stop, {PATH_STEPS}) + 1 AS step, from_event, to_event, count(*) AS times
    FROM (
        SELECT *, max(CASE WHEN place = session THEN stop END) OVER (ROWS UNBOUNDED PRECEDING) AS first_stop
        FROM (
            SELECT *, count_if(from_event <> to_event) OVER (ROWS UNBOUNDED PRECEDING) AS stop
            FROM (
                SELECT *, CASE WHEN place = session THEN '{SESSION_START}' ELSE lag(name) OVER () END AS from_event,
                       name AS to_event
                FROM stops
            )
        )
    )
    GROUP BY ALL
)
GROUP BY day, step, from_event, to_event
"""
