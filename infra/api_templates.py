"""Limits from the contract → the texts that API Gateway renders: calls of Kinesis, and replies to clients.

A template file holds `@@NAME@@` where a number or a name goes in; everything else in it is Velocity. This module does
not import CDK, so that tests can render the templates without Node.
"""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from contracts.envelope import TOO_LARGE_FIELD
from contracts.event import MAX_BATCH_EVENTS, MAX_LINE_BYTES
from infra.cors import gateway_headers, reply_template
from infra.proxies import VISITOR_ADDRESS_HEADER
from infra.settings import ApiSettings, CorsSettings

RETRY_AFTER_SECONDS: Final = 1
#: Base64 writes three bytes as four characters; a line of exactly the largest allowed size is refused too.
MAX_DATA_LENGTH: Final = (MAX_LINE_BYTES - 1) // 3 * 4
#: Kinesis's limit of a partition key (docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecord.html).
MAX_KEY_LENGTH: Final = 256

_TEMPLATES: Final = Path(__file__).with_name("templates")
_PLACEHOLDER: Final = re.compile(r"@@([A-Z_]+)@@")
_ONE_STORED: Final = '{"accepted":1,"failed":0,"events":[{"status":"accepted"}]}\n'
_ONE_THROTTLED: Final = ',"accepted":0,"failed":1,"events":[{"status":"throttled"}]'
_ONE_FAILED: Final = ',"accepted":0,"failed":1,"events":[{"status":"failed"}]'
_LATER: Final = "nothing was stored; send it again later"


@dataclass(frozen=True, kw_only=True)
class RouteTemplates:
    """The four texts of a route: its call of Kinesis, and its replies to a 200, to a 400 and to any other status."""

    action: str
    request: str
    stored: str
    refused: str
    unavailable: str


def single_event_templates(stream_name: str, settings: ApiSettings) -> RouteTemplates:
    """Return the templates of `POST /events`."""
    allowed = reply_template(settings.cors)
    return RouteTemplates(
        action="PutRecord",
        request=_filled(
            "put_record",
            STAMP=_stamp(settings),
            EVENT_LINE=_event_line(at="$", index="0"),
            STREAM_NAME=stream_name,
            MAX_DATA_LENGTH=MAX_DATA_LENGTH,
        ),
        stored=allowed + _ONE_STORED,
        refused=allowed
        + _filled(
            "refused",
            RETRY_AFTER=RETRY_AFTER_SECONDS,
            THROTTLED_EVENTS=_ONE_THROTTLED,
            SIZE_LIMIT=f"an event with what the server adds must be below {MAX_LINE_BYTES} bytes",
            CONTENT_LIMIT="send one event as JSON",
        ),
        unavailable=allowed + _unavailable(_ONE_FAILED),
    )


def batch_templates(stream_name: str, settings: ApiSettings) -> RouteTemplates:
    """Return the templates of `POST /events/batch`."""
    allowed = reply_template(settings.cors)
    return RouteTemplates(
        action="PutRecords",
        request=_filled(
            "put_records",
            STAMP=_stamp(settings),
            EVENT_LINE=_event_line(at="$[$foreach.index]", index="$foreach.index"),
            STREAM_NAME=stream_name,
            MAX_DATA_LENGTH=MAX_DATA_LENGTH,
            MAX_EVENTS=MAX_BATCH_EVENTS,
            TOO_LARGE=TOO_LARGE_FIELD,
        ),
        stored=allowed + _filled("batch_stored", RETRY_AFTER=RETRY_AFTER_SECONDS),
        refused=allowed
        + _filled(
            "refused",
            RETRY_AFTER=RETRY_AFTER_SECONDS,
            THROTTLED_EVENTS="",
            SIZE_LIMIT="a batch with what the server adds to each event must be below 10 MiB",
            CONTENT_LIMIT=f"a batch has 1 to {MAX_BATCH_EVENTS} events",
        ),
        unavailable=allowed + _unavailable(""),
    )


@dataclass(frozen=True)
class GatewayReply:
    """What API Gateway answers by itself, before or instead of a call of Kinesis.

    `response_type` is API Gateway's name of the case; a status of None keeps API Gateway's own (the DEFAULT_ types have
    many). Gateway responses know plain variables only, no Velocity.
    """

    response_type: str
    status: int | None
    message: str
    detail: str
    headers: dict[str, str] = field(default_factory=dict)


def gateway_replies(cors: CorsSettings) -> tuple[GatewayReply, ...]:
    """Return every gateway response of the API, in the shape of its other replies and with their headers.

    Whether AWS escapes the quotes inside `validationErrorString` has not been seen on a real account: a client must
    take `detail` as text for people.
    """
    full = "nothing was stored; send it again after the seconds in Retry-After"
    retry_after = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    large = f"a request has at most 10 MB, unpacked; send batches of at most {MAX_BATCH_EVENTS} events"
    events = f"POST /events takes one event, and /events/batch an array of 1 to {MAX_BATCH_EVENTS}"
    headed = "send JSON with Content-Type: application/json, as it is or with Content-Encoding: gzip or deflate"
    routes = "there are POST /events and POST /events/batch; a GET, as by a tracking pixel, stores nothing"
    attack = "the request looks like an attack, or its address sends too many"
    unavailable = "the stream is not available"
    replies = (
        GatewayReply("BAD_REQUEST_BODY", 400, "not acceptable", f"$context.error.validationErrorString; {events}"),
        GatewayReply("REQUEST_TOO_LARGE", 413, "too large", large),
        GatewayReply("UNSUPPORTED_MEDIA_TYPE", 415, "wrong Content-Type or Content-Encoding", headed),
        GatewayReply("THROTTLED", 429, "too many requests", full, retry_after),
        GatewayReply("QUOTA_EXCEEDED", 429, "too many requests", full, retry_after),
        GatewayReply("WAF_FILTERED", 403, "refused by the firewall", attack),
        GatewayReply("MISSING_AUTHENTICATION_TOKEN", 404, "not found", routes),
        GatewayReply("INTEGRATION_FAILURE", 503, unavailable, _LATER),
        GatewayReply("INTEGRATION_TIMEOUT", 503, unavailable, _LATER),
        GatewayReply("DEFAULT_4XX", None, "refused", "$context.error.responseType"),
        GatewayReply("DEFAULT_5XX", None, "internal error", _LATER),
    )
    return tuple(replace(reply, headers=gateway_headers(cors) | reply.headers) for reply in replies)


def _stamp(settings: ApiSettings) -> str:
    """Return the beginning of the envelope, with the address of the sender, or of the visitor that a proxy names."""
    address = _filled("sender_address")
    if settings.behind_proxy:
        header = VISITOR_ADDRESS_HEADER
        address = _filled("visitor_address", HEADER=header, LOWER_HEADER=header.lower())
    return _filled("stamp", ADDRESS=address)


def _event_line(*, at: str, index: str) -> str:
    return _filled("event_line", AT=at, INDEX=index, MAX_KEY=MAX_KEY_LENGTH, MAX_QUOTED_KEY=MAX_KEY_LENGTH + len('""'))


def _unavailable(failed_events: str) -> str:
    return f'{{"message":"the stream is not available","detail":"{_LATER}"{failed_events}}}\n'


def _filled(template: str, **values: str | int) -> str:
    """Return a template's text with every placeholder filled; one that has no value is a KeyError."""
    text = (_TEMPLATES / f"{template}.vtl").read_text(encoding="utf-8")
    return _PLACEHOLDER.sub(lambda match: str(values[match[1]]), text)
