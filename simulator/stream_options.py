"""Options of sending over HTTP, which `stream` and `replay` share, and a checked address."""

import argparse
import socket
from typing import Final

import httpx

from contracts.event import MAX_BATCH_EVENTS
from simulator.back_off import BackOff
from simulator.cli_options import number, positive_count, positive_number
from simulator.errors import ApiError, BadArgumentError
from simulator.pace import PaceSettings
from simulator.shapes import Shape
from simulator.stream import StreamSettings

_CONNECT_SECONDS: Final = 5.0


def add_sending_options(command: argparse.ArgumentParser, *, rate: float) -> None:
    """Add how events are sent."""
    group = command.add_argument_group("sending")
    group.add_argument(
        "--rate", type=number, default=rate, help=f"events per second; 0: as fast as possible (default {rate:g})"
    )
    group.add_argument(
        "--batch-size",
        type=positive_count,
        default=100,
        help=f"events per request: 1 to {MAX_BATCH_EVENTS}; 1 sends them to /events, one by one (default 100)",
    )
    group.add_argument("--concurrency", type=positive_count, default=8, help="requests at a time (default 8)")
    group.add_argument("--timeout", type=positive_number, default=30.0, help="seconds for one request (default 30)")
    group.add_argument(
        "--max-tries", type=positive_count, default=BackOff().max_tries, help="attempts per event (default 50)"
    )
    group.add_argument(
        "--give-up-after",
        type=positive_number,
        default=BackOff().give_up_seconds,
        metavar="SECONDS",
        help="from an event's first attempt (default 300)",
    )
    group.add_argument(
        "--accepted-log", metavar="FILE", help="write the click_id of each accepted good event, one per line, once"
    )


def stream_settings(
    options: argparse.Namespace, *, shape: Shape, speedup: float, duration: float | None, events: int | None
) -> StreamSettings:
    """Return the settings of sending."""
    if options.batch_size > MAX_BATCH_EVENTS:
        raise BadArgumentError(f"--batch-size {options.batch_size} is above {MAX_BATCH_EVENTS}, the API's limit")
    length = duration
    if length is None and events is not None and options.rate > 0:
        length = events / options.rate
    return StreamSettings(
        pace=PaceSettings(rate=options.rate, shape=shape, speedup=speedup, length=length),
        batch_size=options.batch_size,
        concurrency=options.concurrency,
        duration=duration,
    )


def back_off(options: argparse.Namespace) -> BackOff:
    """Return the bounds of trying again."""
    return BackOff(max_tries=options.max_tries, give_up_seconds=options.give_up_after)


def reachable_url(text: str) -> str:
    """Return the API's address, once something answers there; raise `ApiError` if nothing does."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise BadArgumentError(f"--api-url {text!r} is not a URL: {error}") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise BadArgumentError(
            f"--api-url {text!r} is not a URL like https://<id>.execute-api.<region>.amazonaws.com/prod"
        )
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        socket.create_connection((url.host, port), timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        raise ApiError(
            f"nothing answers at {url.host}:{port} ({error.strerror or error}); start it, or check --api-url {text}"
        ) from error
    return text.rstrip("/")
