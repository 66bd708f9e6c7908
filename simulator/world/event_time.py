"""Moments of the simulator → datetimes, and the text of an event's timestamp.

Moments are whole microseconds since 1970 (UTC), because integers are the same on every machine. Text is read by
`contracts.timestamps`.
"""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from contracts.timestamps import EPOCH

SECOND_US: Final = 1_000_000
MINUTE_US: Final = 60 * SECOND_US
HOUR_US: Final = 60 * MINUTE_US

_MICROSECOND: Final = timedelta(microseconds=1)
_MINUTE_AND_SECOND: Final = tuple(f"{minute:02d}:{second:02d}" for minute in range(60) for second in range(60))


def epoch_us(moment: datetime) -> int:
    """Return an aware datetime as microseconds since 1970."""
    return (moment - EPOCH) // _MICROSECOND


def moment_of(at: int) -> datetime:
    """Return microseconds since 1970 as a datetime in UTC."""
    return EPOCH + at * _MICROSECOND


def format_event_time(at: int) -> str:
    """Return `YYYY-MM-DD HH:MM:SS.ffffff` of microseconds since 1970; called twice for each event.

    >>> format_event_time(1626091318732726)
    '2021-07-12 12:01:58.732726'
    """
    second, microsecond = divmod(at, SECOND_US)
    hour, second_of_hour = divmod(second, 3_600)
    return f"{_hour_text(hour)}{_MINUTE_AND_SECOND[second_of_hour]}.{microsecond:06d}"


@lru_cache(maxsize=4_096)
def _hour_text(hour: int) -> str:
    moment = moment_of(hour * HOUR_US)
    return f"{moment.date().isoformat()} {moment.hour:02d}:"
