"""The deployed API, over HTTP: what is stored, and what a client can put into the envelope."""

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.envelope import ENVELOPE_FIELDS
from contracts.event import MAX_LINE_BYTES
from contracts.names import EnvironmentNames
from pages.lake.accepted import AcceptedReader
from tests.local.cloud.deployed_pipeline import DeployedPipeline, StreamTail, envelopes

Event = dict[str, Any]

pytestmark = [pytest.mark.cloud, pytest.mark.cdk]

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_NUMBERS = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
_JSON = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)
#: What a header value may hold on the wire.
_HEADER_BYTES = st.lists(st.integers(0x21, 0xFF).filter(lambda byte: byte != 0x7F), min_size=1, max_size=40).map(bytes)
_OVER_THE_SERVER = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_an_accepted_event_is_in_the_stream_once_in_its_envelope(
    api: httpx.Client, tail: StreamTail, event: Event
) -> None:
    before = time.time_ns() // 1_000_000
    reply = api.post("/events", json=event, headers={"User-Agent": "browser/1"})
    assert (reply.status_code, reply.json()) == (200, {"accepted": 1, "failed": 0, "events": [{"status": "accepted"}]})
    (record,) = tail.read(1)
    (envelope,) = envelopes([record])
    assert tuple(envelope) == ENVELOPE_FIELDS
    assert envelope["event"] == event
    assert record["PartitionKey"] == event["user_id"]
    assert (envelope["source_ip"], envelope["user_agent"]) == ("127.0.0.1", "browser/1")
    assert before <= envelope["received_at"] <= time.time_ns() // 1_000_000
    assert envelope["request_id"] == reply.headers["x-amz-apigw-id"]
    assert tail.new() == []


def test_a_batch_is_stored_in_its_order_under_one_request(api: httpx.Client, tail: StreamTail, event: Event) -> None:
    events = [{**event, "click_id": str(number)} for number in range(500)]
    reply = api.post("/events/batch", json=events)
    assert (reply.status_code, reply.json()["accepted"], len(reply.json()["events"])) == (200, 500, 500)
    stored = envelopes(tail.read(500))
    assert [envelope["event"]["click_id"] for envelope in stored] == [str(number) for number in range(500)]
    assert len({envelope["request_id"] for envelope in stored}) == 1


def test_cloudwatch_counts_requests_what_of_them_was_refused_and_records(
    pipeline: DeployedPipeline, api: httpx.Client, tail: StreamTail, event: Event
) -> None:
    day = datetime.now(tz=UTC).date()
    # A clock that is a minute later at each look has it asked each time.
    later = partial(next, count(0, 61))
    names = EnvironmentNames(environment="apitests")
    reader = AcceptedReader(names, cloudwatch=pipeline.clients.cloudwatch, seconds=later)

    def counted() -> list[int]:
        # A test that begins before midnight may end after it.
        days = [reader.of(day), reader.of(day + timedelta(days=1))]
        return [
            sum(of_day.sum_of(name) or 0 for of_day in days) for name in ("requests", "refused", "failed", "records")
        ]

    before = counted()
    assert api.post("/events/batch", json=[event, event, {**event, "user_id": "another"}]).status_code == 200
    assert api.post("/events", content="not json").status_code == 400
    tail.read(3)
    assert [now - then for now, then in zip(counted(), before, strict=True)] == [2, 1, 0, 2]


@pytest.mark.parametrize("bad", [{}, {"user_id": ""}, {"user_id": "x" * 257}, {"user_id": {}}, [], [[]], "x", 5, None])
def test_a_bad_event_is_stored_by_either_route_and_costs_its_neighbours_nothing(
    api: httpx.Client, tail: StreamTail, event: Event, bad: Any
) -> None:
    reply = api.post("/events/batch", json=[event, bad, event])
    assert (reply.status_code, reply.json()["accepted"]) == (200, 3)
    stored = [envelope["event"] for envelope in envelopes(tail.read(3))]
    assert stored.count(event) == 2
    if not isinstance(bad, list):
        assert api.post("/events", json=bad).status_code == 200
        assert len(tail.read(1)) == 1


def test_an_event_that_is_too_large_is_named_in_the_stream_and_costs_its_neighbours_nothing(
    api: httpx.Client, tail: StreamTail, event: Event
) -> None:
    reply = api.post("/events/batch", json=[event, {**event, "padding": "x" * 2_000_000}, event])
    assert (reply.status_code, [entry["status"] for entry in reply.json()["events"]]) == (200, ["accepted"] * 3)
    stored = envelopes(tail.read(3))
    assert sorted(envelope["event"] is None for envelope in stored) == [False, False, True]
    (named,) = (envelope for envelope in stored if envelope["event"] is None)
    assert named["too_large"] > 2_000_000
    assert named["partition_key"] == event["user_id"]


def test_line_breaks_between_tokens_do_not_break_the_line(api: httpx.Client, tail: StreamTail, event: Event) -> None:
    assert api.post("/events", content=json.dumps(event, indent=1).replace("\n", "\r\n")).status_code == 200
    assert envelopes(tail.read(1))[0]["event"] == event


@given(extra=st.dictionaries(_TEXT, _JSON, max_size=4), user_id=_TEXT.filter(bool))
@_OVER_THE_SERVER
def test_any_json_event_comes_back_as_it_was_posted(
    api: httpx.Client, tail: StreamTail, event: Event, extra: Event, user_id: str
) -> None:
    sent = {**event, "user_id": user_id, "extra": extra}
    reply = api.post("/events/batch", content=json.dumps([sent]), headers={"Content-Type": "application/json"})
    assert reply.status_code == 200
    (record,) = tail.read(1)
    assert envelopes([record])[0]["event"] == sent
    assert record["PartitionKey"] == user_id


@given(user_agent=_HEADER_BYTES)
@_OVER_THE_SERVER
def test_nothing_can_be_injected_through_a_header(
    api: httpx.Client, tail: StreamTail, event: Event, user_agent: Any
) -> None:
    forged = {"User-Agent": user_agent, "X-Forwarded-For": "6.6.6.6", "x-amzn-RequestId": "mine"}
    assert api.post("/events", json=event, headers=forged).status_code == 200
    (envelope,) = envelopes(tail.read(1))
    assert envelope["user_agent"] == user_agent.decode("latin-1")
    assert tuple(envelope) == ENVELOPE_FIELDS
    assert envelope["source_ip"] == "127.0.0.1"
    assert envelope["request_id"] != "mine"
    assert envelope["event"] == event


@pytest.mark.parametrize(
    "user_agent", ["'", '"', "\\", '","event":{},"x":"', "$context.stage", "${q}#end", "</script>", "a\tb"]
)
def test_a_hostile_user_agent_stays_text(api: httpx.Client, tail: StreamTail, event: Event, user_agent: Any) -> None:
    assert api.post("/events", json=event, headers={"User-Agent": user_agent}).status_code == 200
    assert envelopes(tail.read(1))[0]["user_agent"] == user_agent


def test_the_edge_refuses_a_line_that_firehose_would_drop_and_stores_the_next_smaller(
    crowded_api: httpx.Client, crowded_tail: StreamTail, event: Event
) -> None:
    def posted(size: int) -> int:
        """The status, once the shard has room for a line of a megabyte again."""
        deadline = time.monotonic() + 20
        while True:
            status = crowded_api.post("/events", json={**event, "padding": "x" * size}).status_code
            if status != 429 or time.monotonic() > deadline:
                return status

    assert posted(0) == 200
    around = len(crowded_tail.read(1)[0]["Data"])
    # Slashes in a request's id are escaped, so that two lines differ in length by a few bytes.
    few = 20
    assert posted(MAX_LINE_BYTES - around + few) == 413
    assert posted(MAX_LINE_BYTES - around - few) == 200
    assert MAX_LINE_BYTES - 2 * few < len(crowded_tail.read(1)[0]["Data"]) < MAX_LINE_BYTES


def test_requests_on_one_connection_and_on_many_are_all_answered(
    pipeline: DeployedPipeline, tail: StreamTail, event: Event
) -> None:
    replies: list[int] = []

    def post() -> None:
        with httpx.Client(base_url=pipeline.api_url, timeout=40) as client:
            replies.extend(client.post("/events", json=event).status_code for _ in range(20))

    threads = [threading.Thread(target=post) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert replies == [200] * 160
    assert len(tail.read(160)) == 160


def test_letters_beyond_ascii_stay_as_they_are(api: httpx.Client, tail: StreamTail, event: Event) -> None:
    assert api.post("/events", json={**event, "query": "Füße 🦊"}).status_code == 200
    assert "Füße 🦊".encode() in tail.read(1)[0]["Data"]
