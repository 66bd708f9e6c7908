"""Schemas + mapping templates → the REST API that stores each event in the stream; no server of ours.

Replies, which clients rely on (all JSON):

| status | when | body |
| --- | --- | --- |
| 200 | every event is stored | `{"accepted": n, "failed": 0, "events": [{"status": "accepted"}, …]}` |
| 207 | a batch is stored in part | the same, with `throttled` and `failed` among the statuses; `Retry-After` |
| 400, 413, 415 | it is no JSON, not the route's, or too large: it cannot be stored, ever | `message`, `detail` |
| 403, 404 | the firewall blocks it; there is no such route, or it is no POST | `message`, `detail` |
| 429 | the stream, or the API, is full; nothing is stored | `message`, `detail`, often `events`; `Retry-After` |
| 503 | the stream cannot be written to; nothing is stored | `message`, `detail`, for a batch perhaps `events` |

`events` has one entry for each event, in the request's order. No event that is not `accepted` was stored: a client that
sends exactly those again loses none. An accepted event is in the stream, good or bad: Spark says which it is
(docs/adr/011).

A body may be gzip or deflate, by its Content-Encoding, and has at most 10 MB unpacked. There is no pixel to GET: what
is not POST is 404, because API Gateway does not tell a method that is not there from a path.

A page of another origin may post as well: OPTIONS is answered by API Gateway itself (a MOCK integration), and every
reply has the headers of `infra/cors.py`.
"""

import json
from typing import Any

from aws_cdk import RemovalPolicy, Size
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from contracts.event import batch_schema, single_schema
from contracts.names import API_STAGE
from infra.accepted import LOG_ROLE_FINDINGS, METHOD_FINDINGS, STAGE_FINDINGS, accept
from infra.api_templates import GatewayReply, RouteTemplates, batch_templates, gateway_replies, single_event_templates
from infra.cors import origin_template, preflight_headers
from infra.log_groups import log_group
from infra.service_role import service_role
from infra.settings import ApiSettings, CorsSettings, DomainSettings, UsagePlanSettings

JSON_TYPE = "application/json"
#: A line for each request: how it ended and how long it took. No address, no agent, no body, no query.
_ACCESS_LOG = {
    "request": "$context.requestId",
    "time": "$context.requestTimeEpoch",
    "method": "$context.httpMethod",
    "route": "$context.resourcePath",
    "status": "$context.status",
    "error": "$context.error.responseType",
    "waf": "$context.waf.status",
    "kinesis_status": "$context.integration.status",
    "kinesis_ms": "$context.integration.latency",
    "ms": "$context.responseLatency",
    "bytes": "$context.responseLength",
}
#: Statuses that a reply can have, declared for the API's generated documentation.
_STATUSES = ("200", "207", "400", "413", "429", "503")


class EventApi(Construct):
    """`POST /events` and `POST /events/batch`, each a validated, mapped call of Kinesis under `role`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        stream_name: str,
        account: str,
        settings: ApiSettings,
        key: kms.IKey | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.role = service_role(self, service="apigateway", account=account)
        self.rest_api = apigateway.RestApi(
            self,
            "Api",
            rest_api_name=name,
            description="Takes clickstream events, one or up to 500, into the event stream.",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            # The account's role for logs of all of its APIs; it stays, for others may log under it by now.
            cloud_watch_role=settings.access_log_days is not None,
            cloud_watch_role_removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
            # Bodies of any size may come as gzip or deflate; replies go out so to a client that asks for it.
            min_compression_size=Size.bytes(0),
            deploy_options=apigateway.StageOptions(
                stage_name=API_STAGE,
                metrics_enabled=True,
                throttling_rate_limit=settings.request_rate,
                throttling_burst_limit=settings.request_burst,
                access_log_destination=self._access_log(name, settings.access_log_days, key),
                access_log_format=apigateway.AccessLogFormat.custom(json.dumps(_ACCESS_LOG)),
            ),
        )
        accept(self.rest_api.deployment_stage, STAGE_FINDINGS)
        if (log_role := self.rest_api.node.try_find_child("CloudWatchRole")) is not None:
            accept(log_role, LOG_ROLE_FINDINGS)
        # RestApi exports an output of its own under a hashed name; the stack adds ours.
        self.rest_api.node.try_remove_child("Endpoint")
        self._needs_key = settings.usage_plan is not None
        self._validator = self.rest_api.add_request_validator(
            "Validator", validate_request_body=True, validate_request_parameters=True
        )
        cors = settings.cors
        events = self.rest_api.root.add_resource("events")
        batch = events.add_resource("batch")
        self._add_route(events, "EventModel", single_schema(), single_event_templates(stream_name, settings))
        self._add_route(batch, "BatchModel", batch_schema(), batch_templates(stream_name, settings))
        for resource in (events, batch):
            _add_preflight(resource, cors)
        for reply in gateway_replies(cors):
            self._add_gateway_response(reply)
        plan, domain = settings.usage_plan, settings.domain
        self.api_key = None if plan is None else self._add_usage_plan(name, plan)
        self.domain = None if domain is None else self._add_domain(domain)

    def _access_log(
        self, name: str, days: int | None, key: kms.IKey | None
    ) -> apigateway.LogGroupLogDestination | None:
        if days is None:
            return None
        group = log_group(self, "AccessLog", name=f"/aws/apigateway/{name}", retention_days=days, key=key)
        return apigateway.LogGroupLogDestination(
            logs.LogGroup.from_log_group_arn(self, "AccessLogGroup", group.attr_arn)
        )

    def _add_usage_plan(self, name: str, plan: UsagePlanSettings) -> apigateway.IApiKey:
        """Add the key without which no event is taken, and how often it may be shown."""
        key = self.rest_api.add_api_key("Key", api_key_name=name)
        self.rest_api.add_usage_plan(
            "Plan",
            name=name,
            api_stages=[apigateway.UsagePlanPerApiStage(api=self.rest_api, stage=self.rest_api.deployment_stage)],
            throttle=apigateway.ThrottleSettings(rate_limit=plan.request_rate, burst_limit=plan.request_burst),
            quota=apigateway.QuotaSettings(limit=plan.requests_per_day, period=apigateway.Period.DAY),
        ).add_api_key(key)
        return key

    def _add_domain(self, domain: DomainSettings) -> apigateway.DomainName:
        """Add a host name of the environment's own, at whose root the stage is."""
        certificate = acm.Certificate.from_certificate_arn(self, "Certificate", domain.certificate_arn)
        found = apigateway.DomainName(
            self,
            "Domain",
            domain_name=domain.name,
            certificate=certificate,
            endpoint_type=apigateway.EndpointType.REGIONAL,
            security_policy=apigateway.SecurityPolicy.TLS_1_2,
        )
        found.add_base_path_mapping(self.rest_api, stage=self.rest_api.deployment_stage)
        return found

    @property
    def stage_arn(self) -> str:
        """The ARN by which WAF knows the stage."""
        return self.rest_api.deployment_stage.stage_arn

    def _add_route(
        self, resource: apigateway.Resource, model_name: str, schema: dict[str, Any], templates: RouteTemplates
    ) -> None:
        method = resource.add_method(
            "POST",
            apigateway.AwsIntegration(
                service="kinesis",
                action=templates.action,
                options=apigateway.IntegrationOptions(
                    credentials_role=self.role,
                    passthrough_behavior=apigateway.PassthroughBehavior.NEVER,
                    request_templates={JSON_TYPE: templates.request},
                    request_parameters={"integration.request.header.Content-Type": "'application/x-amz-json-1.1'"},
                    integration_responses=_integration_responses(templates),
                ),
            ),
            api_key_required=self._needs_key or None,
            request_validator=self._validator,
            request_models={JSON_TYPE: self._model(model_name, schema)},
            method_responses=[
                apigateway.MethodResponse(status_code=status, response_models={JSON_TYPE: apigateway.Model.EMPTY_MODEL})
                for status in _STATUSES
            ],
        )
        accept(method, METHOD_FINDINGS)

    def _model(self, name: str, schema: dict[str, Any]) -> apigateway.IModel:
        """Add a model of the contract's own schema; CDK's schema classes know less of draft-04 than we need."""
        model = apigateway.CfnModel(
            self, name, rest_api_id=self.rest_api.rest_api_id, content_type=JSON_TYPE, name=name, schema=schema
        )
        deployment = self.rest_api.latest_deployment
        if deployment is None:
            raise TypeError("the API has no deployment to bind its models to: RestApi has deploy=False")
        deployment.node.add_dependency(model)
        deployment.add_to_logical_id({name: json.dumps(schema, sort_keys=True)})
        return apigateway.Model.from_model_name(self, f"{name}Reference", model.ref)

    def _add_gateway_response(self, reply: GatewayReply) -> None:
        self.rest_api.add_gateway_response(
            reply.response_type.title().replace("_", ""),
            type=apigateway.ResponseType.of(reply.response_type),
            status_code=None if reply.status is None else str(reply.status),
            response_headers={name: f"'{value}'" for name, value in reply.headers.items()},
            templates={JSON_TYPE: json.dumps({"message": reply.message, "detail": reply.detail})},
        )


def _add_preflight(resource: apigateway.Resource, cors: CorsSettings) -> None:
    """Answer OPTIONS, by which a browser asks before a page's POST of JSON; nothing is called for it."""
    headers = {f"method.response.header.{name}": f"'{value}'" for name, value in preflight_headers(cors).items()}
    resource.add_method(
        "OPTIONS",
        apigateway.MockIntegration(
            passthrough_behavior=apigateway.PassthroughBehavior.NEVER,
            request_templates={JSON_TYPE: '{"statusCode":204}'},
            integration_responses=[
                apigateway.IntegrationResponse(
                    status_code="204",
                    response_parameters=headers,
                    response_templates={JSON_TYPE: origin_template(cors)},
                )
            ],
        ),
        method_responses=[
            apigateway.MethodResponse(status_code="204", response_parameters=dict.fromkeys(headers, True))
        ],
    )


def _integration_responses(templates: RouteTemplates) -> list[apigateway.IntegrationResponse]:
    """Kinesis's status → ours; any other status gets the reply without a pattern."""
    return [
        apigateway.IntegrationResponse(
            status_code="200", selection_pattern="200", response_templates={JSON_TYPE: templates.stored}
        ),
        apigateway.IntegrationResponse(
            status_code="400", selection_pattern="400", response_templates={JSON_TYPE: templates.refused}
        ),
        apigateway.IntegrationResponse(status_code="503", response_templates={JSON_TYPE: templates.unavailable}),
    ]
