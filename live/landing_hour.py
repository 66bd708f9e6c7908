"""One landing hour as it is read: the objects that a listing shows, which of them are read, and what they held.

Objects are immutable, so each is read once. If one is gone or has other bytes, which an erasure or a person does, what
was folded of it can't be taken out again: then the whole hour is forgotten and read anew.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from contracts.live_document import HourState
from contracts.partitions import HOUR, settled_at
from contracts.versions import RawObject
from live.last_lines import LastLines, LineFilter
from live.minutes import LandingHourMinutes

#: An object that can't be read is tried again after so long, then after twice as long, and so on up to the longest.
FIRST_RETRY: Final = timedelta(seconds=5)
LONGEST_RETRY: Final = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class ReadObject:
    """An object that was read: the times of arrival in it, if it had any, and when it was first listed and counted."""

    etag: str
    oldest: datetime | None
    newest: datetime | None
    listed_at: datetime
    counted_at: datetime


@dataclass(frozen=True, kw_only=True)
class FailedObject:
    """An object that could not be read: of this etag, why, how often it was tried, and when it is tried again."""

    etag: str
    error: str
    tries: int
    next_try: datetime
    is_damaged: bool

    @classmethod
    def after(
        cls, before: "FailedObject | None", *, etag: str, error: str, is_damaged: bool, now: datetime
    ) -> "FailedObject":
        """Return the failure of one more try."""
        tries = before.tries + 1 if before else 1
        wait = min(FIRST_RETRY * 2 ** min(tries - 1, 16), LONGEST_RETRY)
        return cls(etag=etag, error=error, tries=tries, next_try=now + wait, is_damaged=is_damaged)


class LandingHourReading:
    """A landing hour: what is listed, read and failed of it, its minutes, its last lines and those that are sought."""

    def __init__(self, landing_hour: datetime, sought: LineFilter | None = None) -> None:
        self.landing_hour = landing_hour
        self._sought = sought
        self.listed: dict[str, RawObject] = {}
        self.listed_at: dict[str, datetime] = {}
        self.last_listing: datetime | None = None
        self.forget()

    def forget(self) -> None:
        """Forget all that was read; it is read anew."""
        self.read: dict[str, ReadObject] = {}
        self.failed: dict[str, FailedObject] = {}
        self.minutes = LandingHourMinutes(self.landing_hour)
        self.lines = LastLines()
        self.sought_lines = LastLines(self._sought) if self._sought else self.lines

    def take_listing(self, objects: Iterable[RawObject], now: datetime) -> None:
        """Note what a listing shows; forget what was read if that is no longer what lies there."""
        self.listed = {listed.key: listed for listed in objects}
        self.listed_at = {key: self.listed_at.get(key, now) for key in self.listed}
        self.last_listing = now
        if any(key not in self.listed or self.listed[key].etag != read.etag for key, read in self.read.items()):
            self.forget()
        self.failed = {
            key: failed
            for key, failed in self.failed.items()
            if key in self.listed and self.listed[key].etag == failed.etag
        }

    def unread(self) -> list[RawObject]:
        """Return the objects that are listed and not read, the newest first, as Firehose names them by time."""
        return [self.listed[key] for key in sorted(self.listed, reverse=True) if not self._is_done(key)]

    def due(self, now: datetime) -> list[RawObject]:
        """Return the objects to read now: those that are unread, and failed ones whose next try has come."""
        failed = self.failed
        return [
            self.listed[key]
            for key in sorted(self.listed, reverse=True)
            if key not in self.read and (key not in failed or failed[key].next_try <= now)
        ]

    @property
    def damaged(self) -> int:
        """How many objects job 1 would count as unreadable."""
        return sum(failed.is_damaged for failed in self.failed.values())

    def state(self, now: datetime, buffer_interval: timedelta) -> HourState:
        """Return whether the hour may still get objects."""
        if now >= settled_at(self.landing_hour, buffer_interval):
            return HourState.SETTLED
        return HourState.SETTLING if now >= self.landing_hour + HOUR else HourState.OPEN

    def is_complete(self, now: datetime, buffer_interval: timedelta) -> bool:
        """Return whether the sums are what job 1 counts: it was listed once it was settled, and nothing is unread."""
        settled = settled_at(self.landing_hour, buffer_interval)
        return now >= settled and self.last_listing is not None and self.last_listing >= settled and not self.unread()

    def _is_done(self, key: str) -> bool:
        return key in self.read or (key in self.failed and self.failed[key].is_damaged)
