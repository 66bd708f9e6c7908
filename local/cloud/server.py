"""Settings → a served local cloud: socket, ministack with our services in place, clients' connections, clean stop.

Our modules replace whole services; ministack serves the rest. State is on the disk after every answered request, so a
SIGKILL at any moment loses nothing that was answered with success.

A limit of open files is shared out: connections that only wait are closed first, then new ones are refused. uvicorn's
own protocol lets a connection without a request wait for ever, and lets clients take the descriptors that the server
needs for its files.
"""

import asyncio
import contextlib
import errno
import fcntl
import heapq
import logging
import resource
import signal
import socket
from collections.abc import Awaitable, Callable, Coroutine, Iterator, MutableMapping
from pathlib import Path
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from local.cloud import cloudformation, emulator, files, s3, snapshots
from local.cloud.apigateway import gateway
from local.cloud.athena import service as athena_service
from local.cloud.emr_serverless import service as emr_service
from local.cloud.errors import (
    FolderError,
    LocalCloudError,
    PartFailedError,
    PortInUseError,
    Shutdown,
    StateInUseError,
)
from local.cloud.firehose import service as firehose_service
from local.cloud.kinesis import service as kinesis_service
from local.cloud.request_log import logged
from local.cloud.settings import HOST, LocalCloudSettings

_LOG = logging.getLogger(__name__)
_BACKLOG: Final = 128
#: Descriptors that clients cannot have: for open shards, files being written, and sockets to this process itself.
_RESERVE: Final = 256
#: The loop accepts this many connections in one turn; three turns later one of them can close another.
_ACCEPTS_PER_TURN: Final = 16
_MOST_FILES: Final = 2**16
_LINGER_SECONDS: Final = 1.0
#: Close this many waiting connections at once: to close one per new connection would let their number grow.
_CLOSED_TOGETHER: Final = 64
_REFUSAL: Final = b"The local cloud has no descriptor left for another connection.\n"
_REFUSAL_ANSWER: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nRetry-After: 1\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%b"
) % (len(_REFUSAL), _REFUSAL)

Background = Callable[[], Coroutine[Any, Any, None]]


def install(settings: LocalCloudSettings, port: int, shutdown: Shutdown) -> dict[str, Background]:
    """Replace ministack's services by ours; return what must run beside the requests.

    Raise BrokenStateError if the state that an earlier process left is not whole.
    """
    s3.check(settings.state_dir / "s3")  # before ministack reads the objects
    s3.install()
    kinesis = kinesis_service.install(settings, shutdown)
    firehose = firehose_service.install(settings, kinesis)
    athena = athena_service.install(settings, port)
    emr = emr_service.install(settings, port)
    cloudformation.install(kinesis, firehose, athena, emr)
    gateway.install()
    snapshots.install(settings.state_dir, shutdown)  # last, because it wraps the handlers that are in place
    return {"Firehose": firehose.streams.run, "EMR Serverless": emr.run}


def serve(settings: LocalCloudSettings) -> None:
    """Serve until SIGTERM or Ctrl-C; raise PartFailedError if a part of the server failed."""
    open_files = _raise_file_limit()
    if not settings.fsync:
        files.without_fsync()
    with listen(settings.host, settings.port) as listener, _lock(settings.state_dir):
        port = listener.getsockname()[1]
        emulator.configure(state_dir=settings.state_dir, port=port)
        shutdown = Shutdown()
        try:
            background = install(settings, port, shutdown)
        except OSError as error:
            raise FolderError(
                f"can't read or write the state in {settings.state_dir}: {error}; free some space"
            ) from error
        asyncio.run(_Server(background, shutdown, open_files, settings.request_log).serve([listener]))
    if shutdown.reason is not None:
        raise PartFailedError(f"{shutdown.reason}; what was answered is on the disk: start it again")


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket on an address of this machine; raise PortInUseError if the port is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUseError(host, port) from error
        remedy = "choose others with --host and --port"
        raise LocalCloudError(f"can't listen on {host}:{port}: {error.strerror}; {remedy}") from error
    return listener


def _raise_file_limit() -> int:
    """Raise this process's limit of open files as far as it may; return the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return _MOST_FILES if soft == resource.RLIM_INFINITY else soft


@contextlib.contextmanager
def _lock(state_dir: Path) -> Iterator[None]:
    """Work alone on the folder; the kernel releases the lock however this process ends."""
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        opened = (state_dir / "lock").open("w")
    except OSError as error:
        raise FolderError(f"can't keep state in {state_dir}: {error.strerror}; choose another with --state") from error
    with opened as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StateInUseError(state_dir) from error
        yield


class _Server(uvicorn.Server):
    """uvicorn with our protocol, and with the work beside the requests; it ends when any part fails."""

    def __init__(
        self, background: dict[str, Background], shutdown: Shutdown, open_files: int, log: Path | None
    ) -> None:
        served = self._application(emulator.application())
        super().__init__(
            uvicorn.Config(
                served if log is None else logged(served, log),
                http=_protocol_class(open_files),
                ws="none",
                lifespan="on",
                backlog=_ACCEPTS_PER_TURN,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=2,
                h11_max_incomplete_event_size=64 * 2**10,
                log_config=None,
                log_level="warning",
                access_log=False,
                proxy_headers=False,  # the socket's address counts
                server_header=False,
                date_header=False,  # ministack sends its own
            )
        )
        self._background = background
        self._shutdown = shutdown
        self._full_until = 0.0
        self._running: dict[asyncio.Task[None], str] = {}

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End in order, with status 0, instead of by the signal itself."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stop)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().set_exception_handler(self._on_loop_error)
        await super().startup(sockets)
        for listener in sockets or []:
            listener.listen(_BACKLOG)  # asyncio has one number for the backlog and for how many it accepts at once
        self._running = {asyncio.create_task(run()): name for name, run in self._background.items()}
        if self.started and sockets:
            print(f"ready http://{HOST}:{sockets[0].getsockname()[1]}", flush=True)

    async def on_tick(self, counter: int) -> bool:
        """Check the parts ten times a second; return True to end the server."""
        for task in [task for task in self._running if task.done()]:
            name, error = self._running.pop(task), task.exception()
            if error is not None:
                if not isinstance(error, OSError):  # a bug: log where it is, once
                    _LOG.error("%s failed", name, exc_info=error)
                self._shutdown.request(f"{name} failed: {type(error).__name__}: {error}")
        if self._shutdown.reason is not None:
            return True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await super().shutdown(sockets)

    def _stop(self) -> None:
        self.should_exit = True

    def _application(self, application: emulator.Application) -> emulator.Application:
        """Return the application, which answers nothing more from memory once a part has failed."""

        async def served(
            scope: MutableMapping[str, Any],
            receive: Callable[[], Awaitable[emulator.Message]],
            send: Callable[[emulator.Message], Awaitable[None]],
        ) -> None:
            if self._shutdown.reason is not None and scope["type"] == "http":
                headers = [(b"connection", b"close"), (b"content-length", b"0")]
                await send({"type": "http.response.start", "status": 503, "headers": headers})
                await send({"type": "http.response.body", "body": b""})
            else:
                await application(scope, receive, send)

        return served

    def _on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            if loop.time() > self._full_until:  # asyncio reports it for every connection that waits
                self._full_until = loop.time() + 1
                _LOG.warning("no descriptor is left for another connection; accepting again in a second")
        else:
            loop.default_exception_handler(context)


def _protocol_class(open_files: int) -> type[H11Protocol]:
    """Return the protocol for a process that may have this many files open."""

    class LimitedProtocol(_Protocol):
        most = max(open_files - _RESERVE, open_files // 2)

    return LimitedProtocol


class _Protocol(H11Protocol):
    """One connection; its wait begins at its start, at each answer and at each half request."""

    most: int

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()
        # A new descriptor gets the lowest free number, so at least this many are in use.
        used = transport.get_extra_info("socket").fileno()
        if used >= self.most and not self._close_waiting(used - self.most + _CLOSED_TOGETHER):
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

    def _close_waiting(self, count: int) -> bool:
        """Close the connections that have waited longest, at most this many; return False if none waits."""
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
        """Answer, and read on what the client still sends, or the client would not see the answer."""
        _LOG.warning("refused a connection: %d descriptors are in use", used)
        self._unset_keepalive_if_required()
        self.connections.discard(self)
        if used >= self.most + _RESERVE // 4:  # too many refusals: cut off the others
            self.transport.abort()
            return
        self.transport.set_protocol(asyncio.Protocol())
        self.transport.write(_REFUSAL_ANSWER)
        self.transport.write_eof()
        self.loop.call_later(_LINGER_SECONDS, self.transport.abort)
