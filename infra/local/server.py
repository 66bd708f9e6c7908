"""Settings → a served local cloud: the socket, ministack with our service modules in place, a clean stop.

Our modules take over whole services; ministack serves the rest. State is on disk after every answered request, so a
SIGKILL at any moment loses nothing that a client was told is done.
"""

import asyncio
import contextlib
import errno
import fcntl
import signal
import socket
from collections.abc import Awaitable, Callable, Coroutine, Iterator, MutableMapping
from pathlib import Path
from typing import Any

from infra.local import apigateway, cloudformation, emulator, snapshots
from infra.local.athena import service as athena_service
from infra.local.errors import FolderError, LocalCloudError, PortInUseError, StateInUseError
from infra.local.firehose import service as firehose_service
from infra.local.kinesis import service as kinesis_service
from infra.local.settings import HOST, LocalCloudSettings

Background = Callable[[], Coroutine[Any, Any, None]]


def install(settings: LocalCloudSettings, port: int) -> list[Background]:
    """Put our services in ministack's place; what they run beside the requests is returned, to be started with it."""
    kinesis = kinesis_service.install(settings)
    firehose = firehose_service.install(settings, kinesis)
    athena_service.install(settings, port)
    cloudformation.install()
    apigateway.install()
    snapshots.install(settings.state_dir)  # last: it wraps the handlers that are in place
    return [firehose.run]


def listen(host: str, port: int) -> socket.socket:
    """A listening socket on an address of this machine; PortInUseError when the port is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUseError(host, port) from error
        remedy = "choose others with --host and --port"
        raise LocalCloudError(f"can't listen on {host}:{port}: {error.strerror}; {remedy}") from error
    return listener


def serve(settings: LocalCloudSettings) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    listener = listen(settings.host, settings.port)
    port = listener.getsockname()[1]
    with _lock(settings.state_dir):
        emulator.configure(state_dir=settings.state_dir, port=port)
        background = install(settings, port)
        # serve() takes the socket over; detach so that nobody closes it twice.
        asyncio.run(_serve(listener.detach(), port, background))


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


async def _serve(descriptor: int, port: int, background: list[Background]) -> None:
    from hypercorn.asyncio import serve as hypercorn_serve
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"fd://{descriptor}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 2
    config.loglevel = "WARNING"
    config.h11_max_incomplete_size = 64 * 2**10
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    application = _with_background(emulator.application(), background, port, stop)
    await hypercorn_serve(application, config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]


def _with_background(
    application: emulator.Application, background: list[Background], port: int, stop: asyncio.Event
) -> emulator.Application:
    """The application, with the background work running from its startup to its shutdown."""
    tasks: list[asyncio.Task[None]] = []

    async def served(
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[emulator.Message]],
        send: Callable[[emulator.Message], Awaitable[None]],
    ) -> None:
        async def send_and_start(message: emulator.Message) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                tasks.extend(asyncio.create_task(_supervised(run, stop)) for run in background)
                tasks.append(asyncio.create_task(_announce(port)))

        async def receive_and_stop() -> emulator.Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await _cancel(tasks)
            return message

        if scope["type"] == "lifespan":
            await application(scope, receive_and_stop, send_and_start)
        else:
            await application(scope, receive, send)

    return served


async def _supervised(run: Background, stop: asyncio.Event) -> None:
    """A background part that dies takes the server down: a cloud that no longer delivers must not look alive."""
    try:
        await run()
    except asyncio.CancelledError:
        raise
    except Exception:
        stop.set()
        raise


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            await task


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
