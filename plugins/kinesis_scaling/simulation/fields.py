"""The text of one field of a trace → a time or an amount; an error says where it stands and how to write it."""

import math
from datetime import UTC, datetime
from typing import Final

from kinesis_scaling.errors import TraceError

#: No traffic was recorded before, and a simulation that begins later might run beyond what a datetime can hold.
FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 9000


def time_of(text: str, place: str) -> datetime:
    """Return the time; without a zone it is UTC."""
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise TraceError(f"{place}: {text!r} is no time; write 2026-01-31 12:00:00 or 2026-01-31T12:00:00Z") from error
    if not FIRST_YEAR <= time.year <= LAST_YEAR:
        raise TraceError(f"{place}: {text!r} lies outside the years {FIRST_YEAR}–{LAST_YEAR}")
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def is_time(text: str) -> bool:
    """Say whether a field can be read as a time."""
    try:
        datetime.fromisoformat(text.strip())
    except ValueError:
        return False
    return True


def amount_of(text: object, what: str, place: str) -> float:
    """Return an amount that is not negative."""
    try:
        amount = float(str(text))
    except ValueError:
        amount = math.nan
    if not math.isfinite(amount) or amount < 0:
        raise TraceError(f"{place}: the {what} is {text!r}; it must be a number from 0 on")
    return amount
