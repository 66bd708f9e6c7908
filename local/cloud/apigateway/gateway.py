"""A request to a deployed REST API → its reply: firewall, route, body, model, mapping, Kinesis, mapping back.

The order is API Gateway's own, and so is who answers: the gateway itself (a gateway response), or the integration.
`RestApiFront` takes the requests on `/restapis/<api>/<stage>/_user_request_/…` before the emulator's own routing,
because only there the socket's address and a body's size are known in time.
"""

import asyncio
import base64
import json
import logging
import os
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

from local.cloud import emulator
from local.cloud.apigateway import rest_apis
from local.cloud.apigateway.body import JsonBody, NotJsonError, validation_errors
from local.cloud.apigateway.encoding import decoded
from local.cloud.apigateway.faults import GatewayError, TemplateError
from local.cloud.apigateway.firewall import Firewall, Seen
from local.cloud.apigateway.rest_apis import JSON_TYPE, IntegrationResponse, KinesisCall, Route
from local.cloud.apigateway.vtl import compiled
from local.cloud.apigateway.vtl_values import Input, Parameters, ResponseOverride, Util
from local.cloud.emulator import Application, Message
from local.cloud.minute_metrics import MinuteMetrics

#: API Gateway's limit of a request (docs.aws.amazon.com/apigateway/latest/developerguide/limits.html).
MAX_BODY_BYTES: Final = 10 * 2**20

_LOG = logging.getLogger(__name__)
_ROOT: Final = "/restapis/"
_MARK: Final = "_user_request_"
_VARIABLE: Final = re.compile(r"\$context\.([A-Za-z]+(?:\.[A-Za-z]+)*)")
_DEFAULT_TEMPLATE: Final = '{"message":$context.error.messageString}'

_Receive = Callable[[], Awaitable[Message]]
_Send = Callable[[Message], Awaitable[None]]


def install() -> None:
    """Serve deployed APIs before the emulator's routing, and let no request reach the emulator's own data plane."""
    from ministack import app
    from ministack.services import apigateway_v1

    app.app = RestApiFront(app.app)
    apigateway_v1.handle_execute = _refuse


async def _refuse(*_request: object, **_options: object) -> emulator.Response:
    body = b'{"message":"the local API Gateway serves /restapis/<api>/<stage>/_user_request_/... only"}'
    return 501, {"Content-Type": "application/json"}, body


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request as it came in; header names are lower case, `source_ip` is the socket's other end."""

    api_id: str
    stage: str
    http_method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    source_ip: str
    query: str = ""
    too_large: bool = False
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    extended_request_id: str = field(default_factory=lambda: base64.b64encode(os.urandom(11)).decode("ascii"))
    epoch_ms: int = field(default_factory=lambda: time.time_ns() // 1_000_000)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """The answer to a request."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class RestApiFront:
    """The ASGI application that serves deployed REST APIs, and passes all other requests to another one."""

    def __init__(self, behind: Application) -> None:
        self._behind = behind

    async def __call__(self, scope: MutableMapping[str, Any], receive: _Receive, send: _Send) -> None:
        """Serve one connection event."""
        target = _target(scope["path"]) if scope["type"] == "http" else None
        if target is None:
            await self._behind(scope, receive, send)
            return
        api_id, stage, path = target
        body, too_large = await _body(receive)
        if body is None:
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        request = Request(
            api_id=api_id,
            stage=stage,
            http_method=scope["method"],
            path=path,
            headers=headers,
            body=body,
            source_ip=(scope.get("client") or ("",))[0],
            query=scope["query_string"].decode("latin-1"),
            too_large=too_large,
        )
        await _send_reply(send, request, await answer(request))


def _target(path: str) -> tuple[str, str, str] | None:
    """Return API, stage and the path below the stage; None for a path that is not a deployed API's."""
    if not path.startswith(_ROOT):
        return None
    parts = path[len(_ROOT) :].split("/", 3)
    if len(parts) < 3 or parts[2] != _MARK:
        return None
    return parts[0], parts[1], "/" + (parts[3] if len(parts) > 3 else "")


async def _body(receive: _Receive) -> tuple[bytes | None, bool]:
    """Return the body and whether it is too large: such a body is read, or its client would miss the reply."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None, False
        size += len(message.get("body", b""))
        if size > MAX_BODY_BYTES:
            chunks.clear()
        else:
            chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks), size > MAX_BODY_BYTES


async def _send_reply(send: _Send, request: Request, reply: Reply) -> None:
    body = b"" if reply.status == HTTPStatus.NO_CONTENT else reply.body
    headers = {
        "Content-Type": "application/json",
        "x-amzn-RequestId": request.request_id,
        "x-amz-apigw-id": request.extended_request_id,
        **reply.headers,
    }
    if reply.status != HTTPStatus.NO_CONTENT:
        headers["Content-Length"] = str(len(body))
    encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


async def answer(request: Request) -> Reply:
    """Answer a request."""
    owner = rest_apis.owner_of(request.api_id)
    if owner is None:
        return Reply(status=404, body=b'{"message":"Not Found"}')
    if not rest_apis.has_stage(owner, request.api_id, request.stage):
        return Reply(status=403, body=b'{"message":"Forbidden"}')
    reply = await _answered(owner, request)
    _count(owner, request, reply.status)
    return reply


#: Every request to a stage, and by the statuses of the replies, those that were refused and those that failed
#: (docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html).
_METRICS: Final = MinuteMetrics(namespace="AWS/ApiGateway")


def _count(owner: emulator.Scope, request: Request, status: int) -> None:
    stage = {"ApiName": rest_apis.name_of(owner, request.api_id), "Stage": request.stage}
    samples = {"Count": 1.0, "4XXError": float(status // 100 == 4), "5XXError": float(status // 100 == 5)}
    _METRICS.add(owner, stage, samples)


async def _answered(owner: emulator.Scope, request: Request) -> Reply:
    try:
        _refuse_blocked(owner, request)
        route = rest_apis.route(owner, request.api_id, request.stage, request.http_method, request.path)
        return await _integrate(route, request)
    except GatewayError as fault:
        if fault.status >= 500:
            _LOG.exception("%s %s", request.http_method, request.path)
        return _gateway_reply(owner, request, fault)


#: The firewall of each web ACL, and the version of its rules.
_firewalls: Final[dict[str, tuple[str, Firewall]]] = {}


def _refuse_blocked(owner: emulator.Scope, request: Request) -> None:
    """Raise GatewayError if the stage's web ACL blocks the request."""
    acl = rest_apis.web_acl(owner, request.api_id, request.stage)
    if acl is None:
        return
    version, firewall = _firewalls.get(acl.arn, ("", None))
    if firewall is None or version != acl.version:
        firewall = Firewall(acl.rules)
        _firewalls[acl.arn] = (acl.version, firewall)
    seen = Seen(
        address=request.source_ip,
        headers=request.headers,
        path=request.path,
        query=request.query,
        body_bytes=len(request.body),
    )
    if rule := firewall.blocks(seen):
        raise GatewayError("WAF_FILTERED", cause=f"by the rule {rule}")


async def _integrate(route: Route, request: Request) -> Reply:
    if request.too_large:
        raise GatewayError("REQUEST_TOO_LARGE")
    content = request.body
    if len(content) >= route.minimum_compression_size:
        content = decoded(content, request.headers.get("content-encoding", ""), most=MAX_BODY_BYTES)
    template = _request_template(route, request.headers.get("content-type", ""))
    body = JsonBody(content)
    parameters = Parameters(headers=request.headers, query=dict(parse_qsl(request.query)))
    try:
        if route.model is not None:
            errors = validation_errors(route.model, body.document)
            if errors:
                raise GatewayError("BAD_REQUEST_BODY", validation_error=f"[{', '.join(errors)}]")
        context = _context(route, request)
        call = content
        if template is not None:
            call = _rendered(template, Input(body, parameters), context).encode("utf-8", "replace")
    except NotJsonError as error:
        raise GatewayError("BAD_REQUEST_BODY", validation_error=str(error)) from error
    if route.kinesis is None:
        status, answered = _mocked_status(call), b""
    else:
        status, answered = await _call_kinesis(route, route.kinesis, call)
    return _reply(route, context, status, Input(JsonBody(answered), parameters))


def _request_template(route: Route, content_type: str) -> str | None:
    """Return the template for the media type; None for an integration without templates, which gets the raw body."""
    if not route.request_templates:
        return None
    media_type = content_type.partition(";")[0].strip().lower() or JSON_TYPE
    template = route.request_templates.get(media_type)
    if template is None:
        raise GatewayError("UNSUPPORTED_MEDIA_TYPE")
    return template


def _mocked_status(rendered: bytes) -> int:
    """Return the status that a MOCK integration's request template asks for, which is all that it says."""
    try:
        return int(json.loads(rendered)["statusCode"])
    except (ValueError, TypeError, KeyError) as error:
        raise TemplateError(
            f"a MOCK's request template renders no JSON with a statusCode: {rendered[:80]!r}"
        ) from error


async def _call_kinesis(route: Route, call: KinesisCall, body: bytes) -> tuple[int, bytes]:
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": f"Kinesis_20131202.{call.action}",
        "host": "kinesis.localhost",
    }
    handler = emulator.handlers()["kinesis"]
    with emulator.in_scope(emulator.Scope(account=route.owner.account, region=call.region)):
        try:
            async with asyncio.timeout(route.timeout_seconds):
                status, _headers, answered = await handler("POST", "/", headers, body, {})
        except TimeoutError as error:
            raise GatewayError("INTEGRATION_TIMEOUT") from error
    return status, answered


def _reply(route: Route, context: dict[str, Any], status: int, answered: Input) -> Reply:
    """Map what the integration answered to the reply, by the integration response that the status selects."""
    selected = _selected(route.responses, status)
    override = ResponseOverride()
    text = answered.body
    if selected.template:
        context["responseOverride"] = override
        text = _rendered(selected.template, answered, context)
    headers = {**selected.headers, **override.headers}
    return Reply(status=override.status or selected.status, body=text.encode("utf-8", "replace"), headers=headers)


def _selected(responses: tuple[IntegrationResponse, ...], status: int) -> IntegrationResponse:
    """Return the response whose pattern matches the status, else the one without a pattern, else fail as AWS does."""
    for response in responses:
        if response.pattern and re.fullmatch(response.pattern, str(status)):
            return response
    for response in responses:
        if not response.pattern:
            return response
    raise TemplateError(f"no integration response is for status {status}")


def _rendered(template: str, given: Input, context: dict[str, Any]) -> str:
    return compiled(template).render({"input": given, "util": Util(), "context": context})


def _context(route: Route, request: Request) -> dict[str, Any]:
    return {
        "accountId": route.owner.account,
        "apiId": route.api_id,
        "extendedRequestId": request.extended_request_id,
        "httpMethod": request.http_method,
        "identity": {"sourceIp": request.source_ip, "userAgent": request.headers.get("user-agent")},
        "requestId": request.request_id,
        # What the request's template sets here, the reply's template can read.
        "requestOverride": {"header": {}, "path": {}, "querystring": {}},
        "requestTimeEpoch": request.epoch_ms,
        "resourcePath": route.resource_path,
        "stage": route.stage,
    }


def _gateway_reply(owner: emulator.Scope, request: Request, fault: GatewayError) -> Reply:
    """Word a fault as the API declares; the templates of gateway responses know plain variables only."""
    declared = rest_apis.gateway_response(
        owner, request.api_id, request.stage, fault.response_type, status=fault.status
    )
    variables = {
        "error.message": fault.message,
        "error.messageString": json.dumps(fault.message),
        "error.responseType": fault.response_type,
        "error.validationErrorString": json.dumps(fault.validation_error)[1:-1],
        "requestId": request.request_id,
        "stage": request.stage,
    }
    template = declared.template or _DEFAULT_TEMPLATE
    body = _VARIABLE.sub(lambda match: variables.get(match[1], ""), template)
    return Reply(status=declared.status or fault.status, body=body.encode(), headers=declared.headers)
