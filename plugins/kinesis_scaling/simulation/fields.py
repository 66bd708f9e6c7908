"""The text of one field of a trace → a time or an amount; an error says where it stands and how to write it."""

import math
import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final

from kinesis_scaling.errors import TraceError

#: No traffic was recorded before, and a simulation that begins later might run beyond what a datetime can hold.
FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 9000

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER: Final = re.compile(r"[0-9]{1,20}(?:\.[0-9]+)?(?:[eE]\+?[0-9]{1,2})?", re.ASCII)
#: Fewer digits are a date in ISO 8601, 20260131, or no time. As seconds it is a day of 1973.
_FIRST_EPOCH_TIME: Final = 10**8
#: Below which number an epoch time counts units of which so many make a second; as seconds the first is the year 5138.
_UNITS: Final = ((10**11, 1), (10**14, 1_000), (10**17, 1_000_000), (10**20, 1_000_000_000))


def time_of(text: str, place: str) -> datetime:
    """Return the time; without a zone it is UTC. A number is an epoch time, in the unit that its digits tell."""
    try:
        time = _parsed(text.strip())
    except (ValueError, OverflowError) as error:
        raise TraceError(
            f"{place}: {text!r} is no time; write 2026-01-31 12:00:00, 2026-01-31T12:00:00Z, or seconds or "
            "milliseconds since 1970"
        ) from error
    if not FIRST_YEAR <= time.year <= LAST_YEAR:
        raise TraceError(f"{place}: {text!r} lies outside the years {FIRST_YEAR}–{LAST_YEAR}")
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def is_time(text: str) -> bool:
    """Say whether a field can be read as a time."""
    try:
        _parsed(text.strip())
    except (ValueError, OverflowError):
        return False
    return True


def is_local(text: str) -> bool:
    """Say whether a time that can be read names no zone, and so may be of a place whose clock is set twice a year."""
    return _parsed(text.strip()).tzinfo is None


def _parsed(text: str) -> datetime:
    """Return a time, aware if its text says of which zone; raise `ValueError` or `OverflowError` for another text."""
    number = Fraction(text) if _NUMBER.fullmatch(text) else Fraction(0)
    if number < _FIRST_EPOCH_TIME:
        return datetime.fromisoformat(text)
    per_second = next((per_second for end, per_second in _UNITS if number < end), 0)
    if not per_second:
        raise ValueError(text)
    return _EPOCH + timedelta(microseconds=int(number * 1_000_000 / per_second))


def amount_of(text: object, what: str, place: str) -> float:
    """Return an amount that is not negative."""
    try:
        amount = float(str(text))
    except ValueError:
        amount = math.nan
    if not math.isfinite(amount) or amount < 0:
        raise TraceError(f"{place}: the {what} is {text!r}; it must be a number from 0 on")
    return amount
