"""Runs a stream: takes events from a source at the shape's pace and has batches delivered concurrently.

A batch is made only when a connection is free for it, so that its timestamps are the time of sending. When the API is
slower than the pace, the stream falls behind and says so, instead of piling events up in memory.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from simulator.event_time import SECOND_US
from simulator.events_client import EventsClient
from simulator.outgoing import EventSource, OutgoingEvent
from simulator.pace import Pace, PaceSettings, batch_due
from simulator.shapes import DAY_SECONDS

_POLL_SECONDS: Final = 0.01


@dataclass(frozen=True, kw_only=True)
class StreamSettings:
    """How a stream is sent; `duration` in seconds, None for as long as there are events."""

    pace: PaceSettings
    batch_size: int
    concurrency: int
    duration: float | None = None


async def run_stream(source: EventSource, client: EventsClient, settings: StreamSettings, stop: asyncio.Event) -> None:
    """Send until the source or the duration ends or `stop` is set, then wait for what is under way."""
    free = asyncio.Semaphore(settings.concurrency)
    batches = _Batches(source, settings)
    try:
        async with asyncio.TaskGroup() as deliveries:
            while not stop.is_set():
                await free.acquire()
                events = await batches.next(stop)
                if not events:
                    break
                deliveries.create_task(client.deliver(events)).add_done_callback(lambda _: free.release())
    except BaseExceptionGroup as failures:
        # The first tells what is wrong; the others are the same, or its cancellations.
        raise failures.exceptions[0] from None


class _Batches:
    """Cuts the source into batches as they fall due."""

    def __init__(self, source: EventSource, settings: StreamSettings) -> None:
        self._source: Final = source
        self._settings: Final = settings
        self._pace: Final = Pace(settings.pace, time.time() % DAY_SECONDS)
        self._started: Final = time.monotonic()
        self._last_batch = self._started
        self._taken = 0

    async def next(self, stop: asyncio.Event) -> Sequence[OutgoingEvent]:
        """Return the next batch when it is due; empty at the end."""
        while not stop.is_set():
            now = time.monotonic()
            if self._settings.duration is not None and now - self._started >= self._settings.duration:
                break
            count = self._due(now)
            if count:
                self._last_batch = now
                events = self._source.take(count, int(time.time() * SECOND_US))
                self._taken += len(events)
                return events
            await asyncio.sleep(_POLL_SECONDS)
        return ()

    def _due(self, now: float) -> int:
        if self._settings.pace.rate == 0:
            return self._settings.batch_size
        return batch_due(
            due=self._pace.due(now - self._started),
            taken=self._taken,
            batch_size=self._settings.batch_size,
            waited=now - self._last_batch,
        )
