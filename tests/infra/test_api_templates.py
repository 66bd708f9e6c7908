"""The API's own templates against scripted answers of Kinesis: which status, which body, what stays behind."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.envelope import ENVELOPE_FIELDS, TOO_LARGE_FIELD, Stamp, envelope_line
from contracts.event import MAX_LINE_BYTES
from contracts.rejections import RejectionReason
from infra.api_templates import batch_templates, single_event_templates
from local.cloud.apigateway.body import JsonBody
from local.cloud.apigateway.vtl import compiled
from local.cloud.apigateway.vtl_values import Input, Parameters, ResponseOverride, Util
from spark_jobs.validation.line import Rejected, validate_line
from tests.infra.api_settings import api_settings

Event = dict[str, Any]

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
_NUMBERS = st.integers(-(10**300), 10**300) | st.floats(allow_nan=False, allow_infinity=False)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)
LARGE: Event = {"user_id": "a", "x": "y" * 1_100_000}

SINGLE = single_event_templates("events", api_settings())
BATCH = batch_templates("events", api_settings())

STORED = {"SequenceNumber": "1", "ShardId": "shardId-000000000000"}
THROTTLED = {
    "ErrorCode": "ProvisionedThroughputExceededException",
    "ErrorMessage": "Rate exceeded for shard shardId-0 in stream events under account 123456789012.",
}
FAILED = {"ErrorCode": "InternalFailure", "ErrorMessage": "Internal service failure."}
CONTEXT: Event = {
    "extendedRequestId": "JKJaXmPLvHcESHA=",
    "requestTimeEpoch": 1626091318732,
    "identity": {"sourceIp": "203.0.113.7", "userAgent": 'Mozilla/5.0 (it\'s "quoted")'},
}


def reply(template: str, answer: Any, records: Sequence[int] | None = None) -> tuple[int | None, dict[str, str], Any]:
    """Status override, headers and body of a reply to what Kinesis answered; `records` is that of each event."""
    override = ResponseOverride()
    numbers = range(len(answer.get("Records", ()))) if records is None else records
    names = {
        "input": Input(JsonBody(json.dumps(answer).encode())),
        "util": Util(),
        "context": {
            **CONTEXT,
            "requestOverride": {"path": {"records": ",".join(map(str, numbers))}},
            "responseOverride": override,
        },
    }
    text = compiled(template).render(names)
    assert "123456789012" not in text
    return override.status, override.headers, json.loads(text)


def request(template: str, body: bytes) -> Any:
    return rendered(template, body)[0]


def rendered(template: str, body: bytes) -> tuple[Any, list[int]]:
    """Return a call of Kinesis, and the number of each event's record."""
    path: dict[str, str] = {}
    context = {**CONTEXT, "requestOverride": {"path": path}}
    call = json.loads(compiled(template).render({"input": Input(JsonBody(body)), "util": Util(), "context": context}))
    return call, json.loads(f"[{path.get('records', '')}]")


def lines(record: Event) -> list[Event]:
    """Return the lines of a record, each as JSON."""
    return [json.loads(line) for line in base64.b64decode(record["Data"]).splitlines()]


def put_records_answer(*results: Event) -> Event:
    return {"FailedRecordCount": sum("ErrorCode" in result for result in results), "Records": list(results)}


@pytest.mark.parametrize(
    ("results", "status", "fates"),
    [
        pytest.param([STORED, STORED], None, ["accepted", "accepted"], id="all-stored-is-200"),
        pytest.param([THROTTLED, STORED], 207, ["throttled", "accepted"], id="some-stored-is-207"),
        pytest.param([STORED, FAILED, THROTTLED], 207, ["accepted", "failed", "throttled"], id="in-order"),
        pytest.param([THROTTLED, THROTTLED], 429, ["throttled", "throttled"], id="all-throttled-is-429"),
        pytest.param([FAILED, THROTTLED], 429, ["failed", "throttled"], id="none-stored-one-throttled-is-429"),
        pytest.param([FAILED], 503, ["failed"], id="all-failed-is-503"),
    ],
)
def test_a_batch_answers_each_events_fate(results: list[Event], status: int | None, fates: list[str]) -> None:
    override, headers, body = reply(BATCH.stored, put_records_answer(*results))
    assert override == status
    assert [entry["status"] for entry in body["events"]] == fates
    assert (body["accepted"], body["failed"]) == (fates.count("accepted"), len(fates) - fates.count("accepted"))
    assert ("Retry-After" in headers) == (status is not None) == ("message" in body)


@pytest.mark.parametrize("templates", [SINGLE, BATCH], ids=["single", "batch"])
@pytest.mark.parametrize(
    ("kind", "message", "status"),
    [
        ("ProvisionedThroughputExceededException", "Rate exceeded under account 123456789012", 429),
        ("com.amazonaws.kinesis#ProvisionedThroughputExceededException", None, 429),
        ("ValidationException", "Value at 'records' failed to satisfy constraint: length at most 500", 400),
        ("ValidationException", "Value null at 'records.3.member.data' failed to satisfy constraint", 413),
        ("ValidationException", "Value null at 'data' failed to satisfy constraint: Member must not be null", 413),
        ("InvalidArgumentException", "Records size exceeds 10 MB limit", 413),
        ("InvalidArgumentException", "ExplicitHashKey", 400),
        ("ResourceNotFoundException", "Stream events under account 123456789012 not found.", 503),
        ("AccessDeniedException", "User arn:aws:iam::123456789012 is not authorized", 503),
        ("KMSThrottlingException", None, 503),
        (None, None, 503),
    ],
)
def test_a_refusal_of_kinesis_is_the_clients_fault_only_when_it_is(
    templates: Any, kind: str, message: str | None, status: int | None
) -> None:
    override, headers, body = reply(templates.refused, {"__type": kind, "message": message})
    assert override == status
    assert body["message"]
    assert body["detail"].startswith("nothing was stored")
    assert ("Retry-After" in headers) == (status == 429)


def test_a_throttled_single_event_is_named() -> None:
    _, _, body = reply(SINGLE.refused, {"__type": "ProvisionedThroughputExceededException"})
    assert (body["accepted"], body["failed"], body["events"]) == (0, 1, [{"status": "throttled"}])


def test_a_stored_single_event_has_the_shape_of_a_batch_of_one() -> None:
    assert reply(SINGLE.stored, STORED) == reply(BATCH.stored, put_records_answer(STORED))


def test_the_edge_writes_the_contracts_envelope_byte_for_byte() -> None:
    event = b'{"user_id":"35","price":1.5}'
    put = request(SINGLE.request, event)
    stamp = Stamp(
        received_at=CONTEXT["requestTimeEpoch"],
        request_id=CONTEXT["extendedRequestId"],
        source_ip=CONTEXT["identity"]["sourceIp"],
        user_agent=CONTEXT["identity"]["userAgent"],
    )
    data = base64.b64decode(put.pop("Data"))
    # Velocity's escaping writes a slash as \/, which is the same JSON.
    assert data.replace(b"\\/", b"/") == envelope_line(stamp, event)
    assert put == {"StreamName": "events", "PartitionKey": "35"}


def test_events_of_a_visitor_that_share_a_record_share_its_fate() -> None:
    override, _, body = reply(BATCH.stored, put_records_answer(STORED, THROTTLED), records=[0, 0, 1, 1, 1])
    assert override == 207
    assert [entry["status"] for entry in body["events"]] == ["accepted"] * 2 + ["throttled"] * 3
    assert (body["accepted"], body["failed"]) == (2, 3)


def test_events_of_one_visitor_that_follow_each_other_are_lines_of_one_record() -> None:
    events: list[Event] = [{"user_id": "b"}, {"user_id": "b", "x": [1, 2]}, {"user_id": "a"}, {"user_id": "b"}]
    put, records = rendered(BATCH.request, json.dumps(events).encode())
    assert [record["PartitionKey"] for record in put["Records"]] == ["b", "a", "b"]
    assert [[line["event"] for line in lines(record)] for record in put["Records"]] == [
        events[:2],
        events[2:3],
        events[3:],
    ]
    assert records == [0, 0, 1, 2]
    assert base64.b64decode(put["Records"][0]["Data"]).endswith(b"}\n")


def test_a_visitors_events_begin_another_record_before_firehoses_limit() -> None:
    event = {"user_id": "a", "x": "é" * 150_000}
    put, records = rendered(BATCH.request, json.dumps([event] * 7).encode())
    sizes = [len(base64.b64decode(record["Data"])) for record in put["Records"]]
    assert records == [0, 0, 0, 1, 1, 1, 2]
    assert max(sizes) < MAX_LINE_BYTES
    assert [len(lines(record)) for record in put["Records"]] == [3, 3, 1]


@given(st.lists(st.tuples(st.sampled_from(["a", "b", 3, "3", None, "", "x" * 257]), _TEXT), max_size=12))
def test_a_batchs_lines_in_their_order_are_those_of_its_events_one_by_one(sent: list[tuple[Any, str]]) -> None:
    events = [{"user_id": user, "click_id": str(place), "x": text} for place, (user, text) in enumerate(sent)]
    put, records = rendered(BATCH.request, json.dumps(events).encode())
    alone = [request(BATCH.request, json.dumps([event]).encode())["Records"][0] for event in events]
    assert b"".join(base64.b64decode(record["Data"]) for record in put["Records"]) == b"".join(
        base64.b64decode(record["Data"]) for record in alone
    )
    keys = [put["Records"][number]["PartitionKey"] for number in records]
    assert len(records) == len(events)
    assert all(
        key == one["PartitionKey"] or key.startswith(CONTEXT["extendedRequestId"])
        for key, one in zip(keys, alone, strict=True)
    )


def test_more_events_than_kinesis_takes_become_none_not_broken_json() -> None:
    assert request(BATCH.request, json.dumps([{"user_id": "a"}] * 1001).encode())["Records"] == []


def test_a_single_event_above_firehoses_limit_has_no_data_so_that_kinesis_refuses_it() -> None:
    assert "Data" not in request(SINGLE.request, json.dumps(LARGE).encode())


def test_in_a_batch_a_line_that_says_so_takes_the_place_of_an_event_above_firehoses_limit() -> None:
    records = request(BATCH.request, json.dumps([{"user_id": "b"}, LARGE, {"user_id": "c"}]).encode())["Records"]
    assert [record["PartitionKey"] for record in records] == ["b", "a", "c"]
    line = base64.b64decode(records[1]["Data"])
    assert line.endswith(b"}\n")
    said = json.loads(line)
    size = len(json.dumps(LARGE, separators=(",", ":")))
    assert list(said) == [*ENVELOPE_FIELDS, TOO_LARGE_FIELD, "partition_key"]
    assert (said["event"], said[TOO_LARGE_FIELD], said["partition_key"]) == (None, size, "a")
    outcome = validate_line(line.rstrip(b"\n"))
    assert isinstance(outcome, Rejected)
    assert outcome.rejection_reason is RejectionReason.TOO_LARGE
    assert '"a"' in outcome.detail


@pytest.mark.parametrize(
    ("event", "key"),
    [
        pytest.param({"user_id": "35", "anonymous_id": "x"}, "35", id="text"),
        pytest.param({"user_id": 35}, "35", id="whole-number"),
        pytest.param({"user_id": -1.5}, "-1.5", id="any-number"),
        pytest.param({"user_id": 0}, "0", id="zero"),
        pytest.param({"user_id": '\u00fc\U0001f98a"\\/\n'}, '\u00fc\U0001f98a"\\/\n', id="hostile-text"),
        pytest.param({"user_id": "x" * 256}, "x" * 256, id="longest"),
        pytest.param({"user_id": None, "anonymous_id": "x"}, "x", id="anonymous-for-null"),
        pytest.param({"user_id": "", "anonymous_id": "x"}, "x", id="anonymous-for-nothing"),
        pytest.param({"anonymous_id": 7}, "7", id="anonymous-number"),
        pytest.param({"user_id": "x" * 257, "anonymous_id": "x"}, None, id="too-long"),
        pytest.param({"user_id": "\U0001f98a" * 129}, None, id="too-long-for-java"),
        pytest.param({"user_id": 10**256}, None, id="too-many-digits"),
        pytest.param({"user_id": True}, None, id="boolean"),
        pytest.param({"user_id": {"id": "1"}}, None, id="object"),
        pytest.param({"user_id": ["1"], "anonymous_id": "x"}, None, id="array"),
        pytest.param({}, None, id="no-id"),
        pytest.param([], None, id="an-array"),
        pytest.param("user_id", None, id="a-string"),
        pytest.param(5, None, id="a-number"),
        pytest.param(False, None, id="a-boolean"),
        pytest.param(None, None, id="null"),
    ],
)
def test_every_event_has_a_partition_key_that_kinesis_takes_and_both_routes_give_the_same(
    event: Any, key: str | None
) -> None:
    alone = request(SINGLE.request, json.dumps(event).encode())
    (record,) = request(BATCH.request, json.dumps([event]).encode())["Records"]
    assert alone["PartitionKey"] == record["PartitionKey"] == (key or f"{CONTEXT['extendedRequestId']}-0")
    # Of an element that is null, $input.json() says "", as of one that is not there; that is no object either.
    assert alone["Data"] == record["Data"] or event is None


@given(event=JSON_VALUES, user_id=JSON_VALUES, anonymous_id=JSON_VALUES)
def test_any_event_has_a_key_and_a_line_and_both_routes_store_the_same(
    event: Any, user_id: Any, anonymous_id: Any
) -> None:
    if isinstance(event, dict):
        event = {**event, "user_id": user_id, "anonymous_id": anonymous_id}
    alone = request(SINGLE.request, json.dumps(event).encode())
    (record,) = request(BATCH.request, json.dumps([event]).encode())["Records"]
    assert 1 <= len(record["PartitionKey"].encode("utf-16-le")) // 2 <= 256
    assert alone["PartitionKey"] == record["PartitionKey"]
    line = base64.b64decode(record["Data"])
    assert (line.count(b"\n"), line[-1:]) == (1, b"\n")
    if event is not None:
        assert alone["Data"] == record["Data"]
        assert json.loads(line)["event"] == event


def test_events_without_a_user_are_spread_over_the_shards() -> None:
    records = request(BATCH.request, b"[1,2,3]")["Records"]
    assert len({record["PartitionKey"] for record in records}) == 3


@pytest.mark.parametrize(
    ("behind_proxy", "headers", "address"),
    [
        (True, {"X-Visitor-Address": "198.51.100.4"}, "198.51.100.4"),
        (True, {"x-visitor-address": "198.51.100.4"}, "198.51.100.4"),
        (True, {"x-visitor-address": '","event":{},"x":"'}, '","event":{},"x":"'),
        (True, {}, "203.0.113.7"),
        (False, {"x-visitor-address": "198.51.100.4"}, "203.0.113.7"),
    ],
)
def test_the_visitors_address_is_the_proxys_word_only_where_there_is_a_proxy(
    behind_proxy: bool, headers: dict[str, str], address: str
) -> None:
    made = single_event_templates("events", api_settings(behind_proxy=behind_proxy))
    given = Input(JsonBody(b"{}"), Parameters(headers=headers))
    text = compiled(made.request).render({"input": given, "util": Util(), "context": CONTEXT})
    assert json.loads(base64.b64decode(json.loads(text)["Data"]))["source_ip"] == address
