"""Text or number → a moment in UTC, by the forms that name one without guessing.

A date, `T` (or `t`, or a space), hour and minute; then perhaps seconds, and behind a point or comma 1–9 digits, of
which six count; then perhaps a zone: `Z` (or `z`, or `UTC`) or `±HH`, `±HHMM`, `±HH:MM`, behind a space or not. No zone
is UTC. Second 60 is the last microsecond of 59. Or a number since 1970, which is below 10^11 of seconds, below 10^14 of
milliseconds and below 10^17 of microseconds. White space around it is no part of it.
"""

import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction

_FORM = re.compile(
    r"(\d\d\d\d)-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?: ?(Z|z|UTC|[+-]\d\d(?::?\d\d)?))?",
    re.ASCII,
)
_NUMBER = re.compile(r"\d{1,17}(\.\d{1,22})?", re.ASCII)
_LONGEST_NUMBER = 40


def moment(text: str) -> datetime | None:
    """Return the moment; None for another form, and for a date or time that does not exist."""
    text = text.strip(" \t\r\n")
    if _NUMBER.fullmatch(text):
        return epoch(text)
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute = (int(part) for part in match.groups()[:5])
    second, fraction = int(match[6] or 0), int(((match[7] or "") + "000000")[:6])
    if second == 60:
        second, fraction = 59, 999_999
    try:
        return datetime(year, month, day, hour, minute, second, fraction, tzinfo=UTC) - _offset(match[8] or "Z")
    except (ValueError, OverflowError):
        return None


def _offset(zone: str) -> timedelta:
    if zone in ("Z", "z", "UTC"):
        return timedelta(0)
    digits = zone[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:
        raise ValueError(zone)
    return timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1)


def epoch(number: str) -> datetime | None:
    """Return the moment that a JSON number names, as it is written; None if it is negative or too large."""
    if len(number) > _LONGEST_NUMBER:
        return None
    mantissa, _, exponent = number.lower().partition("e")
    if abs(int(exponent or 0)) > 100:
        return datetime(1970, 1, 1, tzinfo=UTC) if _is_tiny(mantissa, exponent) else None
    value = Fraction(mantissa) * Fraction(10) ** int(exponent or 0)
    if value < 0:
        return None
    for limit, per_unit in ((10**11, 1_000_000), (10**14, 1_000), (10**17, 1)):
        if value < limit:
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(value * per_unit))
    return None


def _is_tiny(mantissa: str, exponent: str) -> bool:
    """Whether a number with an exponent of three digits or more is as good as zero, and not negative."""
    return Fraction(mantissa) == 0 or (exponent.startswith("-") and Fraction(mantissa) > 0)
