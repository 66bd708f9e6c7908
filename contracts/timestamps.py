"""Text → UTC time, by the event's two timestamp formats and nothing else."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

_DATE: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME: Final = "[0-9]{2}:[0-9]{2}:[0-9]{2}"
#: `YYYY-MM-DD HH:MM:SS[.f{1,6}]` without a zone, which means UTC.
PLAIN_TIMESTAMP_PATTERN: Final = rf"^{_DATE} {_TIME}(\.[0-9]{{1,6}})?$"
#: RFC 3339 with a zone, up to nanoseconds (digits after the sixth are cut).
RFC3339_TIMESTAMP_PATTERN: Final = rf"^{_DATE}[Tt ]{_TIME}(\.[0-9]{{1,9}})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"

_PLAIN: Final = re.compile(PLAIN_TIMESTAMP_PATTERN, re.ASCII)
_RFC3339: Final = re.compile(RFC3339_TIMESTAMP_PATTERN, re.ASCII)

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def parse_timestamp(text: str) -> datetime | None:
    """Return the aware UTC datetime that `text` names, cut to microseconds; None if it is no timestamp.

    Leap seconds (`:60`) and times outside of the years 1 to 9999 are none.

    >>> parse_timestamp("2021-07-12T14:01:58.7327269+02:00")
    datetime.datetime(2021, 7, 12, 12, 1, 58, 732726, tzinfo=datetime.timezone.utc)
    >>> parse_timestamp("2021-02-30 00:00:00") is None
    True
    """
    plain = _PLAIN.fullmatch(text)
    zoned = None if plain else _RFC3339.fullmatch(text)
    if plain:
        zone, fraction = UTC, plain[1]
    elif zoned:
        zone, fraction = _zone(zoned[2]), zoned[1]
    else:
        return None
    try:
        moment = datetime(
            int(text[0:4]),
            int(text[5:7]),
            int(text[8:10]),
            int(text[11:13]),
            int(text[14:16]),
            int(text[17:19]),
            int((fraction or ".")[1:7].ljust(6, "0")),
            tzinfo=zone,
        )
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _zone(suffix: str) -> timezone:
    if suffix in "Zz":
        return UTC
    offset = timedelta(hours=int(suffix[1:3]), minutes=int(suffix[4:6]))
    return timezone(-offset if suffix[0] == "-" else offset)
