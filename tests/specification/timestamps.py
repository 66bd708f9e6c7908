"""Text → a moment in UTC: the two formats of the contract, spelled out, and nothing else.

`YYYY-MM-DD HH:MM:SS[.f…]` with 1–6 digits after the point is UTC. RFC 3339 needs a zone: `T` (or `t`, or a space)
between date and time, 1–9 digits after the point of which six count, `Z` (or `z`) or `±HH:MM`.
"""

import re
from datetime import UTC, datetime, timedelta

_MOMENT = r"(\d{4})-(\d\d)-(\d\d)%s(\d\d):(\d\d):(\d\d)(?:\.(\d{%s}))?"
_PLAIN = re.compile(_MOMENT % (" ", "1,6"), re.ASCII)
_ZONED = re.compile(_MOMENT % ("[Tt ]", "1,9") + r"(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))", re.ASCII)


def moment(text: str) -> datetime | None:
    """Return the moment; None for another format, and for a date or time that does not exist (`:60` does not)."""
    match = _PLAIN.fullmatch(text) or _ZONED.fullmatch(text)
    if match is None:
        return None
    parts = match.groups()
    fraction = ((parts[6] or "") + "000000")[:6]
    try:
        local = datetime(*(int(part) for part in parts[:6]), int(fraction), tzinfo=UTC)  # type: ignore[misc, arg-type]
        return local - _offset(parts[7:])
    except (ValueError, OverflowError):
        return None


def _offset(zone: tuple[str | None, ...]) -> timedelta:
    if not zone or zone[0] is None:
        return timedelta(0)
    offset = timedelta(hours=int(zone[1] or 0), minutes=int(zone[2] or 0))
    return -offset if zone[0] == "-" else offset
