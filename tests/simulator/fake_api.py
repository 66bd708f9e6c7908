"""A fake of the events API as a real HTTP server: it stores, throttles, fails and breaks connections as it is told to.

Each request takes the next `Behaviour` of a script; when the script is used up, everything is stored.
"""

import json
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """How one request is answered.

    `throttled` are the positions in the request that are not stored. `refuse_marked` answers 400 to an event that has
    the field `refuse_me`, and to a batch with one.
    `break_connection`: "before" or "after" storing, without an answer.
    """

    throttled: frozenset[int] = frozenset()
    throttle_all: bool = False
    gateway_status: int | None = None
    retry_after: str | None = None
    break_connection: str | None = None
    refuse_marked: bool = False
    body: bytes | None = None


STORE_ALL = Behaviour(refuse_marked=True)


class FakeEventsApi(ThreadingHTTPServer):
    """Stores events in a list; `requests` holds each request's path and its events."""

    daemon_threads = True

    def __init__(self, script: Iterable[Behaviour] = ()) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = deque(script)
        self.stored: list[Any] = []
        self.requests: list[tuple[str, list[Any]]] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/stage"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeEventsApi

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        events = body if isinstance(body, list) else [body]
        with self.server.lock:
            self.server.requests.append((self.path, events))
            behaviour = self.server.script.popleft() if self.server.script else STORE_ALL
            self._answer(behaviour, events)

    def _answer(self, behaviour: Behaviour, events: list[Any]) -> None:
        if behaviour.break_connection == "before":
            self.close_connection = True
        elif behaviour.gateway_status is not None:
            self._reply(behaviour.gateway_status, {"message": "gateway"}, behaviour)
        elif behaviour.refuse_marked and self._is_refused(events):
            self._reply(400, {"message": "Invalid request body", "detail": "refuse_me"}, behaviour)
        else:
            self._store(behaviour, events)

    @staticmethod
    def _is_refused(events: list[Any]) -> bool:
        return any(isinstance(event, dict) and "refuse_me" in event for event in events)

    def _store(self, behaviour: Behaviour, events: list[Any]) -> None:
        failed = frozenset(range(len(events))) if behaviour.throttle_all else behaviour.throttled
        self.server.stored += [event for position, event in enumerate(events) if position not in failed]
        if behaviour.break_connection == "after":
            self.close_connection = True
            return
        fates = [{"status": "throttled" if position in failed else "accepted"} for position in range(len(events))]
        status = 429 if len(failed) == len(events) else 207 if failed else 200
        counts = {"accepted": len(events) - len(failed), "failed": len(failed)}
        self._reply(status, {**counts, "events": fates}, behaviour)

    def _reply(self, status: int, body: dict[str, Any], behaviour: Behaviour) -> None:
        content = behaviour.body if behaviour.body is not None else json.dumps(body).encode()
        self.send_response(status)
        if behaviour.retry_after is not None:
            self.send_header("Retry-After", behaviour.retry_after)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Say nothing."""


@contextmanager
def fake_api(script: Iterable[Behaviour] = ()) -> Iterator[FakeEventsApi]:
    """Serve a fake API on a free port of the loopback address."""
    server = FakeEventsApi(script)
    thread = threading.Thread(target=server.serve_forever, daemon=True, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
