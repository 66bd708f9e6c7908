"""Stands for `POST /events/batch` on an origin of its own: keeps what came, and answers as a test says.

It speaks real HTTP, because a browser lets a page's last requests go on when the page is gone, where no interception
sees them.
"""

import json
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

#: Seconds after which a test fails that waits for a request; long after the slowest machine has sent it.
PATIENCE: Final = 30.0

Event = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A reply; without a status the connection ends without one. `held` is waited for before it leaves."""

    status: int | None = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    held: threading.Event | None = None


Answerer = Callable[[list[Event]], Answer]


def accept(events: list[Event]) -> Answer:
    """Answer as the API does when it has stored all of them."""
    return Answer(body={"accepted": len(events), "failed": 0, "events": [{"status": "accepted"}] * len(events)})


def accept_only(*places: int) -> Answerer:
    """Answer 207: only the events at these places were stored."""

    def answer(events: list[Event]) -> Answer:
        statuses = [{"status": "accepted" if place in places else "throttled"} for place in range(len(events))]
        return Answer(status=207, body={"events": statuses}, headers={"Retry-After": "1"})

    return answer


def throttle(seconds: int) -> Answerer:
    """Answer 429: nothing was stored, come again after some seconds."""
    return lambda events: Answer(status=429, body={"message": "full"}, headers={"Retry-After": str(seconds)})


def refuse(events: list[Event]) -> Answer:
    """Answer 400: this cannot be stored, ever."""
    return Answer(status=400, body={"message": "not acceptable", "detail": "…"})


def fail(events: list[Event]) -> Answer:
    """Answer 503: nothing was stored."""
    return Answer(status=503, body={"message": "the stream is not available", "detail": "…"})


def hang_up(events: list[Event]) -> Answer:
    """End the connection without an answer."""
    return Answer(status=None)


def accept_once(released: threading.Event) -> Answerer:
    """Accept all events, but let the reply leave only once something has happened."""
    return lambda events: Answer(body=accept(events).body, held=released)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One request as it came in."""

    events: list[Event]
    size: int
    headers: Mapping[str, str]


class FakeApi:
    """Keeps requests. `answers` are given one after the other, `otherwise` when there are none left."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.answers: deque[Answerer] = deque()
        self.otherwise: Answerer = accept
        self.stored: list[Event] = []
        self._changed = threading.Condition()
        self.url = ""

    @property
    def events(self) -> list[Event]:
        """Every event that came, those of refused batches as well."""
        return [event for batch in self.batches for event in batch.events]

    def wait_for(self, *, batches: int = 0, stored: int = 0) -> None:
        """Wait until so many requests came, and so many events were stored."""
        with self._changed:
            came = self._changed.wait_for(
                lambda: len(self.batches) >= batches and len(self.stored) >= stored, timeout=PATIENCE
            )
        assert came, f"only {len(self.batches)} batches came, and {len(self.stored)} events were stored"

    def stored_names(self) -> list[str]:
        """Return the names of stored events, in their order."""
        return [event["event_name"] for event in self.stored]

    def copies(self) -> Counter[str]:
        """Return how often each event was stored, by its name."""
        return Counter(self.stored_names())

    def take(self, batch: Batch) -> Answer:
        """Keep a request; return its answer."""
        with self._changed:
            answer = (self.answers.popleft() if self.answers else self.otherwise)(batch.events)
            self.batches.append(batch)
            if answer.body is not None:
                statuses = answer.body.get("events", [])
                self.stored += [
                    event
                    for event, status in zip(batch.events, statuses, strict=False)
                    if status["status"] == "accepted"
                ]
            self._changed.notify_all()
        return answer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: FakeApi

    def do_OPTIONS(self) -> None:
        self._reply(204, b"", {"Access-Control-Allow-Headers": "Content-Type", "Access-Control-Max-Age": "600"})

    def do_POST(self) -> None:
        assert self.path == "/v1/events/batch", self.path
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = self.api.take(Batch(events=_parsed(body), size=len(body), headers=dict(self.headers)))
        if answer.held is not None:
            answer.held.wait(PATIENCE)
        if answer.status is None:
            self.close_connection = True
            return
        self._reply(answer.status, json.dumps(answer.body).encode(), answer.headers)

    def _reply(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        cors = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After"}
        for name, value in {**cors, **headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


def _parsed(body: bytes) -> list[Event]:
    """Parse as the API does, which refuses a field that is there twice only later: so it is checked here."""

    def unique(pairs: list[tuple[str, Any]]) -> Event:
        names = [name for name, _ in pairs]
        assert len(names) == len(set(names)), f"a field is there twice: {names}"
        return dict(pairs)

    events = json.loads(body, object_pairs_hook=unique)
    assert isinstance(events, list)
    return events


class _Server(ThreadingHTTPServer):
    """Of a connection that a killed tab left, nothing is reported."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep failed asserts of the handler: the test waits in vain, and sees no reply."""


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve on a free port of 127.0.0.1; yield the address."""
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@contextmanager
def running_api() -> Iterator[FakeApi]:
    """Serve a new one; its `url` is what a page names as the endpoint."""
    api = FakeApi()
    with served(type("Handler", (_Handler,), {"api": api})) as address:
        api.url = f"{address}/v1"
        yield api
