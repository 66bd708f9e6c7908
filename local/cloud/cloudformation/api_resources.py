"""The resource types of API Gateway that ministack implements partly, and AWS::WAFv2::WebACLAssociation.

ministack creates no request validators, and forgets which one a method has. A model with a keyword that our validator
does not check, or a template that does not compile, fails here, when the stack is deployed, not later at a request.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from local.cloud.apigateway.body import unsupported_keywords
from local.cloud.apigateway.faults import TemplateError
from local.cloud.apigateway.firewall import Firewall
from local.cloud.apigateway.rest_apis import static_headers
from local.cloud.apigateway.vtl import compiled
from local.cloud.cloudformation.resources import (
    Created,
    Properties,
    ResourceError,
    ResourceType,
    check_response,
    is_true,
)

VALIDATOR: Final = "AWS::ApiGateway::RequestValidator"
METHOD: Final = "AWS::ApiGateway::Method"
MODEL: Final = "AWS::ApiGateway::Model"
GATEWAY_RESPONSE: Final = "AWS::ApiGateway::GatewayResponse"
WEB_ACL: Final = "AWS::WAFv2::WebACL"
WEB_ACL_ASSOCIATION: Final = "AWS::WAFv2::WebACLAssociation"


def types(ministacks: Mapping[str, Mapping[str, Any]]) -> dict[str, ResourceType]:
    """Return the resource types of this module by name; `ministacks` are the engine's records of its own types."""
    return {
        VALIDATOR: _Validator(),
        METHOD: _Method(ministacks[METHOD]),
        MODEL: _Model(ministacks[MODEL]),
        GATEWAY_RESPONSE: _GatewayResponse(ministacks[GATEWAY_RESPONSE]),
        WEB_ACL: _WebAcl(ministacks[WEB_ACL]),
        WEB_ACL_ASSOCIATION: _WebAclAssociation(),
    }


class _Validator(ResourceType):
    def create(self, logical_id: str, properties: Properties, _stack_name: str) -> Created:
        from ministack.services import apigateway_v1

        response = apigateway_v1._create_request_validator(
            properties["RestApiId"],
            {
                "name": properties.get("Name", logical_id),
                "validateRequestBody": is_true(properties.get("ValidateRequestBody")),
            },
        )
        check_response(VALIDATOR, response)
        validator_id = json.loads(response[2])["id"]
        return validator_id, {"RequestValidatorId": validator_id}

    def update(self, validator_id: str, old: Properties, new: Properties, stack_name: str) -> Created:
        from ministack.services import apigateway_v1

        if any(old.get(key) != new.get(key) for key in ("RestApiId", "Name")):
            return self.create(validator_id, new, stack_name)
        value = str(is_true(new.get("ValidateRequestBody"))).lower()
        patch = {"op": "replace", "path": "/validateRequestBody", "value": value}
        response = apigateway_v1._update_request_validator(new["RestApiId"], validator_id, {"patchOperations": [patch]})
        check_response(VALIDATOR, response)
        return validator_id, {"RequestValidatorId": validator_id}

    def delete(self, validator_id: str, properties: Properties) -> None:
        from ministack.services import apigateway_v1

        # The deletion of an API deletes its validators, too.
        if validator_id in apigateway_v1._request_validators.get(properties["RestApiId"], {}):
            check_response(VALIDATOR, apigateway_v1._delete_request_validator(properties["RestApiId"], validator_id))


class _Checked(ResourceType):
    """A type of ministack's, with a check before it creates or updates a resource, and a step afterwards."""

    def __init__(self, ministacks: Mapping[str, Any]) -> None:
        self._ministacks = ministacks

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> Created:
        self.check(properties)
        created: Created = self._ministacks["create"](logical_id, properties, stack_name)
        self.complete(properties)
        return created

    def update(self, physical_id: str, old: Properties, new: Properties, stack_name: str) -> Created:
        self.check(new)
        updated: Created = self._ministacks["update"](physical_id, old, new, stack_name)
        self.complete(new)
        return updated

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._ministacks["delete"](physical_id, properties)

    def check(self, properties: Properties) -> None:
        raise NotImplementedError

    def complete(self, properties: Properties) -> None:
        """Do what ministack leaves out."""


class _Method(_Checked):
    def check(self, properties: Properties) -> None:
        """Compile the templates, and read the headers of the responses."""
        integration = properties.get("Integration") or {}
        responses = integration.get("IntegrationResponses") or []
        texts = list((integration.get("RequestTemplates") or {}).values())
        for response in responses:
            texts += (response.get("ResponseTemplates") or {}).values()
        try:
            for text in filter(None, texts):
                compiled(text)
            for response in responses:
                static_headers(response.get("ResponseParameters") or {}, "method.response.header.")
        except TemplateError as error:
            raise ResourceError(f"{METHOD} {properties['HttpMethod']}: {error}") from error
        self._check_declared(responses, properties.get("MethodResponses") or [])

    def _check_declared(self, responses: list[Properties], method_responses: list[Properties]) -> None:
        """Refuse a header that the method does not declare for the status, with AWS's own words."""
        declared = {
            str(response["StatusCode"]): response.get("ResponseParameters") or {} for response in method_responses
        }
        for response in responses:
            for parameter in response.get("ResponseParameters") or {}:
                if parameter not in declared.get(str(response["StatusCode"]), {}):
                    raise ResourceError(f"{METHOD}: Invalid mapping expression parameter specified: {parameter}")

    def complete(self, properties: Properties) -> None:
        """Keep which validator the method has."""
        from ministack.services import apigateway_v1

        methods = apigateway_v1._resources[properties["RestApiId"]][properties["ResourceId"]]["resourceMethods"]
        methods[properties["HttpMethod"]]["requestValidatorId"] = properties.get("RequestValidatorId")


class _Model(_Checked):
    def check(self, properties: Properties) -> None:
        """Refuse a schema with a keyword that our validator does not know."""
        schema = properties.get("Schema")
        unknown = unsupported_keywords(json.loads(schema) if isinstance(schema, str) else schema or {})
        if unknown:
            raise ResourceError(f"{MODEL}: the local validator does not know {', '.join(unknown)}")


class _GatewayResponse(_Checked):
    def check(self, properties: Properties) -> None:
        """Read the headers."""
        try:
            static_headers(properties.get("ResponseParameters") or {}, "gatewayresponse.header.")
        except TemplateError as error:
            raise ResourceError(f"{GATEWAY_RESPONSE} {properties['ResponseType']}: {error}") from error


class _WebAcl(_Checked):
    def check(self, properties: Properties) -> None:
        """Compile the rules."""
        if "Allow" not in properties.get("DefaultAction", {}):
            raise ResourceError(f"{WEB_ACL}: the local WAF lets pass what no rule blocks: give it DefaultAction Allow")
        try:
            Firewall(properties.get("Rules") or [])
        except TemplateError as error:
            raise ResourceError(f"{WEB_ACL}: {error}") from error


class _WebAclAssociation(ResourceType):
    """Says which web ACL is in front of which stage."""

    def create(self, _logical_id: str, properties: Properties, _stack_name: str) -> Created:
        from ministack.services import waf

        check_response(WEB_ACL_ASSOCIATION, waf._associate_web_acl(properties))
        return f"{properties['WebACLArn']}|{properties['ResourceArn']}|REGIONAL", {}

    def update(self, _physical_id: str, _old: Properties, new: Properties, stack_name: str) -> Created:
        return self.create("", new, stack_name)

    def delete(self, _physical_id: str, properties: Properties) -> None:
        from ministack.services import waf

        # After a replacement the stage may have another web ACL already, which must stay.
        if waf._associations.get(properties["ResourceArn"]) == properties["WebACLArn"]:
            check_response(WEB_ACL_ASSOCIATION, waf._disassociate_web_acl(properties))
