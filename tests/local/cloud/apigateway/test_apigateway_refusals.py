"""What cannot be stored, and what was not: the right status, a message that helps, never a false 200."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.local.cloud.deployed_pipeline import StreamTail

Event = dict[str, Any]

pytestmark = [pytest.mark.cloud, pytest.mark.cdk]

_JSON = {"Content-Type": "application/json"}


def _with(event: Event, **changes: Any) -> bytes:
    return json.dumps({**event, **changes}).encode()


@pytest.mark.parametrize("path", ["/events", "/events/batch"])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"click!", "not JSON", id="not-json"),
        pytest.param(b'[{"user_id": "1"}] trailing', "not JSON", id="text-after-the-value"),
        pytest.param(b'[{"user_id": "\xff\xfe"}]', "not UTF-8", id="not-utf-8"),
        pytest.param(b'[{"price": NaN}]', "NaN", id="nan"),
        pytest.param(b'[{"price": -Infinity}]', "Infinity", id="infinity"),
        pytest.param(b'[{"price": 1e999}]', "out of range", id="number-out-of-range"),
        pytest.param(b'[{"a": ' + b"[" * 1500 + b"]" * 1500 + b"}]", "nests too deep", id="deep-nesting"),
        pytest.param(b'[{"a": ' + b"[" * 200_000, "", id="very-deep-nesting"),
    ],
)
def test_what_is_no_json_is_400_with_the_reason(
    api: httpx.Client, tail: StreamTail, path: str, content: bytes, reason: str
) -> None:
    reply = api.post(path, content=content, headers=_JSON)
    assert reply.status_code == 400
    assert reply.json()["message"] == "not acceptable"
    assert reason in reply.json()["detail"]
    assert tail.new() == []


@pytest.mark.parametrize(("path", "content"), [("/events", b"[{}]"), ("/events/batch", b"{}"), ("/events/batch", b"")])
def test_a_body_for_the_other_route_is_400_and_told_the_way(
    api: httpx.Client, tail: StreamTail, path: str, content: bytes
) -> None:
    reply = api.post(path, content=content, headers=_JSON)
    assert reply.status_code == 400
    assert "POST /events takes one event, and /events/batch an array of 1 to 500" in reply.json()["detail"]
    assert tail.new() == []


@pytest.mark.parametrize("count", [0, 501, 1000, 1001, 5000])
def test_a_batch_of_a_wrong_size_is_400_and_nothing_of_it_is_stored(
    api: httpx.Client, tail: StreamTail, event: Event, count: int
) -> None:
    reply = api.post("/events/batch", json=[{"user_id": event["user_id"]}] * count)
    assert (reply.status_code, reply.json()["message"]) == (400, "not acceptable")
    assert "1 to 500 events" in reply.json()["detail"]
    assert tail.new() == []


def test_a_single_event_of_two_megabytes_is_413(api: httpx.Client, tail: StreamTail, event: Event) -> None:
    reply = api.post("/events", json={**event, "padding": "x" * 2_000_000})
    assert (reply.status_code, reply.json()["message"]) == (413, "too large")
    assert "1024000 bytes" in reply.json()["detail"]
    assert tail.new() == []


def test_more_than_ten_megabytes_are_413(api: httpx.Client) -> None:
    reply = api.post("/events/batch", content=b" " * (10 * 2**20 + 1), headers=_JSON)
    assert (reply.status_code, reply.json()["message"]) == (413, "too large")


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_another_media_type_is_415(api: httpx.Client, event: Event, media_type: str) -> None:
    reply = api.post("/events", content=_with(event), headers={"Content-Type": media_type})
    assert (reply.status_code, reply.json()["message"]) == (415, "wrong Content-Type or Content-Encoding")
    assert "application/json" in reply.json()["detail"]


@pytest.mark.parametrize("media_type", [None, "application/json; charset=utf-8", "Application/JSON"])
def test_json_by_any_spelling_or_by_default_is_taken(api: httpx.Client, event: Event, media_type: str | None) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    assert api.post("/events", content=_with(event), headers=headers).status_code == 200


def test_a_pixel_is_refused_in_words(api: httpx.Client, tail: StreamTail, event: Event) -> None:
    reply = api.get("/events", params=event | {"additional_data": "{}"})
    assert reply.status_code == 404
    assert "a GET, as by a tracking pixel, stores nothing" in reply.json()["detail"]
    assert tail.new() == []


@pytest.mark.parametrize(("method", "path"), [("POST", "/event"), ("PUT", "/events"), ("POST", "/")])
def test_what_is_not_served_is_404(api: httpx.Client, method: str, path: str) -> None:
    reply = api.request(method, path)
    assert (reply.status_code, reply.json()["message"]) == (404, "not found")


def test_a_full_shard_is_429_with_retry_after_and_the_fate_of_each_event(
    crowded_api: httpx.Client, crowded_tail: StreamTail, event: Event
) -> None:
    batch = [{**event, "click_id": str(number)} for number in range(500)]
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda _: crowded_api.post("/events/batch", json=batch), range(40)))
    statuses = {reply.status_code for reply in replies}
    assert statuses <= {200, 207, 429}
    assert 429 in statuses
    accepted = 0
    for reply in replies:
        body = reply.json()
        fates = [entry["status"] for entry in body["events"]]
        assert len(fates) == 500
        assert set(fates) <= {"accepted", "throttled"}
        assert (fates.count("accepted"), fates.count("throttled")) == (body["accepted"], body["failed"])
        assert ("Retry-After" in reply.headers) == (body["failed"] > 0)
        assert reply.status_code == (200 if not body["failed"] else 207 if body["accepted"] else 429)
        accepted += body["accepted"]
    assert len(crowded_tail.read(accepted)) == accepted
    assert crowded_tail.new() == []


def test_a_single_event_for_a_full_shard_is_429(crowded_api: httpx.Client, event: Event) -> None:
    # Two of them are more than the megabyte that a shard takes in a second.
    large = {**event, "padding": "x" * 900_000}
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda _: crowded_api.post("/events", json=large), range(12)))
    throttled = [reply for reply in replies if reply.status_code == 429]
    assert throttled
    assert {reply.status_code for reply in replies} <= {200, 429}
    assert throttled[0].json()["events"] == [{"status": "throttled"}]
    assert int(throttled[0].headers["Retry-After"]) >= 1
