"""Sends events until each has a fate: accepted, refused, or given up.

At least once: an attempt whose outcome nobody told is repeated, and its events are marked, because they may now be
stored twice. Only what failed is sent again. A refused batch is halved until the culprits stand alone, so that one
event which the edge can't take costs its neighbours nothing.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Final

import httpx

from simulator.api_replies import Fate, Reply, read_reply
from simulator.back_off import BackOff, retry_after_seconds
from simulator.outgoing import OutgoingEvent
from simulator.stream_report import StreamReport

#: Under its own name: the HTTP library's is one that crawlers go by, and all events would be flagged as a bot's.
_HEADERS: Final = {"Content-Type": "application/json", "User-Agent": "clickstream-simulator"}

#: The request never got out, so nothing was stored.
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True, kw_only=True)
class Clock:
    """Time, as a test can replace it."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class EventsClient:
    """Delivers batches; `single` sends each event to /events instead of an array to /events/batch."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        api_url: str,
        *,
        single: bool,
        back_off: BackOff,
        report: StreamReport,
        random: Random,
        clock: Clock | None = None,
    ) -> None:
        self._http: Final = http
        self._url: Final = api_url.rstrip("/") + ("/events" if single else "/events/batch")
        self._single: Final = single
        self._back_off: Final = back_off
        self._report: Final = report
        self._random: Final = random
        self._clock: Final = clock or Clock()
        self._stopped = False

    def stop_retrying(self) -> None:
        """Give up at the next failure what is still being sent."""
        self._stopped = True

    async def deliver(self, events: Sequence[OutgoingEvent]) -> None:
        """Send events and report the fate of each; raise `ApiError` if what answers is not the events API."""
        started, tries = self._clock.now(), 0
        pending = list(events)
        while pending:
            tries += 1
            reply, retry_after = await self._attempt(pending)
            if Fate.REFUSED in reply.fates and len(pending) > 1:
                self._report.retried(len(pending))
                half = len(pending) // 2
                await self.deliver(pending[:half])
                await self.deliver(pending[half:])
                return
            pending = self._settle(pending, reply)
            if not pending:
                return
            delay = self._back_off.delay(tries, retry_after, self._random.random)
            if self._stopped or self._back_off.gives_up(tries, self._clock.now() - started + delay):
                self._report.gave_up(pending)
                return
            self._report.retried(len(pending))
            await self._clock.sleep(delay)

    async def _attempt(self, events: Sequence[OutgoingEvent]) -> tuple[Reply, float | None]:
        body = events[0].body if self._single else b"[" + b",".join(event.body for event in events) + b"]"
        self._report.sent(len(events))
        sent_at = self._clock.now()
        try:
            response = await self._http.post(self._url, content=body, headers=_HEADERS)
        except _NOT_SENT as error:
            self._report.connection_failed(error)
            return Reply(fates=(Fate.NOT_STORED,) * len(events)), None
        except httpx.TransportError as error:
            self._report.connection_failed(error)
            return Reply(fates=(Fate.UNKNOWN,) * len(events)), None
        self._report.answered(response.status_code, self._clock.now() - sent_at)
        return (
            read_reply(response, len(events)),
            retry_after_seconds(response.headers.get("Retry-After"), datetime.now(UTC)),
        )

    def _settle(self, events: Sequence[OutgoingEvent], reply: Reply) -> list[OutgoingEvent]:
        """Report what is decided and return what must be sent again."""
        again: list[OutgoingEvent] = []
        accepted: list[OutgoingEvent] = []
        for event, fate in zip(events, reply.fates, strict=True):
            if fate is Fate.ACCEPTED:
                accepted.append(event)
            elif fate is Fate.REFUSED:
                self._report.refused(event, reply.reason)
            else:
                event.maybe_stored = event.maybe_stored or fate is Fate.UNKNOWN
                again.append(event)
        self._report.accepted(accepted)
        return again
