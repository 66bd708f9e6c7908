"""Sends events until each is accepted, refused or given up.

At least once: an attempt with an unknown outcome is repeated, and its events are marked, because they may now be stored
twice. Only what failed is sent again. A refused batch is halved until the culprits stand alone, so that one event which
the edge can't take costs its neighbours nothing. This is what a reply says of the events of its request:

200, 207, 429, 503 with `events`   each event's status, in request order
429 without                        the gateway throttled: no event was stored
404, 405, 415, 501                 not the events API: sending again is of no use
other 5xx, or no reply             unknown: the events may have been stored
400, 403, 413, …                   refused: no event was stored, and the same request would be refused again
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from random import Random
from typing import Any, Final

import httpx

from simulator.errors import ApiError
from simulator.http.report import StreamReport
from simulator.http.sources import OutgoingEvent

#: Not the HTTP library's own name: crawlers go by it, so all events would be flagged as a bot's.
_HEADERS: Final = {"Content-Type": "application/json", "User-Agent": "clickstream-simulator"}
#: Errors after which the request never got out, so that nothing was stored.
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
#: Statuses of a server that is not the events API.
_WRONG_ADDRESS: Final = (404, 405, 415, 501)


@dataclass(frozen=True, kw_only=True)
class BackOff:
    """When to try again, and when to give up; `give_up_seconds` counts from an event's first attempt."""

    first_seconds: float = 0.1
    longest_seconds: float = 10.0
    max_tries: int = 50
    give_up_seconds: float = 300.0

    def delay(self, tries: int, retry_after: float | None, random: Callable[[], float]) -> float:
        """Return how many seconds to wait after `tries` failed attempts.

        Full jitter (aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter): anything from 0 to the
        bound; never less than the server asked for, but spread beyond it, or all clients come back at once.
        """
        bound = min(self.longest_seconds, self.first_seconds * 2.0 ** min(tries - 1, 30))
        return (retry_after or 0.0) + random() * bound

    def gives_up(self, tries: int, elapsed_with_delay: float) -> bool:
        """Return whether to stop instead of waiting."""
        return tries >= self.max_tries or elapsed_with_delay > self.give_up_seconds


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """Read a Retry-After header: seconds or an HTTP date (RFC 9110, 10.2.3); None if it is absent or makes no sense."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


class Fate(Enum):
    """What became of one event in one attempt."""

    ACCEPTED = "accepted"
    NOT_STORED = "not stored"
    UNKNOWN = "unknown"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A request's outcome: a fate for each event, in request order, and the reason of a refusal."""

    fates: tuple[Fate, ...]
    reason: str = ""


def read_reply(response: httpx.Response, events: int) -> Reply:
    """Return what a response to `events` events says; raise `ApiError` if what answers is not the events API."""
    body = _json_object(response)
    statuses = body.get("events")
    if isinstance(statuses, list):
        if len(statuses) != events:
            raise ApiError(f"{response.url} answered {len(statuses)} statuses to {events} events: not the events API")
        return Reply(fates=tuple(Fate.ACCEPTED if _is_accepted(status) else Fate.NOT_STORED for status in statuses))
    status = response.status_code
    message = ": ".join(str(body[name]) for name in ("message", "detail") if body.get(name)) or response.reason_phrase
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return Reply(fates=(Fate.NOT_STORED,) * events)
    if response.is_server_error and status not in _WRONG_ADDRESS:
        return Reply(fates=(Fate.UNKNOWN,) * events)
    if response.is_client_error and status not in _WRONG_ADDRESS:
        return Reply(fates=(Fate.REFUSED,) * events, reason=f"{status} {message}")
    raise ApiError(
        f"POST {response.url} answered {status} {message!r}, which is not an answer of the events API; "
        "give the stack's output ApiUrl as --api-url"
    )


def _is_accepted(status: object) -> bool:
    return isinstance(status, dict) and status.get("status") == "accepted"


def _json_object(response: httpx.Response) -> dict[str, Any]:
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


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
        except httpx.TransportError as error:
            self._report.connection_failed(error)
            fate = Fate.NOT_STORED if isinstance(error, _NOT_SENT) else Fate.UNKNOWN
            return Reply(fates=(fate,) * len(events)), None
        self._report.answered(response.status_code, self._clock.now() - sent_at)
        retry_after = retry_after_seconds(response.headers.get("Retry-After"), datetime.now(UTC))
        return read_reply(response, len(events)), retry_after

    def _settle(self, events: Sequence[OutgoingEvent], reply: Reply) -> list[OutgoingEvent]:
        """Report what is decided and return what must be sent again."""
        again: list[OutgoingEvent] = []
        accepted: list[OutgoingEvent] = []
        for event, fate in zip(events, reply.fates, strict=True):
            if fate is Fate.ACCEPTED:
                accepted.append(event)
            elif fate is Fate.REFUSED:
                self._report.refused(reply.reason)
            else:
                event.maybe_stored = event.maybe_stored or fate is Fate.UNKNOWN
                again.append(event)
        self._report.accepted(accepted)
        return again
