"""The event's timestamps: text ↔ moments, by the contract's two patterns and the real calendar.

A text that this module refuses is one that `transform_events` rejects as `invalid_timestamp`. Moments inside the
simulator are whole microseconds since 1970 (UTC), because integers are the same on every machine.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

from contracts.timestamps import PLAIN_TIMESTAMP_PATTERN, RFC3339_TIMESTAMP_PATTERN

SECOND_US: Final = 1_000_000
MINUTE_US: Final = 60 * SECOND_US
HOUR_US: Final = 60 * MINUTE_US

#: `\d` is an ASCII digit, as it is in Java's patterns.
_PLAIN: Final = re.compile(PLAIN_TIMESTAMP_PATTERN, re.ASCII)
_RFC3339: Final = re.compile(RFC3339_TIMESTAMP_PATTERN, re.ASCII)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_MINUTE_AND_SECOND: Final = tuple(f"{minute:02d}:{second:02d}" for minute in range(60) for second in range(60))


def parse_event_time(text: str) -> datetime | None:
    """Return the moment (UTC) that a timestamp names, or None where the contract knows no such timestamp.

    Digits after the sixth of a second's fraction are cut.

    >>> parse_event_time("2021-07-12T14:01:58.7327269+02:00")
    datetime.datetime(2021, 7, 12, 12, 1, 58, 732726, tzinfo=datetime.timezone.utc)
    """
    if _PLAIN.fullmatch(text):
        zone, fraction = UTC, text[20:]
    elif match := _RFC3339.fullmatch(text):
        zone, fraction = _zone(match[2]), (match[1] or ".")[1:]
    else:
        return None
    try:
        date = (int(text[0:4]), int(text[5:7]), int(text[8:10]))
        clock = (int(text[11:13]), int(text[14:16]), int(text[17:19]))
        return datetime(*date, *clock, int(fraction[:6].ljust(6, "0")), tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _zone(text: str) -> timezone:
    if text in "Zz":
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[4:6]))
    return timezone(-offset if text[0] == "-" else offset)


def epoch_us(moment: datetime) -> int:
    """Return an aware datetime as microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(at: int) -> datetime:
    """Return microseconds since 1970 as a datetime in UTC."""
    return _EPOCH + at * _MICROSECOND


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
