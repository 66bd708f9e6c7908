"""Schemas + mapping templates → the REST API that stores each event in the stream, without a server of ours.

Replies, which clients rely on (all JSON):

| status | when | body |
| --- | --- | --- |
| 200 | every event is stored | `{"accepted": n, "failed": 0, "events": [{"status": "accepted"}, …]}` |
| 207 | a batch is stored in part | the same, with `throttled` and `failed` among the statuses; `Retry-After` |
| 400, 413, 415 | the request cannot be stored, ever | `{"message": …, "detail": …}` |
| 429 | the stream, or the API, is full; nothing is stored | `message`, `detail`, often `events`; `Retry-After` |
| 503 | the stream cannot be written to; nothing is stored | `message`, `detail`, for a batch perhaps `events` |

`events` stands in the request's order, one entry an event. No event that is not `accepted` was stored, and none is lost
by sending exactly those again.
"""

import json
from typing import Any

from aws_cdk import aws_apigateway as apigateway
from constructs import Construct

from infra.edge_replies import EdgeReply, edge_replies
from infra.mapping import RouteTemplates
from infra.service_role import service_role

JSON_TYPE = "application/json"
STAGE = "v1"
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
        event_schema: dict[str, Any],
        batch_schema: dict[str, Any],
        event_templates: RouteTemplates,
        batch_templates: RouteTemplates,
        account: str,
        request_rate: int,
        request_burst: int,
    ) -> None:
        super().__init__(scope, construct_id)
        self.role = service_role(self, service="apigateway", account=account)
        self.rest_api = apigateway.RestApi(
            self,
            "Api",
            rest_api_name=name,
            description="Takes clickstream events, one or up to 500, into the event stream.",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            cloud_watch_role=False,
            deploy_options=apigateway.StageOptions(
                stage_name=STAGE,
                metrics_enabled=True,
                throttling_rate_limit=request_rate,
                throttling_burst_limit=request_burst,
            ),
        )
        # RestApi exports an output of its own under a hashed name; ours is made in the stack.
        self.rest_api.node.try_remove_child("Endpoint")
        self._validator = self.rest_api.add_request_validator(
            "Validator", validate_request_body=True, validate_request_parameters=True
        )
        events = self.rest_api.root.add_resource("events")
        self._add_route(events, "EventModel", schema=event_schema, templates=event_templates)
        self._add_route(events.add_resource("batch"), "BatchModel", schema=batch_schema, templates=batch_templates)
        for reply in edge_replies():
            self._add_gateway_response(reply)

    @property
    def stage_arn(self) -> str:
        """The ARN by which WAF knows the stage."""
        return self.rest_api.deployment_stage.stage_arn

    def _add_route(
        self, resource: apigateway.Resource, model_name: str, *, schema: dict[str, Any], templates: RouteTemplates
    ) -> None:
        resource.add_method(
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
            request_validator=self._validator,
            request_models={JSON_TYPE: self._model(model_name, schema)},
            method_responses=[
                apigateway.MethodResponse(status_code=status, response_models={JSON_TYPE: apigateway.Model.EMPTY_MODEL})
                for status in _STATUSES
            ],
        )

    def _model(self, name: str, schema: dict[str, Any]) -> apigateway.IModel:
        """A model of the contract's own schema; CDK's schema classes know less of draft-04 than we need."""
        model = apigateway.CfnModel(
            self, name, rest_api_id=self.rest_api.rest_api_id, content_type=JSON_TYPE, name=name, schema=schema
        )
        deployment = self.rest_api.latest_deployment
        if deployment is None:
            raise TypeError("the API has no deployment to bind its models to: RestApi was made with deploy=False")
        deployment.node.add_dependency(model)
        deployment.add_to_logical_id({name: json.dumps(schema, sort_keys=True)})
        return apigateway.Model.from_model_name(self, f"{name}Reference", model.ref)

    def _add_gateway_response(self, reply: EdgeReply) -> None:
        self.rest_api.add_gateway_response(
            reply.response_type.response_type.title().replace("_", ""),
            type=reply.response_type,
            status_code=None if reply.status is None else str(reply.status),
            response_headers=reply.headers or None,
            templates={JSON_TYPE: json.dumps({"message": reply.message, "detail": reply.detail})},
        )


def _integration_responses(templates: RouteTemplates) -> list[apigateway.IntegrationResponse]:
    """Kinesis's status → ours; whatever is neither 200 nor 400 falls to the one without a pattern."""
    return [
        apigateway.IntegrationResponse(
            status_code="200", selection_pattern="200", response_templates={JSON_TYPE: templates.stored}
        ),
        apigateway.IntegrationResponse(
            status_code="400", selection_pattern="400", response_templates={JSON_TYPE: templates.refused}
        ),
        apigateway.IntegrationResponse(status_code="503", response_templates={JSON_TYPE: templates.unavailable}),
    ]
