"""Compressed bodies: unpacked as API Gateway does it, never beyond its limit."""

import gzip
import json
import zlib
from typing import Any

import httpx
import pytest

from infra.api_templates import single_event_templates
from local.cloud.apigateway.encoding import decoded
from local.cloud.apigateway.faults import GatewayError
from local.cloud.process import LocalCloud
from tests.infra.api_settings import api_settings
from tests.local.cloud.apigateway.test_apigateway_recorded import HandMadeApi
from tests.local.cloud.deployed_pipeline import StreamTail, envelopes

Event = dict[str, Any]

pytestmark = [pytest.mark.cloud, pytest.mark.cdk]

_MOST = 10 * 2**20


def _headers(coding: str) -> dict[str, str]:
    return {"Content-Type": "application/json", "Content-Encoding": coding}


@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("deflate", zlib.compress),
        ("identity", bytes),
        ("gzip", lambda body: gzip.compress(body[:9]) + gzip.compress(body[9:])),
    ],
)
def test_a_packed_event_is_stored_as_the_plain_one(
    api: httpx.Client, tail: StreamTail, event: Event, coding: str, pack: Any
) -> None:
    body = json.dumps([event]).encode()
    reply = api.post("/events/batch", content=pack(body), headers=_headers(coding))
    assert (reply.status_code, reply.json()["accepted"]) == (200, 1)
    assert envelopes(tail.read(1))[0]["event"] == event


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        pytest.param("br", b"x", id="another-coding"),
        pytest.param("gzip, gzip", gzip.compress(gzip.compress(b"{}")), id="two-codings"),
        pytest.param("gzip", b"{}", id="plain-text"),
        pytest.param("gzip", b"", id="nothing"),
        pytest.param("gzip", gzip.compress(b'{"user_id":"1"}')[:-3], id="cut"),
        pytest.param("gzip", gzip.compress(b"{}") + b"rest", id="text-behind"),
        pytest.param("gzip", gzip.compress(b"") * 200_000, id="a-chain-of-nothing"),
        pytest.param("deflate", gzip.compress(b"{}"), id="gzip-as-deflate"),
    ],
)
def test_what_is_not_packed_as_it_says_is_415_and_told_what_to_send(
    api: httpx.Client, tail: StreamTail, coding: str, body: bytes
) -> None:
    reply = api.post("/events", content=body, headers=_headers(coding))
    assert (reply.status_code, reply.json()["message"]) == (415, "wrong Content-Type or Content-Encoding")
    assert "Content-Encoding: gzip or deflate" in reply.json()["detail"]
    assert tail.new() == []


def test_a_bomb_is_413(api: httpx.Client) -> None:
    reply = api.post("/events", content=gzip.compress(b" " * 500_000_000, 1), headers=_headers("gzip"))
    assert (reply.status_code, reply.json()["message"]) == (413, "too large")
    assert "unpacked" in reply.json()["detail"]


@pytest.mark.parametrize("members", [1, 2])
def test_the_limit_is_of_the_unpacked_body_to_the_byte(members: int) -> None:
    part = b"x" * (_MOST // members)
    assert len(decoded(gzip.compress(part) * members, "gzip", most=_MOST)) == _MOST
    with pytest.raises(GatewayError, match="REQUEST_TOO_LARGE"):
        decoded(gzip.compress(part) * members + gzip.compress(b"x"), "gzip", most=_MOST)


def test_a_body_below_the_apis_minimum_is_not_unpacked(local_cloud: LocalCloud, clients: Any, name: str) -> None:
    made = single_event_templates(name, api_settings())
    url = HandMadeApi(clients, local_cloud.endpoint_url, made.action, made.request, [("", "503", "")]).deploy()
    body = gzip.compress(b'{"user_id":"1"}')
    assert httpx.post(url, content=body, headers=_headers("gzip")).status_code == 503
    api_id = url.split("/restapis/")[1].split("/")[0]
    minimum = {"op": "replace", "path": "/minimumCompressionSize", "value": str(len(body) + 1)}
    clients.apigateway.update_rest_api(restApiId=api_id, patchOperations=[minimum])
    assert httpx.post(url, content=body, headers=_headers("gzip")).status_code == 400
