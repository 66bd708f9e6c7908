"""Hours and days as keys: in Airflow's partitions, in S3 prefixes and in Firehose's prefix expressions.

An hour is an aware UTC datetime at its full hour; its key is `2026-11-22T10`. A day is a date, of UTC; its key is
`2026-11-22`.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from contracts.timestamps import EPOCH

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
HOUR_KEY_FORMAT: Final = "%Y-%m-%dT%H"
DAY_KEY_FORMAT: Final = "%Y-%m-%d"

RAW_PREFIX: Final = "raw/"
ERROR_PREFIX: Final = "errors/"
WAREHOUSE_PREFIX: Final = "warehouse/"
#: In the warehouse bucket: what Athena answered, for as long as it takes to fetch it.
QUERY_RESULT_PREFIX: Final = "athena-results/"
#: In the warehouse bucket: a file a day, for people (`daily_report`).
REPORT_PREFIX: Final = "reports/"

#: What Firehose is told; the hour it fills in is the arrival of the oldest record in the object, UTC.
FIREHOSE_PREFIX: Final = "raw/landing_date=!{timestamp:yyyy-MM-dd}/landing_hour=!{timestamp:HH}/"
FIREHOSE_ERROR_PREFIX: Final = (
    "errors/!{firehose:error-output-type}/landing_date=!{timestamp:yyyy-MM-dd}/landing_hour=!{timestamp:HH}/"
)

#: Added to Firehose's buffer interval before a landing hour counts as settled: delivery itself takes some seconds.
SETTLING_MARGIN: Final = timedelta(minutes=2)

#: How much later than its oldest record, whose hour is the landing hour, an object's newest may have arrived. Usually
#: it is the buffer interval; a delivery that stood still catches up with all that the stream has kept, which is three
#: days at most (`infra/settings.py`), and may put hours of it into one object.
LONGEST_DELIVERY: Final = timedelta(days=3)

_LANDING_PREFIX: Final = re.compile(r"landing_date=([0-9]{4}-[0-9]{2}-[0-9]{2})/landing_hour=([0-9]{2})/")
_HOUR_KEY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}")
_DAY_KEY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class PartitionKeyError(ValueError):
    """A text is not the key, or the prefix, of an hour or day."""


def hour_of(moment: datetime) -> datetime:
    """Return the hour that an aware datetime lies in."""
    if moment.tzinfo is None:
        raise PartitionKeyError(f"{moment!r} has no time zone; pass an aware datetime")
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def hour_key(hour: datetime) -> str:
    """Return the key of an hour, e.g. `2026-11-22T10`."""
    return hour_of(hour).isoformat()[: len("2026-11-22T10")]


def parse_hour_key(key: str) -> datetime:
    """Return the hour named by a key; raise `PartitionKeyError` for anything else."""
    problem = PartitionKeyError(f"{key!r} is not an hour; write it like 2026-11-22T10 (UTC)")
    if not _HOUR_KEY.fullmatch(key):
        raise problem
    try:
        return datetime.strptime(key, HOUR_KEY_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        raise problem from None


def hours_between(start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the hours of `[start, end)`."""
    hour = hour_of(start)
    while hour < end:
        yield hour
        hour += HOUR


def ordinal(hour: datetime) -> int:
    """Return an hour's number, counted from the epoch, as Iceberg counts the partitions of `hours`."""
    return (hour - EPOCH) // HOUR


def hour_of_ordinal(number: int) -> datetime:
    """Return the hour of a number."""
    return EPOCH + number * HOUR


def day_number(day: date) -> int:
    """Return a day's number, counted from the epoch, as Iceberg counts the partitions of `days`."""
    return (day - EPOCH.date()) // DAY


def day_of_number(number: int) -> date:
    """Return the day of a number."""
    return EPOCH.date() + number * DAY


def day_of(moment: datetime) -> date:
    """Return the day that an aware datetime lies in."""
    return hour_of(moment).date()


def day_key(day: date) -> str:
    """Return the key of a day, e.g. `2026-11-22`."""
    return f"{day.year:04}-{day.month:02}-{day.day:02}"


def parse_day_key(key: str) -> date:
    """Return the day named by a key; raise `PartitionKeyError` for anything else."""
    problem = PartitionKeyError(f"{key!r} is not a day; write it like 2026-11-22 (UTC)")
    if not _DAY_KEY.fullmatch(key):
        raise problem
    try:
        return date.fromisoformat(key)
    except ValueError:
        raise problem from None


def start_of_day(day: date) -> datetime:
    """Return the first instant, and so the first hour, of a day."""
    return datetime.combine(day, time(), tzinfo=UTC)


def start_of(key: date) -> datetime:
    """Return the first instant of an hour, or of a day, which may stand for its week."""
    return key if isinstance(key, datetime) else start_of_day(key)


def key_text(key: date) -> str:
    """Return the key of an hour or a day as text."""
    return hour_key(key) if isinstance(key, datetime) else day_key(key)


def hours_of_day(day: date) -> Iterator[datetime]:
    """Yield the 24 hours of a day."""
    return hours_between(start_of_day(day), start_of_day(day) + DAY)


def days_between(start: date, end: date) -> Iterator[date]:
    """Yield the days of `[start, end)`."""
    while start < end:
        yield start
        start += DAY


def landing_prefix(landing_hour: datetime) -> str:
    """Return the prefix, below the bucket, under which Firehose puts the objects of a landing hour."""
    day, hour = hour_key(landing_hour).split("T")
    return f"{RAW_PREFIX}landing_date={day}/landing_hour={hour}/"


def landing_hour_of_key(key: str) -> datetime:
    """Return the landing hour of an object's key; raise `PartitionKeyError` if it lies under no landing prefix."""
    match = _LANDING_PREFIX.search(key)
    if match is None:
        raise PartitionKeyError(f"{key!r} lies under no prefix landing_date=YYYY-MM-DD/landing_hour=HH/")
    return parse_hour_key(f"{match[1]}T{match[2]}")


def settled_at(landing_hour: datetime, buffer_interval: timedelta) -> datetime:
    """Return when a landing hour is complete, by the clock: its end, one Firehose buffer interval and a margin."""
    return hour_of(landing_hour) + HOUR + buffer_interval + SETTLING_MARGIN
