"""Text or number → UTC time, by the forms of the event's timestamps and nothing else.

What names one moment without guessing is a timestamp. What a reader would have to guess is none: `03/02/2026` is two
days, `12:00 CET` has a zone that stands for several, and a date alone has no time.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, localcontext
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

#: White space that may stand around a timestamp, a number or a name.
BLANKS: Final = " \t\r\n"

_DATE: Final = "(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
_TIME: Final = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(:(?P<second>[0-9]{2})([.,](?P<fraction>[0-9]{1,9}))?)?"
_ZONE: Final = r" ?(?P<zone>[Zz]|UTC|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)"
#: RFC 3339, and the forms of ISO 8601 that standard libraries write: seconds, fraction and zone may be absent. Digits
#: after the sixth are cut.
_CALENDAR: Final = re.compile(f"{_DATE}[Tt ]{_TIME}({_ZONE})?", re.ASCII)

#: Seconds, milliseconds or microseconds since 1970, told apart by their size: of each the first that is too large, and
#: the power of ten that makes microseconds of them. Seconds reach to the year 5138; milliseconds and microseconds begin
#: in March 1973, so that no moment of these years can be read as two.
EPOCH_UNITS: Final = ((10**11, 6), (10**14, 3), (10**17, 0))
#: A longer number is no timestamp: these are 17 digits before the point and 22 after it.
MAX_EPOCH_LENGTH: Final = 40

_EPOCH: Final = re.compile(r"[0-9]{1,17}(\.[0-9]{1,22})?", re.ASCII)


def parse_timestamp(text: str) -> datetime | None:
    """Return the aware UTC datetime that a text names, cut to microseconds; None if it is no timestamp.

    A leap second (`:60`) is the last microsecond of the second before it. Times outside of the years 1 to 9999 are no
    timestamps.

    >>> parse_timestamp("2021-07-12T14:01:58.7327269+02:00")
    datetime.datetime(2021, 7, 12, 12, 1, 58, 732726, tzinfo=datetime.timezone.utc)
    >>> parse_timestamp(" 2021-07-12t14:01z ") == parse_timestamp("1626098460000")
    True
    >>> parse_timestamp("2021-02-30 00:00:00") is None
    True
    """
    text = text.strip(BLANKS)
    if _EPOCH.fullmatch(text):
        return parse_epoch(text)
    match = _CALENDAR.fullmatch(text)
    if match is None:
        return None
    leap = match["second"] == "60"
    second = 59 if leap else int(match["second"] or 0)
    microsecond = 999_999 if leap else int((match["fraction"] or "")[:6].ljust(6, "0"))
    year, month, day, hour, minute = (int(match[name]) for name in ("year", "month", "day", "hour", "minute"))
    try:
        moment = datetime(year, month, day, hour, minute, second, microsecond, _zone(match["zone"]))
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def parse_epoch(number: str) -> datetime | None:
    """Return the time that a JSON number names as seconds, milliseconds or microseconds since 1970; None if none.

    The number counts as it is written, not as a double, and is cut to microseconds.

    >>> parse_epoch("1626098460") == parse_epoch("1626098460000") == parse_epoch("1626098460000000.9")
    True
    """
    if len(number) > MAX_EPOCH_LENGTH:
        return None
    with localcontext(prec=4 * MAX_EPOCH_LENGTH):
        value = Decimal(number)
        for limit, power in EPOCH_UNITS:
            if 0 <= value < limit:
                return EPOCH + timedelta(microseconds=int(value.scaleb(power)))
    return None


def _zone(suffix: str | None) -> timezone:
    if suffix is None or suffix in ("Z", "z", "UTC"):
        return UTC
    offset = timedelta(hours=int(suffix[1:3]), minutes=int(suffix[-2:]) if len(suffix) > len("+hh") else 0)
    return timezone(-offset if suffix[0] == "-" else offset)
