"""Settings → a served local cloud: the socket, ministack with our service modules in place, a clean stop.

Our modules take over whole services; ministack serves the rest. State is on disk after every answered request, so a
SIGKILL at any moment loses nothing that a client was told is done.
"""

import asyncio
import contextlib
import errno
import fcntl
import functools
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Coroutine, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import uvicorn

from local.cloud import apigateway, cloudformation, connections, emulator, files, snapshots
from local.cloud.athena import service as athena_service
from local.cloud.ending import Ending
from local.cloud.errors import FolderError, LocalCloudError, PartFailedError, PortInUseError, StateInUseError
from local.cloud.firehose import service as firehose_service
from local.cloud.kinesis import service as kinesis_service
from local.cloud.s3 import check as s3_check
from local.cloud.s3 import storage as s3_storage
from local.cloud.settings import HOST, LocalCloudSettings

_LOG = logging.getLogger(__name__)
_BACKLOG = 128
Background = Callable[[], Coroutine[Any, Any, None]]


def install(settings: LocalCloudSettings, port: int, ending: Ending) -> dict[str, Background]:
    """Put our services in ministack's place; what they run beside the requests is returned, to be started with it.

    BrokenStateError when the state that an earlier process left is not whole.
    """
    s3_check.check(settings.state_dir / "s3")  # before ministack reads the objects
    s3_storage.install()
    kinesis = kinesis_service.install(settings, ending)
    firehose = firehose_service.install(settings, kinesis)
    athena_service.install(settings, port)
    cloudformation.install()
    apigateway.install()
    snapshots.install(settings.state_dir, ending)  # last: it wraps the handlers that are in place
    return {"Firehose": firehose.run}


def listen(host: str, port: int) -> socket.socket:
    """A listening socket on an address of this machine; PortInUseError when the port is taken."""
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


def serve(settings: LocalCloudSettings) -> None:
    """Serve until SIGTERM or Ctrl-C; PartFailedError when a part of the server failed."""
    open_files = connections.most_files()
    if not settings.fsync:
        files.without_fsync()
    with listen(settings.host, settings.port) as listener, _lock(settings.state_dir):
        port = listener.getsockname()[1]
        emulator.configure(state_dir=settings.state_dir, port=port)
        ending = Ending()
        try:
            background = install(settings, port, ending)
        except OSError as error:
            raise FolderError(
                f"can't read or write the state in {settings.state_dir}: {error}; free some space"
            ) from error
        background["the ready line"] = functools.partial(_announce, port)
        asyncio.run(_Server(background, ending, open_files).serve([listener]))
    if ending.reason is not None:
        raise PartFailedError(f"{ending.reason}; what was answered is on the disk: start it again")


@contextlib.contextmanager
def _lock(state_dir: Path) -> Iterator[None]:
    """Be the only one to work on the folder; the kernel lets go of it whichever way this process ends."""
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
    """uvicorn with our connections and the work beside the requests; ends when any part fails."""

    def __init__(self, background: dict[str, Background], ending: Ending, open_files: int) -> None:
        super().__init__(
            uvicorn.Config(
                self._application(emulator.application()),
                http=connections.protocol_class(open_files),
                ws="none",
                lifespan="on",
                backlog=connections.AT_ONCE,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=2,
                h11_max_incomplete_event_size=64 * 2**10,
                log_config=None,
                log_level="warning",
                access_log=False,
                proxy_headers=False,  # the address that counts is the socket's
                server_header=False,
                date_header=False,  # ministack sends its own
            )
        )
        self._background = background
        self._ending = ending
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
            listener.listen(_BACKLOG)  # asyncio has one number for how many wait and how many it takes at once
        self._running = {asyncio.create_task(run()): name for name, run in self._background.items()}

    async def on_tick(self, counter: int) -> bool:
        """Look after the parts ten times a second."""
        for task in [task for task in self._running if task.done()]:
            name, error = self._running.pop(task), task.exception()
            if error is not None:
                if not isinstance(error, OSError):  # a mistake of ours: where it is, once
                    _LOG.error("%s failed", name, exc_info=error)
                self._ending.because(f"{name} failed: {type(error).__name__}: {error}")
        if self._ending.reason is not None:
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
        """The application; once a part has failed, nothing more is answered from memory."""

        async def served(
            scope: MutableMapping[str, Any],
            receive: Callable[[], Awaitable[emulator.Message]],
            send: Callable[[emulator.Message], Awaitable[None]],
        ) -> None:
            if self._ending.reason is not None and scope["type"] == "http":
                headers = [(b"connection", b"close"), (b"content-length", b"0")]
                await send({"type": "http.response.start", "status": 503, "headers": headers})
                await send({"type": "http.response.body", "body": b""})
            else:
                await application(scope, receive, send)

        return served

    def _on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            if loop.time() > self._full_until:  # asyncio says so for every connection that waits
                self._full_until = loop.time() + 1
                _LOG.warning("no descriptor is left for another connection; accepting again in a second")
        else:
            loop.default_exception_handler(context)


async def _announce(port: int) -> None:
    """Print the ready line once a request is answered."""
    while True:
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"GET /_ministack/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        status = await reader.readline()
        writer.close()
        if b" 200 " in status:
            print(f"ready http://{HOST}:{port}", flush=True)
            return
        await asyncio.sleep(0.05)
