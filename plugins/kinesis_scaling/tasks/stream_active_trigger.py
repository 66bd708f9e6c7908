"""A stream that is UPDATING → one event when it takes orders again, however long the reshard lasts."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from airflow.sdk import timezone as clock
from airflow.triggers.base import BaseTrigger, TriggerEvent

from kinesis_scaling.errors import AwsUnavailableError, StreamError
from kinesis_scaling.stream.moves import is_settled
from kinesis_scaling.tasks.patience import FIRST_LOOK, Patience
from kinesis_scaling.tasks.stream_hook import StreamHook

PATIENCE: Final = timedelta(minutes=30)


class StreamActiveTrigger(BaseTrigger):
    """Fire when the stream is no longer UPDATING.

    :param stream_name: the stream.
    :param poll_seconds: how often to look; DescribeStreamSummary may be called 20 times a second and account.
    :param aws_conn_id: AWS connection id.
    :param region_name: AWS region for the client.
    """

    def __init__(
        self, *, stream_name: str, poll_seconds: float, aws_conn_id: str | None, region_name: str | None
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.stream_name = stream_name
        self.poll_seconds = poll_seconds
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return this class's path and the constructor's arguments."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "stream_name": self.stream_name,
                "poll_seconds": self.poll_seconds,
                "aws_conn_id": self.aws_conn_id,
                "region_name": self.region_name,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait; yield `{}`, or `{"error": text}`."""
        look = await asyncio.to_thread(self._look)
        payload = await settled(look, every=timedelta(seconds=self.poll_seconds))
        yield TriggerEvent(payload)  # type: ignore[no-untyped-call]

    def _look(self) -> Callable[[], bool]:
        hook = StreamHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)
        return partial(is_settled, hook.conn, self.stream_name)


async def settled(
    look: Callable[[], bool],
    *,
    every: timedelta,
    now: Callable[[], datetime] = clock.utcnow,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> dict[str, Any]:
    """Look until it is so; return the event that ends the wait.

    The first look is late enough for AWS to say UPDATING; no reshard is done sooner.
    """
    patience, pause = Patience(limit=PATIENCE), FIRST_LOOK
    while True:
        await sleep(pause.total_seconds())
        pause = every
        try:
            if await asyncio.to_thread(look):
                return {}
            patience.succeeded()
        except AwsUnavailableError as error:
            try:
                pause = patience.failed(error, now())
            except AwsUnavailableError as lasting:
                return {"error": str(lasting)}
        except StreamError as error:
            return {"error": str(error)}
