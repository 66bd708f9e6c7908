"""One run of sending: takes batches from a source at the pace of the shape, and has them delivered concurrently.

A batch is taken only when a connection is free for it, so that its timestamps are the time of sending. When the API is
slower than the pace, the stream falls behind and says so, instead of piling events up in memory.
"""

import asyncio
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final, TextIO

import httpx

from simulator.errors import ApiError, BadArgumentError
from simulator.http.client import BackOff, EventsClient
from simulator.http.report import StreamReport
from simulator.http.sources import EventSource, OutgoingEvent
from simulator.progress import progress_bar
from simulator.world.event_time import SECOND_US
from simulator.world.traffic import DAY_SECONDS, Pace, PaceSettings, batch_due

_CONNECT_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.01
_PROGRESS_SECONDS: Final = 0.25


@dataclass(frozen=True, kw_only=True)
class Sending:
    """How a source is sent, and where to.

    `duration` is in seconds, None for as long as there are events. `total` is the number of events if it is known, for
    the progress bar, which begins with `label`.
    """

    api_url: str
    pace: PaceSettings
    batch_size: int
    concurrency: int
    duration: float | None
    back_off: BackOff
    timeout: float
    accepted_log: Path | None
    total: int | None
    quiet: bool
    label: str


def reachable_url(text: str) -> str:
    """Return the API's address once something answers there; raise `ApiError` if nothing does."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise BadArgumentError(f"--api-url {text!r} is not a URL: {error}") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise BadArgumentError(
            f"--api-url {text!r} is not a URL like https://<id>.execute-api.<region>.amazonaws.com/prod"
        )
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        socket.create_connection((url.host, port), timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        raise ApiError(
            f"nothing answers at {url.host}:{port} ({error.strerror or error}); start it, or check --api-url {text}"
        ) from error
    return text.rstrip("/")


def send(source: EventSource, sending: Sending) -> tuple[StreamReport, float]:
    """Send all of a source's events; return the report and the seconds it took.

    An interrupt ends the run early: what is under way is still delivered; a second interrupt gives that up.
    """
    with _open_log(sending.accepted_log) as log:
        report = StreamReport(log)
        started = time.monotonic()
        asyncio.run(_send(source, sending, report))
        return report, time.monotonic() - started


async def _send(source: EventSource, sending: Sending, report: StreamReport) -> None:
    limits = httpx.Limits(max_connections=sending.concurrency, max_keepalive_connections=sending.concurrency)
    async with httpx.AsyncClient(timeout=sending.timeout, limits=limits) as http:
        client = EventsClient(
            http,
            sending.api_url,
            single=sending.batch_size == 1,
            back_off=sending.back_off,
            report=report,
            random=Random(),
        )
        stop = asyncio.Event()
        _stop_on_signals(stop, client)
        with progress_bar(sending.label, total=sending.total, quiet=sending.quiet) as advance:
            progress = asyncio.create_task(_show_progress(report, advance))
            try:
                await _deliver_all(_Batches(source, sending), client, sending.concurrency, stop)
            finally:
                progress.cancel()
                await asyncio.gather(progress, return_exceptions=True)


def _stop_on_signals(stop: asyncio.Event, client: EventsClient) -> None:
    def interrupted() -> None:
        if stop.is_set():
            client.stop_retrying()
        else:
            print("simulator: ending; what is under way is still delivered", file=sys.stderr)
            stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted)


async def _show_progress(report: StreamReport, advance: Callable[[int], None]) -> None:
    shown = 0
    try:
        while True:
            await asyncio.sleep(_PROGRESS_SECONDS)
            advance(report.settled_events - shown)
            shown = report.settled_events
    finally:
        advance(report.settled_events - shown)


async def _deliver_all(batches: "_Batches", client: EventsClient, concurrency: int, stop: asyncio.Event) -> None:
    """Send until the batches end or `stop` is set, then wait for what is under way."""
    free = asyncio.Semaphore(concurrency)
    try:
        async with asyncio.TaskGroup() as deliveries:
            while not stop.is_set():
                await free.acquire()
                events = await batches.next(stop)
                if not events:
                    break
                deliveries.create_task(client.deliver(events)).add_done_callback(lambda _: free.release())
    except BaseExceptionGroup as failures:
        # The first says what is wrong; the others are the same, or its cancellations.
        raise failures.exceptions[0] from None


class _Batches:
    """Cuts the source into batches as they fall due."""

    def __init__(self, source: EventSource, sending: Sending) -> None:
        self._source: Final = source
        self._sending: Final = sending
        self._pace: Final = Pace(sending.pace, time.time() % DAY_SECONDS)
        self._started: Final = time.monotonic()
        self._last_batch = self._started
        self._taken = 0

    async def next(self, stop: asyncio.Event) -> Sequence[OutgoingEvent]:
        """Return the next batch when it is due; empty at the end."""
        while not stop.is_set():
            now = time.monotonic()
            if self._sending.duration is not None and now - self._started >= self._sending.duration:
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
        if self._sending.pace.rate == 0:
            return self._sending.batch_size
        return batch_due(
            due=self._pace.due(now - self._started),
            taken=self._taken,
            batch_size=self._sending.batch_size,
            waited=now - self._last_batch,
        )


@contextmanager
def _open_log(path: Path | None) -> Iterator[TextIO | None]:
    if path is None:
        yield None
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        log = path.open("w", encoding="utf-8")
    except OSError as error:
        raise BadArgumentError(f"can't write the log {path}: {error.strerror}") from error
    with log:
        yield log
