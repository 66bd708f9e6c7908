"""The service's loop: list, read, publish, wait; again and again until it is told to stop.

A round reads for as long as an interval at most, and then publishes what it has: so the document is never much older
than that, however much there is to read.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Final

from contracts.live_document import LiveDocument
from live.document import live_document
from live.minutes import minute_of, start_of_minute
from live.publishing import DocumentPublisher, MetricsPublisher
from live.tail import RawTail
from storage.object_store import StorageError

#: So long a service that has worked goes on if the bucket does not answer, before it ends and says why.
PATIENCE: Final = timedelta(minutes=10)
#: After the end of a minute, and one buffer interval, so long until its objects should be there and read.
METRICS_MARGIN: Final = timedelta(seconds=30)


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(tz=UTC)


@dataclass(frozen=True, kw_only=True)
class Publishing:
    """Where documents and metrics go."""

    documents: DocumentPublisher
    metrics: MetricsPublisher


@dataclass(frozen=True, kw_only=True)
class Rounds:
    """The loop; `show` gets each document, with the sought lines if any are. Without `publishing` it only looks."""

    tail: RawTail
    interval: timedelta
    buffer_interval: timedelta
    show: Callable[[LiveDocument], None]
    publishing: Publishing | None
    stop: Event
    clock: Callable[[], datetime] = utc_now

    def once(self) -> None:
        """Read everything that is there, publish and show it; raise `StorageError`."""
        self.tail.look()
        self.tail.read(until=self.stop.is_set)
        self._publish()

    def run(self) -> None:
        """Go on until `stop`; raise `StorageError` if the first round fails, or if all do for as long as `PATIENCE`."""
        worked_at: datetime | None = None
        while not self.stop.is_set():
            began = self.clock()
            ends = began + self.interval
            try:
                self.tail.look()
                self.tail.read(until=lambda ends=ends: self.stop.is_set() or self.clock() >= ends)  # type: ignore[misc]
                self._publish()
                worked_at = self.clock()
            except StorageError as error:
                if worked_at is None or self.clock() - worked_at >= PATIENCE:
                    raise
                print(f"live: {error}", file=sys.stderr)
            self.stop.wait(max((ends - self.clock()).total_seconds(), 0))

    def _publish(self) -> None:
        now = self.clock()
        document = live_document(self.tail.hours, now, buffer_interval=self.buffer_interval, interval=self.interval)
        if self.publishing is not None:
            self.publishing.documents.publish(document)
            minute = minute_of(now - self.buffer_interval - METRICS_MARGIN) - 1
            if document.freshness.complete_from is not None and document.freshness.complete_from <= (
                start := start_of_minute(minute)
            ):
                self.publishing.metrics.publish(document, minute=start)
        self.show(replace(document, lines=self.tail.sought_lines()).fitted())
