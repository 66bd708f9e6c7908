"""Hostile requests to the API of a local cloud: nothing is executed or lost, no template fails, memory stays flat.

    python -m tests.proofs.hostile_requests
    python -m tests.proofs.hostile_requests --requests 5000 --seed 7

An event that is accepted must be in the stream as it was sent, whatever is written in it. Every other request must have
the reply that the API promises (`infra/event_api.py`), and none an error of 500. Ends with 1 if something is otherwise.
"""

import argparse
import gzip
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Final

import httpx

from contracts.openapi import openapi_document
from local.cloud.process import LocalCloud
from tests.local.cloud.conftest import Clients
from tests.local.cloud.deployed_pipeline import StreamTail, deployed

#: Texts that something between a client and a person who reads a table might take for more than a text.
TEXTS: Final = (
    *(
        "$util.parseJson('{}')",
        "$input.path('$')",
        "#set($x = 1)$x",
        "#foreach($i in [1..9])$i#end",
        "#parse('/etc/passwd')",
    ),
    *("$context.identity.sourceIp", "${esc.hash}", "#[[quoted]]#", "#*comment", "##line", "$!{null}", "#stop", "#end"),
    *(
        "{{7*7}}",
        "${7*7}",
        "<%= 7*7 %>",
        "%{7*7}",
        "${jndi:ldap://127.0.0.1/x}",
        "$(touch /tmp/x)",
        "`id`",
        "; rm -rf /",
    ),
    *(
        "../../../../etc/passwd",
        "..\\..\\windows",
        "/raw/../warehouse",
        "%2e%2e%2f",
        "a/b/c",
        "landing_date=2020-01-01",
    ),
    *(
        "' OR '1'='1",
        "'; DROP TABLE clean_events; --",
        '"}, {"user_id": "other',
        "\\u0000",
        "\x00",
        "\r\nX: y",
        "\n{}\n",
    ),
    *('=HYPERLINK("http://a.example")', "+1+1", "@SUM(A1)", "-2+3|cmd", "\t=1"),
    *("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "javascript:alert(1)", "&lt;b&gt;", "]]>"),
    *(
        "\u202etxt.exe",
        "\ufeff",
        "\u2028",
        "\U0001f98a",
        "ﷺ" * 20,
        "a\u0301" * 30,
        "ı",
        "ß",
        "NaN",
        "null",
        "undefined",
    ),
    *("True", "__proto__", "constructor", "-0", "1e400", "0x41", "2020-13-45", "spark", "_c0", "extra"),
)
_HEADERS: Final = (
    "User-Agent",
    "Referer",
    "Cookie",
    "X-Forwarded-For",
    "X-Amzn-Trace-Id",
    "Accept",
    "Origin",
    "X-Api-Key",
)
_BOMB: Final = gzip.compress(bytes(40_000_000))
_JSON: Final = {"Content-Type": "application/json"}


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is sent, the statuses that it may have, and the events that are then in the stream, by their click_id."""

    path: str
    content: bytes
    allowed: Collection[int]
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=lambda: dict(_JSON))
    events: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class Outcome:
    """Replies by status, and what was not as promised, each as a sentence."""

    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def hostile_requests(requests: int, seed: int) -> Iterator[Request]:
    """Yield so many requests; a seed always gives the same ones, but for the time in them."""
    random = Random(seed)
    kinds = (_event, _event, _batch, _headers, _no_json, _coded, _elsewhere)
    for number in range(requests):
        yield kinds[number % len(kinds)](random, f"{seed}-{number}")


def _hostile_event(random: Random, click_id: str) -> dict[str, Any]:
    value: Any = random.choice(TEXTS)
    for _ in range(random.choice((0, 0, 0, 1, 40))):
        value = [value] if random.random() < 0.5 else {random.choice(TEXTS): value}
    return {
        "timestamp": datetime.now(UTC).isoformat(),
        "user_id": random.choice(TEXTS),
        "click_id": click_id,
        "event_name": random.choice(("Search", *TEXTS)),
        random.choice(TEXTS): value,
        "additional_data": {"product_id": random.choice(TEXTS), random.choice(TEXTS): random.choice(TEXTS)},
    }


def _event(random: Random, name: str) -> Request:
    event = _hostile_event(random, name)
    return Request(path="/events", content=_bytes(random, event), allowed={200, 403}, events={name: event})


def _batch(random: Random, name: str) -> Request:
    events = {f"{name}-{place}": _hostile_event(random, f"{name}-{place}") for place in range(random.randint(1, 5))}
    content = _bytes(random, list(events.values()))
    return Request(path="/events/batch", content=content, allowed={200, 403}, events=events)


def _bytes(random: Random, value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=random.random() < 0.5, indent=random.choice((None, 1))).encode()


def _headers(random: Random, name: str) -> Request:
    event = _hostile_event(random, name)
    printable = [text for text in TEXTS if text.isascii() and text.isprintable()]
    sent = _JSON | {random.choice(_HEADERS): random.choice(printable) for _ in range(3)}
    return Request(
        path="/events", content=_bytes(random, event), allowed={200, 403}, headers=sent, events={name: event}
    )


def _no_json(random: Random, _name: str) -> Request:
    whole = json.dumps([_hostile_event(random, "x")]).encode()
    content = random.choice(
        (
            *(whole[: random.randint(1, len(whole) - 1)], random.randbytes(200), b'{"a": \xff\xfe}', b'{"a": NaN}'),
            *(b"[" * 50_000, b'{"a":' * 50_000, b"", b"<events/>", whole + b"]", b"[]", b'{"a": 01}'),
        )
    )
    return Request(path="/events/batch", content=content, allowed={400, 403})


def _coded(random: Random, _name: str) -> Request:
    event = json.dumps(_hostile_event(random, "x")).encode()
    headers, content, status = random.choice(
        (
            ({"Content-Encoding": "gzip"}, event, {400, 415}),
            ({"Content-Encoding": "gzip"}, gzip.compress(event)[:-9], {400, 415}),
            ({"Content-Encoding": "gzip"}, _BOMB, {413}),
            ({"Content-Encoding": "br"}, event, {400, 415}),
            ({"Content-Type": "application/xml"}, event, {415}),
            ({"Content-Type": "multipart/form-data; boundary=x"}, event, {415}),
        )
    )
    return Request(path="/events", content=content, allowed={*status, 403}, headers=_JSON | headers)


def _elsewhere(random: Random, _name: str) -> Request:
    method = random.choice(("POST", "GET", "PUT", "DELETE", "PATCH"))
    path = random.choice(("/events/..%2fadmin", "/event", "/events/batch/x", "/events;a=b", "/%00", "/events/batch%0a"))
    return Request(path=path, content=b"{}", allowed={403, 404}, method=method)


def attack(api: httpx.Client, stored: Callable[[], list[dict[str, Any]]], *, requests: int, seed: int) -> Outcome:
    """Send hostile requests, one after the other; `stored` returns the stream's new records."""
    outcome = Outcome()
    expected: dict[str, Any] = {}
    for request in hostile_requests(requests, seed):
        reply = _sent(api, request)
        outcome.requests += 1
        outcome.statuses[reply.status_code] += 1
        if reply.status_code not in request.allowed:
            outcome.wrong.append(
                f"{reply.status_code} {reply.text[:200]} to {request.method} {request.content[:300]!r}"
            )
        if reply.status_code == 200:
            expected |= request.events
        if len(expected) > 500:
            _compare(expected, stored, outcome)
    _compare(expected, stored, outcome)
    return outcome


def _sent(api: httpx.Client, request: Request) -> httpx.Response:
    """Send a request, again where the stream is full."""
    while True:
        reply = api.request(request.method, request.path, content=request.content, headers=request.headers)
        if reply.status_code != 429:
            return reply


def _compare(expected: dict[str, Any], stored: Callable[[], list[dict[str, Any]]], outcome: Outcome) -> None:
    """Take the events out of `expected` that are in the stream; say what is missing, other than sent, or too much."""
    while records := stored():
        for record in records:
            event = json.loads(record["Data"])["event"]
            sent = expected.pop(event["click_id"], None)
            if event != sent:
                outcome.wrong.append(f"stored {event}, sent {sent}")
    outcome.wrong += [f"accepted, but not in the stream: {event}" for event in expected.values()]
    expected.clear()


def documented_requests(api: httpx.Client, *, examples: int) -> Outcome:
    """Send what docs/openapi.json allows and what it does not, as schemathesis draws it from the document."""
    import schemathesis
    from hypothesis import HealthCheck, given, settings

    outcome = Outcome()
    operations: Iterator[Any] = schemathesis.openapi.from_dict(openapi_document()).get_all_operations()
    for operation in (result.ok() for result in operations):
        promised = {int(status) for status in operation.definition.raw["responses"]} - {503}
        for mode in schemathesis.GenerationMode:

            def send(case: Any) -> None:
                _send_documented(api, promised, outcome, case)  # noqa: B023 (it is called at once)

            bounds = settings(
                max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck)
            )
            bounds(given(operation.as_strategy(generation_mode=mode))(send))()  # type: ignore[no-untyped-call]
    return outcome


def _send_documented(api: httpx.Client, promised: Collection[int], outcome: Outcome, case: Any) -> None:
    reply = case.call(base_url=str(api.base_url).rstrip("/"))
    outcome.requests += 1
    outcome.statuses[reply.status_code] += 1
    if reply.status_code not in promised:
        outcome.wrong.append(f"{reply.status_code} {reply.text[:200]} to {case.body!r:.300}")


def main() -> int:
    """Deploy to a local cloud of its own, attack, print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=100_000, help="how many (default 100,000)")
    parser.add_argument("--seed", type=int, default=1, help="of the requests (default 1)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, LocalCloud(Path(folder) / "cloud") as cloud:
        pipeline = deployed(Clients(cloud), cloud.endpoint_url, "hostile")
        tail = StreamTail(pipeline.clients.kinesis, pipeline.stream_name)
        wrong, part = 0, max(given.requests // 10, 1)
        with httpx.Client(base_url=pipeline.api_url, timeout=60) as api:
            for number in range(10):
                outcome = attack(api, tail.new, requests=part, seed=given.seed * 1_000 + number)
                wrong += len(outcome.wrong)
                replies = ", ".join(f"{count} × {status}" for status, count in sorted(outcome.statuses.items()))
                print(f"{(number + 1) * part:,} requests: {replies}; {_megabytes(cloud.pid)} MB", flush=True)
                print(*outcome.wrong[:3], sep="\n", end="\n" if outcome.wrong else "")
    print(f"{wrong} not as promised")
    return 1 if wrong else 0


def _megabytes(pid: int | None) -> int:
    """Return the memory that a process has, in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 // 10**6


if __name__ == "__main__":
    sys.exit(main())
