"""What waits in the triggerer: for a stream to need a move, and for a stream to be ACTIVE again.

Each trigger ends with one event. A triggerer that dies is replaced by one that begins to watch anew: it forgets what
was close to a move, but no move, because the policy decides on it again.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar

from airflow.sdk import timezone as clock
from airflow.triggers.base import BaseTrigger, TriggerEvent

from kinesis_scaling.decisions.record import DecisionRecord
from kinesis_scaling.errors import AwsUnavailableError, StreamError
from kinesis_scaling.stream.moves import is_settled
from kinesis_scaling.stream.watch import StreamWatch
from kinesis_scaling.stream_settings import ScaledStream
from kinesis_scaling.tasks.stream_hook import StreamHook

#: The payload of an event, which Airflow stores.
Payload = dict[str, Any]
Found = TypeVar("Found")

#: A trigger looks at nothing sooner. One that fires at once may do so before a busy scheduler has noticed that the task
#: was deferred, which then takes the resumed task for one that was killed. (Airflow 3.3, `process_executor_events`.)
FIRST_LOOK: Final = timedelta(seconds=10)
#: A watch ends with an error after AWS has not answered for this long; so does a wait for ACTIVE.
WATCH_RETRIES_FOR: Final = timedelta(minutes=10)
ACTIVE_RETRIES_FOR: Final = timedelta(minutes=30)
LONGEST_PAUSE: Final = timedelta(seconds=60)
#: After this many doublings the longest pause is certainly reached.
_MOST_DOUBLINGS: Final = 16


@dataclass(kw_only=True)
class RetryBudget:
    """Counts failures in a row; `failed` returns the pause before the next try, or raises the error after `limit`."""

    limit: timedelta
    shortest: timedelta = timedelta(seconds=2)
    longest: timedelta = LONGEST_PAUSE
    _since: datetime | None = field(default=None, init=False)
    _failures: int = field(default=0, init=False)

    def failed(self, error: AwsUnavailableError, now: datetime) -> timedelta:
        """Count a failure at `now`."""
        if self._since is None:
            self._since = now
        if now - self._since >= self.limit:
            raise AwsUnavailableError(f"{error}; so it has been since {self._since:%H:%M:%S} UTC") from error
        pause = min(self.shortest * (1 << self._failures), self.longest)
        self._failures = min(self._failures + 1, _MOST_DOUBLINGS)
        return pause

    def succeeded(self) -> None:
        """Forget the failures."""
        self._since, self._failures = None, 0


class _StreamTrigger(BaseTrigger):
    """Serializes to its class's path and its constructor's arguments, which are the attributes of the same names."""

    arguments: tuple[str, ...]

    def __init__(self, *, aws_conn_id: str | None, region_name: str | None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return this class's path and the constructor's arguments."""
        names = (*self.arguments, "aws_conn_id", "region_name")
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    @property
    def hook(self) -> StreamHook:
        """Return a new hook; it makes clients, which blocks for a moment."""
        return StreamHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)


class ShardUtilizationTrigger(_StreamTrigger):
    """Fire when the stream is to be changed, or at `until`.

    :param stream: `ScaledStream.to_text` of the stream.
    :param until: when to end without a move.
    :param decided_by: the run that decides.
    :param aws_conn_id: AWS connection id.
    :param region_name: AWS region for the clients.
    """

    arguments = ("stream", "until", "decided_by")

    def __init__(self, *, stream: str, until: datetime, decided_by: str, **connection: Any) -> None:
        super().__init__(**connection)
        self.stream = stream
        self.until = until
        self.decided_by = decided_by

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Watch; yield one event."""
        stream = ScaledStream.from_text(self.stream)
        watch = await asyncio.to_thread(lambda: self.hook.watch(stream, self.decided_by))
        payload = await watched(watch, every=stream.ask_every, until=self.until)
        yield TriggerEvent(payload)  # type: ignore[no-untyped-call]


class StreamActiveTrigger(_StreamTrigger):
    """Fire when the stream is no longer UPDATING, however long the reshard lasts.

    :param stream_name: the stream.
    :param poll_seconds: how often to look; DescribeStreamSummary may be called 20 times a second and account.
    :param aws_conn_id: AWS connection id.
    :param region_name: AWS region for the client.
    """

    arguments = ("stream_name", "poll_seconds")

    def __init__(self, *, stream_name: str, poll_seconds: float, **connection: Any) -> None:
        super().__init__(**connection)
        self.stream_name = stream_name
        self.poll_seconds = poll_seconds

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait; yield `{}`, or `{"error": text}`."""
        look = await asyncio.to_thread(lambda: partial(is_settled, self.hook.conn, self.stream_name))
        payload = await settled(look, every=timedelta(seconds=self.poll_seconds))
        yield TriggerEvent(payload)  # type: ignore[no-untyped-call]


async def watched(
    watch: StreamWatch,
    *,
    every: timedelta,
    until: datetime,
    now: Callable[[], datetime] = clock.utcnow,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Payload:
    """Look at the stream every `every`, a first time after it; return the payload of the event that ends the watch.

    It is `{"records": [text, …]}`, with the move's record last if there is one, or `{"error": text}`. An error waits
    until the records noted before it are written: the next run meets the error again.
    """

    def look() -> Payload | None:
        move = watch.look(now())
        return None if move is None else _records(*watch.noted, move)

    budget = RetryBudget(limit=WATCH_RETRIES_FOR, longest=min(every, LONGEST_PAUSE))
    polling = _poll(look, first=max(every, FIRST_LOOK), every=every, budget=budget, until=until, now=now, sleep=sleep)
    try:
        return await polling or _records(*watch.noted)
    except StreamError as error:
        return _records(*watch.noted) if watch.noted else {"error": str(error)}


async def settled(
    look: Callable[[], bool],
    *,
    every: timedelta,
    now: Callable[[], datetime] = clock.utcnow,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Payload:
    """Look until the stream is settled; return the payload of the event that ends the wait: `{}`, or an error's text.

    The first look is late enough for AWS to say UPDATING; no reshard is done sooner.
    """
    budget = RetryBudget(limit=ACTIVE_RETRIES_FOR)
    try:
        await _poll(look, first=FIRST_LOOK, every=every, budget=budget, until=None, now=now, sleep=sleep)
    except StreamError as error:
        return {"error": str(error)}
    return {}


async def _poll(
    look: Callable[[], Found | None],
    *,
    first: timedelta,
    every: timedelta,
    budget: RetryBudget,
    until: datetime | None,
    now: Callable[[], datetime],
    sleep: Callable[[float], Awaitable[None]],
) -> Found | None:
    """Return what `look` finds, the first time that it finds something; None once `until` has come.

    Raises `AwsUnavailableError` when the budget is spent, and any other `StreamError` at once.
    """
    pause = first
    while True:
        await sleep(pause.total_seconds())
        try:
            found, pause = await asyncio.to_thread(look), every
            budget.succeeded()
        except AwsUnavailableError as error:
            found, pause = None, budget.failed(error, now())
        if found or (until is not None and now() >= until):
            return found


def _records(*records: DecisionRecord) -> Payload:
    return {"records": [record.to_json() for record in records]}
