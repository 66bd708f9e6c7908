"""ministack's record of a deployed REST API → the typed route that a request takes through it.

This is the only module of the data plane that knows how ministack keeps an API.
"""

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.cloud.apigateway.faults import GatewayError, TemplateError
from local.cloud.emulator import Scope, in_scope

JSON_TYPE = "application/json"
_KINESIS_URI = re.compile(r"arn:aws[\w-]*:apigateway:(?P<region>[\w-]+):kinesis:action/(?P<action>\w+)")

_STATIC = re.compile(r"'[^']*'")


@dataclass(frozen=True, kw_only=True)
class IntegrationResponse:
    """One mapping of the integration's answer; without a pattern it is the default, without a template a passthrough.

    `headers` are the static ones of the reply; the template may override them.
    """

    pattern: str
    status: int
    template: str
    headers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class KinesisCall:
    """The operation that an integration calls."""

    action: str
    region: str


@dataclass(frozen=True, kw_only=True)
class Route:
    """How API Gateway treats a request to one resource and method; without `kinesis` its integration is a MOCK.

    A body of fewer bytes than `minimum_compression_size` is not decompressed, whatever its Content-Encoding.
    """

    owner: Scope
    api_id: str
    stage: str
    resource_path: str
    http_method: str
    model: Mapping[str, Any] | None
    kinesis: KinesisCall | None
    request_templates: Mapping[str, str]
    responses: tuple[IntegrationResponse, ...]
    timeout_seconds: float
    minimum_compression_size: int


@dataclass(frozen=True, kw_only=True)
class GatewayResponse:
    """How the API words a gateway fault."""

    status: int | None
    template: str | None
    headers: Mapping[str, str]


def owner_of(api_id: str) -> Scope | None:
    """Return the account and region of an API; None if there is no such API."""
    from ministack.services import apigateway_v1

    found = apigateway_v1.find_api_scope(api_id)
    return None if found is None else Scope(account=found[0], region=found[1])


def has_stage(owner: Scope, api_id: str, stage: str) -> bool:
    """Return whether the API is deployed under that stage."""
    from ministack.services import apigateway_v1

    with in_scope(owner):
        return stage in apigateway_v1._stages_v1.get(api_id, {})


def name_of(owner: Scope, api_id: str) -> str:
    """Return the name of an API, by which CloudWatch knows it."""
    from ministack.services import apigateway_v1

    with in_scope(owner):
        return str(apigateway_v1._rest_apis[api_id]["name"])


@dataclass(frozen=True, kw_only=True)
class WebAcl:
    """The rules before a stage; `version` differs after every change."""

    arn: str
    version: str
    rules: list[Mapping[str, Any]]


def web_acl(owner: Scope, api_id: str, stage: str) -> WebAcl | None:
    """Return the web ACL that is associated with a stage; None if there is none."""
    from ministack.services import waf

    with in_scope(owner):
        arn = waf._associations.get(f"arn:aws:apigateway:{owner.region}::/restapis/{api_id}/stages/{stage}")
        acl, _missing = waf._resolve_local_web_acl(arn) if arn else (None, None)
    return None if acl is None else WebAcl(arn=acl["ARN"], version=acl["LockToken"], rules=acl["Rules"])


def route(owner: Scope, api_id: str, stage: str, method: str, path: str) -> Route:
    """Return the route of a request; GatewayError if no resource has that path and method, or the stage is full."""
    from ministack.services import apigateway_v1

    with in_scope(owner):
        segments = [part for part in path.split("/") if part]
        resource, _parameters = apigateway_v1._match_resource_tree(api_id, segments)
        declared = (resource or {}).get("resourceMethods", {}).get(method)
        if resource is None or declared is None:
            raise GatewayError("MISSING_AUTHENTICATION_TOKEN")
        record = apigateway_v1._stages_v1[api_id][stage]
        if apigateway_v1._check_throttle(record, api_id, stage, resource["path"], method, None) is not None:
            raise GatewayError("THROTTLED")
        return _route(owner, api_id, stage, resource["path"], declared)


def gateway_response(owner: Scope, api_id: str, stage: str, response_type: str, *, status: int) -> GatewayResponse:
    """Return how the stage's deployment words a fault: by its type, else by DEFAULT_4XX or DEFAULT_5XX."""
    from ministack.services import apigateway_v1

    with in_scope(owner):
        deployment = apigateway_v1._stages_v1.get(api_id, {}).get(stage, {}).get("deploymentId")
        declared = apigateway_v1._deployed_gateway_responses.get(api_id, {}).get(deployment) or {}
    found = declared.get(response_type)
    family = declared.get("DEFAULT_5XX" if status >= 500 else "DEFAULT_4XX")
    chosen = found or family or {}
    stated = chosen.get("statusCode") if found else None
    return GatewayResponse(
        status=None if stated is None else int(stated),
        template=(chosen.get("responseTemplates") or {}).get(JSON_TYPE),
        headers=static_headers(chosen.get("responseParameters") or {}, "gatewayresponse.header."),
    )


def static_headers(parameters: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Return headers by name from a response's parameters: `<prefix><name>` → `'value'`, in single quotes.

    AWS can also map a header from the request or from the integration's answer. That is not implemented here, and
    refused when it is deployed.
    """
    headers = {}
    for parameter, value in parameters.items():
        if not parameter.startswith(prefix) or not _STATIC.fullmatch(value):
            raise TemplateError(f"the local API Gateway knows {prefix}<name>: 'text' only, not {parameter}: {value}")
        headers[parameter.removeprefix(prefix)] = value[1:-1]
    return headers


def _kinesis_call(integration: Mapping[str, Any]) -> KinesisCall | None:
    """Return what an integration calls; None for a MOCK, which calls nothing."""
    if integration.get("type") == "MOCK":
        return None
    target = _KINESIS_URI.fullmatch(integration.get("uri") or "")
    if integration.get("type") != "AWS" or target is None:
        raise TemplateError(
            f"the local API Gateway calls Kinesis or is a MOCK, not {integration.get('type')} {integration.get('uri')}"
        )
    return KinesisCall(action=target["action"], region=target["region"])


def _route(owner: Scope, api_id: str, stage: str, resource_path: str, declared: Mapping[str, Any]) -> Route:
    from ministack.services import apigateway_v1

    integration = declared.get("methodIntegration") or {}
    if (integration.get("passthroughBehavior") or "WHEN_NO_MATCH") != "NEVER" and integration.get("requestTemplates"):
        raise TemplateError("the local API Gateway knows passthrough NEVER only, beside request templates")
    return Route(
        owner=owner,
        api_id=api_id,
        stage=stage,
        resource_path=resource_path,
        http_method=declared["httpMethod"],
        model=_model(api_id, declared),
        kinesis=_kinesis_call(integration),
        request_templates={name.lower(): text for name, text in (integration.get("requestTemplates") or {}).items()},
        responses=tuple(
            IntegrationResponse(
                pattern=response.get("selectionPattern") or "",
                status=int(response["statusCode"]),
                template=(response.get("responseTemplates") or {}).get(JSON_TYPE) or "",
                headers=static_headers(response.get("responseParameters") or {}, "method.response.header."),
            )
            for response in (integration.get("integrationResponses") or {}).values()
        ),
        timeout_seconds=int(integration.get("timeoutInMillis") or 29_000) / 1000,
        minimum_compression_size=int(apigateway_v1._rest_apis[api_id].get("minimumCompressionSize") or 0),
    )


def _model(api_id: str, declared: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the schema that the body must meet; None without a validator of bodies or without a model."""
    from ministack.services import apigateway_v1

    validator = apigateway_v1._request_validators.get(api_id, {}).get(declared.get("requestValidatorId"), {})
    name = (declared.get("requestModels") or {}).get(JSON_TYPE)
    if not validator.get("validateRequestBody") or name is None:
        return None
    return _schema(apigateway_v1._models[api_id][name]["schema"])


@functools.lru_cache(maxsize=64)
def _schema(text: str) -> Mapping[str, Any]:
    schema: Mapping[str, Any] = json.loads(text)
    return schema
