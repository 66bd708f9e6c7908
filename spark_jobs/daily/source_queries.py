"""The SQL, in DuckDB's dialect, that says where sessions come from: a campaign, another site, or neither."""

# ruff: noqa: S608 (the queries are made of constants and of relations that this package names)

import string
from typing import Final

#: Of sessions with neither a campaign's source nor another site's page before them.
_DIRECT: Final = "direct"

#: A page's address, its host in brackets: behind a scheme and, if there is one, user-info, before a port or the rest.
#: A host is an IPv6 address in square brackets, or a name of letters, digits, points, hyphens and underscores;
#: everything beyond ASCII counts as a letter. What browsers and RFC 3986 read differently, a backslash before it, is no
#: address.
_HOST: Final = (
    r"^[A-Za-z][A-Za-z0-9+.-]*://([^/?#\\]*@)?"
    r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._\x{80}-\x{10FFFF}-]+)(:[0-9]*)?([/?#]|$)"
)
_HOST_GROUP: Final = 2


def _host(url: str) -> str:
    """Return the SQL of the host of an address, A to Z in lower case; null if there is none."""
    host = f"regexp_extract({url}, '{_HOST}', {_HOST_GROUP})"
    return f"nullif(translate({host}, '{string.ascii_uppercase}', '{string.ascii_lowercase}'), '')"


def foreign_host(referrer: str, page_url: str) -> str:
    """Return the SQL of the host of the page before; null if it is that of the page itself, or if there is none."""
    return f"nullif({_host(referrer)}, {_host(page_url)})"


#: The measures of each source and medium of sessions: they add up over users, distinct users as well.
SOURCES: Final = f"""
SELECT day, source, medium, count_if(NOT continued) AS sessions, count(DISTINCT user_id) AS users,
       count_if(NOT continued AND purchases > 0) AS converted_sessions, sum(revenue) AS revenue
FROM (
    SELECT *, coalesce(landing_utm_source, landing_referrer_host, '{_DIRECT}') AS source, landing_utm_medium AS medium
    FROM session_rows
)
GROUP BY day, source, medium
"""


def with_conversion(sources: str) -> str:
    """Return the rows of `daily_sources`, of rows with their measures."""
    return f"SELECT *, converted_sessions / nullif(sessions, 0) AS conversion FROM ({sources})"
