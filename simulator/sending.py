"""One run of sending, from a source to a report: connections, signals, progress, the log of accepted click_ids."""

import asyncio
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

import httpx
from tqdm import tqdm

from simulator.back_off import BackOff
from simulator.errors import BadArgumentError
from simulator.events_client import EventsClient
from simulator.outgoing import EventSource
from simulator.stream import StreamSettings, run_stream
from simulator.stream_report import LineLog, StreamReport

_PROGRESS_SECONDS: Final = 0.25


@dataclass(frozen=True, kw_only=True)
class Sending:
    """What to send where; `total` is the number of events if it is known, for the progress bar."""

    api_url: str
    settings: StreamSettings
    back_off: BackOff
    timeout: float
    accepted_log: Path | None
    total: int | None
    quiet: bool
    label: str


def send(source: EventSource, sending: Sending) -> tuple[StreamReport, float]:
    """Send all of a source's events; return the report and the seconds it took.

    An interrupt ends the run early: what is under way is still delivered, a second one gives that up.
    """
    with _open_log(sending.accepted_log) as log:
        report = StreamReport(log)
        started = time.monotonic()
        asyncio.run(_send(source, sending, report))
        return report, time.monotonic() - started


async def _send(source: EventSource, sending: Sending, report: StreamReport) -> None:
    connections = sending.settings.concurrency
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    async with httpx.AsyncClient(timeout=sending.timeout, limits=limits) as http:
        client = EventsClient(
            http,
            sending.api_url,
            single=sending.settings.batch_size == 1,
            back_off=sending.back_off,
            report=report,
            random=Random(),
        )
        stop = asyncio.Event()
        _stop_on_signals(stop, client)
        progress = asyncio.create_task(_show_progress(report, sending))
        try:
            await run_stream(source, client, sending.settings, stop)
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


async def _show_progress(report: StreamReport, sending: Sending) -> None:
    with tqdm(total=sending.total, unit="event", desc=sending.label, disable=sending.quiet, file=sys.stderr) as bar:
        try:
            while True:
                await asyncio.sleep(_PROGRESS_SECONDS)
                bar.update(report.settled_events - bar.n)
        finally:
            bar.update(report.settled_events - bar.n)


@contextmanager
def _open_log(path: Path | None) -> Iterator[LineLog | None]:
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
