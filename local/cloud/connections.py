"""Clients' connections under a limit of open files: those that only wait are closed first, then new ones are refused.

uvicorn's protocol closes a connection when its peer does. What it lacks: a connection that has not sent a request yet
waits for ever, and nothing keeps clients from taking the descriptors that the server needs for its own files.
"""

import asyncio
import heapq
import logging
import resource
from typing import Final

from uvicorn.protocols.http.h11_impl import H11Protocol

#: Descriptors that clients can't have: open shards, files being written, sockets to ourselves.
RESERVE: Final = 256
#: How many connections the loop accepts in one turn; it is three turns later that one of them can close another.
AT_ONCE: Final = 16
_ENOUGH: Final = 2**16
_LINGER_SECONDS: Final = 1.0
#: Closing one for each that comes would let their number grow: the next one takes the place that is free.
_AT_A_TIME: Final = 64
_REFUSAL: Final = b"The local cloud has no descriptor left for another connection.\n"
_ANSWER: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nRetry-After: 1\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%b"
) % (len(_REFUSAL), _REFUSAL)
_LOG = logging.getLogger(__name__)


def most_files() -> int:
    """How many files this process may have open, after asking for as many as it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return _ENOUGH if soft == resource.RLIM_INFINITY else soft


def protocol_class(open_files: int) -> type[H11Protocol]:
    """The protocol for a process that may have that many files open."""

    class LimitedProtocol(_Protocol):
        most = max(open_files - RESERVE, open_files // 2)

    return LimitedProtocol


class _Protocol(H11Protocol):
    """One connection; it waits from its start, from each answer and from each half request on."""

    most: int

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()
        # A new descriptor gets the lowest number that is free, so at least so many are in use.
        used = transport.get_extra_info("socket").fileno()
        if used >= self.most and not self._close_those_that_wait(used - self.most + _AT_A_TIME):
            self._refuse(used)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._wait()

    def _wait(self) -> None:
        if self.timeout_keep_alive_task is None and not self.transport.is_closing():
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _close_those_that_wait(self, count: int) -> bool:
        """Close so many of those that have waited longest; False when there is none."""
        ends = [
            (one.timeout_keep_alive_task.when(), id(one), one)
            for one in self.connections
            if isinstance(one, _Protocol) and one is not self and one.timeout_keep_alive_task is not None
        ]
        for _, _, longest in heapq.nsmallest(count, ends):
            longest._unset_keepalive_if_required()
            longest.timeout_keep_alive_handler()
        return bool(ends)

    def _refuse(self, used: int) -> None:
        """Answer and say that no more follows; what the client still sends is read, or it would not see the answer."""
        _LOG.warning("refused a connection: %d descriptors are in use", used)
        self._unset_keepalive_if_required()
        self.connections.discard(self)
        if used >= self.most + RESERVE // 4:  # too many such: the others are cut off
            self.transport.abort()
            return
        self.transport.set_protocol(asyncio.Protocol())
        self.transport.write(_ANSWER)
        self.transport.write_eof()
        self.loop.call_later(_LINGER_SECONDS, self.transport.abort)
