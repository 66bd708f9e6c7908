"""A stream, watched in the triggerer: the policy is asked at every look, a worker is woken for a move only.

One event ends the trigger: a move and what was close to one before it; or, after the run's length, only the latter; or
an error that a person must put right. A triggerer that dies is replaced by one that begins to watch anew: what was
close to a move is forgotten, a move is not, for it is decided again.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Final

from airflow.sdk import timezone as clock
from airflow.triggers.base import BaseTrigger, TriggerEvent

from kinesis_scaling.errors import AwsUnavailableError, StreamError
from kinesis_scaling.stream.watch import StreamWatch
from kinesis_scaling.stream_settings import ScaledStream
from kinesis_scaling.tasks.patience import FIRST_LOOK, Patience
from kinesis_scaling.tasks.stream_hook import StreamHook

PATIENCE: Final = timedelta(minutes=10)


class ShardUtilizationTrigger(BaseTrigger):
    """Fire when the stream is to be changed, or at `until`.

    :param stream: `ScaledStream.to_text` of the stream.
    :param until: when to end without a move.
    :param decided_by: the run that decides.
    :param aws_conn_id: AWS connection id.
    :param region_name: AWS region for the clients.
    """

    def __init__(
        self, *, stream: str, until: datetime, decided_by: str, aws_conn_id: str | None, region_name: str | None
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.stream = stream
        self.until = until
        self.decided_by = decided_by
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return this class's path and the constructor's arguments."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "stream": self.stream,
                "until": self.until,
                "decided_by": self.decided_by,
                "aws_conn_id": self.aws_conn_id,
                "region_name": self.region_name,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Watch; yield one event."""
        stream = ScaledStream.from_text(self.stream)
        watch = await asyncio.to_thread(self._watch, stream)
        payload = await watched(watch, every=stream.ask_every, until=self.until)
        yield TriggerEvent(payload)  # type: ignore[no-untyped-call]

    def _watch(self, stream: ScaledStream) -> StreamWatch:
        hook = StreamHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)
        return hook.watch(stream, self.decided_by)


async def watched(
    watch: StreamWatch,
    *,
    every: timedelta,
    until: datetime,
    now: Callable[[], datetime] = clock.utcnow,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> dict[str, Any]:
    """Look at the stream every `every`, a first time after it; return the payload of the event that ends the watch.

    It is `{"records": [text, …]}`, the move's record last if there is one, or `{"error": text}`.
    """
    patience, pause = Patience(limit=PATIENCE), max(every, FIRST_LOOK)
    while True:
        await sleep(pause.total_seconds())
        pause = every
        try:
            move = await asyncio.to_thread(watch.look, now())
            patience.succeeded()
        except AwsUnavailableError as error:
            move = None
            try:
                pause = min(every, patience.failed(error, now()))
            except AwsUnavailableError as lasting:
                return _failed(watch, lasting)
        except StreamError as error:
            return _failed(watch, error)
        if move is not None:
            return {"records": [record.to_json() for record in (*watch.noted, move)]}
        if now() >= until:
            return {"records": [record.to_json() for record in watch.noted]}


def _failed(watch: StreamWatch, error: StreamError) -> dict[str, Any]:
    """Return the error, or first what was noted: the next run will meet the error again."""
    if watch.noted:
        return {"records": [record.to_json() for record in watch.noted]}
    return {"error": str(error)}
