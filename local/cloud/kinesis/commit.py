"""PutRecord and PutRecords are answered when their records are on the disk, many requests with one wait.

While the disk works on one round, whoever comes waits for the next one; a round takes as long for twenty requests as
for one.
"""

import asyncio
import functools

from local.cloud import emulator, files, json_protocol
from local.cloud.ending import Ending
from local.cloud.kinesis.catalog import Catalog

_WAITING = frozenset({"Kinesis_20131202.PutRecord", "Kinesis_20131202.PutRecords"})


class GroupCommit:
    """The rounds of one catalog's logs."""

    def __init__(self, catalog: Catalog, ending: Ending) -> None:
        self._catalog = catalog
        self._ending = ending
        self._waiting: list[asyncio.Future[None]] = []
        self._rounds: asyncio.Task[None] | None = None

    def answering(self, handler: emulator.Handler) -> emulator.Handler:
        """The handler, with the answers to puts held back until their records outlive a power cut."""

        @functools.wraps(handler)
        async def handle(
            method: str, path: str, headers: emulator.Headers, body: bytes, query: dict[str, list[str]]
        ) -> emulator.Response:
            answer = await handler(method, path, headers, body, query)
            if answer[0] == 200 and headers.get("x-amz-target") in _WAITING:
                try:
                    await self._wait()
                except OSError as error:
                    return json_protocol.unavailable(error)
            return answer

        return handle

    async def _wait(self) -> None:
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        if self._rounds is None or self._rounds.done():
            self._rounds = asyncio.create_task(self._run())
        await done

    async def _run(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            error = await asyncio.to_thread(self._sync)
            for one in waiting:
                if one.done():  # its client is gone
                    continue
                if error is None:
                    one.set_result(None)
                else:
                    one.set_exception(error)

    def _sync(self) -> OSError | None:
        try:
            files.at_once(log.sync for log in self._catalog.take_unsynced())
        except OSError as error:
            # The kernel has dropped what it could not write, so memory knows records that the disk has not.
            self._ending.because(f"records can't be written to the disk: {error.strerror or error}")
            return error
        return None
