"""The SQL, in DuckDB's dialect, that says where sessions come from: the host in the address of the page before."""

import string
from typing import Final

#: A page's address, its host in brackets: behind a scheme and, if there is one, user-info, before a port or the path. A
#: host is an IPv6 address in square brackets, or a name of letters, digits, points, hyphens and underscores; everything
#: beyond ASCII counts as a letter. What browsers and RFC 3986 read differently, a backslash before it, is no address.
_HOST: Final = (
    r"^[A-Za-z][A-Za-z0-9+.-]*://([^/\\]*@)?"
    r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._\x{80}-\x{10FFFF}-]+)(:[0-9]*)?(/|$)"
)
_HOST_GROUP: Final = 2


def _host(url: str) -> str:
    """Return the SQL of the host of an address, A to Z in lower case; null if there is none."""
    host = f"regexp_extract({url}, '{_HOST}', {_HOST_GROUP})"
    return f"nullif(translate({host}, '{string.ascii_uppercase}', '{string.ascii_lowercase}'), '')"


def foreign_host(referrer: str, page_url: str) -> str:
    """Return the SQL of the host of the page before; null if it is that of the page itself, or if there is none."""
    return f"nullif({_host(referrer)}, {_host(page_url)})"
