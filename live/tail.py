"""The raw prefix → landing hours that are read as their objects appear: the live log, read by listing it.

The hours in view are those that the shown minutes can lie in. The open hour, and the one before until it is settled,
are listed each time; others now and then, because only an erasure changes them. The newest objects are read first: so
after a start the last minutes are there at once, and the hour is filled backwards.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Final, Protocol, Self

import pyarrow as pa
import pyarrow.compute as pc

from contracts.event_settings import EventSettings
from contracts.live_document import MINUTES, HourState, LiveLine
from contracts.partitions import RAW_PREFIX, hour_of, hours_between, landing_prefix
from contracts.versions import RawObject
from live.folding import Folding
from live.landing_hour import FailedObject, LandingHourReading, ReadObject
from live.last_lines import LastLines, LineFilter
from live.minutes import MINUTE, minute_of
from spark_jobs.validation.chunks import LineValidator, Validated
from spark_jobs.validation.object_lines import ObjectCounts, validate_object
from spark_jobs.validation.privacy import Privacy
from storage.object_store import ObjectStore, StorageError

#: How often an hour is listed that gets no more objects.
SETTLED_INTERVAL: Final = timedelta(minutes=1)
#: Small objects are folded together until they have so many lines: planning the queries costs as much as a few hundred.
FOLDED_TOGETHER: Final = 20_000

Clock = Callable[[], datetime]


class ErasedUsers(Protocol):
    """Who must not be counted: job 1 refuses the lines of users that were erased."""

    def hashes(self, now: datetime) -> frozenset[str]:
        """Return the hashes of their ids."""
        ...


@dataclass(frozen=True, kw_only=True)
class TailSettings:
    """What the environment says of its events, how long Firehose buffers, and whose lines are sought, if anybody's."""

    events: EventSettings
    buffer_interval: timedelta
    sought: LineFilter | None = None


class _Rows:
    """Validated rows of a landing hour that wait to be folded, and the objects that they are of."""

    def __init__(self) -> None:
        self.received: list[pa.Table] = []
        self.rejected: list[pa.Table] = []
        self.lines = 0

    def add(self, validated: Validated) -> None:
        self.received.append(validated.received)
        self.rejected.append(validated.rejected)
        self.lines += validated.lines

    def taken(self) -> tuple[list[pa.Table], list[pa.Table]]:
        """Return the received and the rejected rows; none are left."""
        rows = self.received, self.rejected
        self.received, self.rejected, self.lines = [], [], 0
        return rows


class RawTail:
    """Reads the landing hours in view, in one thread; a context manager."""

    def __init__(self, store: ObjectStore, settings: TailSettings, erased: ErasedUsers, clock: Clock) -> None:
        self._store = store
        self._settings = settings
        self._erased = erased
        self._clock = clock
        self._privacy = Privacy(settings=settings.events)
        self._resources = ExitStack()
        self._validator = self._resources.enter_context(LineValidator(names=settings.events.names))
        self._folding = self._resources.enter_context(Folding(settings.events))
        self._hours: dict[datetime, LandingHourReading] = {}
        self._shown_from = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._resources.close()

    @property
    def hours(self) -> list[LandingHourReading]:
        """The hours in view, the newest first."""
        return [self._hours[hour] for hour in sorted(self._hours, reverse=True)]

    def sought_lines(self) -> tuple[LiveLine, ...]:
        """Return the newest of the lines that are sought; of all lines if none are."""
        return LastLines.newest_of(hour.sought_lines for hour in self._hours.values())

    def look(self) -> None:
        """List what is due; raise the store's error if that fails."""
        now = self._clock()
        self._refuse_erased(now)
        self._take_view(now)
        for hour in self.hours:
            if self._is_due(hour, now):
                prefix = landing_prefix(hour.landing_hour).removeprefix(RAW_PREFIX)
                hour.take_listing(self._store.objects(prefix), self._clock())

    def read(self, until: Callable[[], bool] = lambda: False) -> None:
        """Read what is listed and due, the newest first, to the end or to that of the object after which `until`."""
        for hour in self.hours:
            rows = _Rows()
            stopped = False
            for raw_object in hour.due(self._clock()):
                self._read_object(hour, raw_object, rows)
                if stopped := until():
                    break
            self._fold(hour, rows)
            if stopped:
                return

    def _take_view(self, now: datetime) -> None:
        """Make the hours in view those that the shown minutes, delivered with their delay, can lie in."""
        self._shown_from = minute_of(now) - MINUTES + 1
        first = hour_of(now - MINUTES * MINUTE - self._settings.buffer_interval)
        in_view = list(hours_between(first, now + timedelta(microseconds=1)))
        sought = self._settings.sought
        self._hours = {hour: self._hours.get(hour) or LandingHourReading(hour, sought) for hour in in_view}
        for hour in self._hours.values():
            hour.minutes.forget_before(self._shown_from)

    def _is_due(self, hour: LandingHourReading, now: datetime) -> bool:
        if hour.last_listing is None or hour.state(now, self._settings.buffer_interval) is not HourState.SETTLED:
            return True
        if hour.state(hour.last_listing, self._settings.buffer_interval) is not HourState.SETTLED:
            return True
        return now - hour.last_listing >= SETTLED_INTERVAL

    def _refuse_erased(self, now: datetime) -> None:
        """Take over who is erased; whoever is new may have been counted already."""
        erased = self._erased.hashes(now)
        if erased != self._privacy.erased:
            self._privacy = Privacy(settings=self._settings.events, erased=erased)
            for hour in self._hours.values():
                hour.forget()

    def _read_object(self, hour: LandingHourReading, raw_object: RawObject, rows: _Rows) -> None:
        """Read an object; what it holds is folded now, or with that of the next ones."""
        counts = ObjectCounts()
        arrivals: list[datetime] = []
        try:
            for validated in validate_object(self._store, raw_object, self._validator, counts, self._privacy):
                if counts.unreadable is not None:
                    self._fail(hour, raw_object, counts.unreadable, is_damaged=True)
                    return
                rows.add(validated)
                arrivals += _arrivals(validated.received)
                if rows.lines >= FOLDED_TOGETHER:
                    self._fold(hour, rows)
        except StorageError as error:  # an object is read to its end before its first line is validated
            self._fail(hour, raw_object, str(error), is_damaged=False)
            return
        hour.failed.pop(raw_object.key, None)
        hour.read[raw_object.key] = ReadObject(
            etag=raw_object.etag,
            oldest=min(arrivals, default=None),
            newest=max(arrivals, default=None),
            listed_at=hour.listed_at[raw_object.key],
            counted_at=self._clock(),
        )

    def _fail(self, hour: LandingHourReading, raw_object: RawObject, error: str, *, is_damaged: bool) -> None:
        hour.failed[raw_object.key] = FailedObject.after(
            hour.failed.get(raw_object.key),
            etag=raw_object.etag,
            error=error,
            is_damaged=is_damaged,
            now=self._clock(),
        )

    def _fold(self, hour: LandingHourReading, rows: _Rows) -> None:
        received, rejected = rows.taken()
        if received:
            self._folding.fold(received, rejected, hour.minutes, shown_from=self._shown_from)
            for lines in {id(lines): lines for lines in (hour.lines, hour.sought_lines)}.values():
                lines.add(received, rejected, otherwise_at=self._clock())


def _arrivals(received: pa.Table) -> Iterator[datetime]:
    """Yield the first and the last time of arrival."""
    if len(received):
        bounds = pc.min_max(received.column("received_at")).as_py()
        yield bounds["min"]
        yield bounds["max"]
