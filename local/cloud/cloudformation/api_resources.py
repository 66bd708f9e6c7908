"""AWS::ApiGateway::RequestValidator, Method and Model: what ministack makes of them, and what it leaves out.

It makes no validators and forgets which one a method has. A model with a keyword that our validator does not check, or
a template that does not compile, fails here, when the stack is deployed, rather than later under a request.
"""

import json
from typing import Any, Final

from local.cloud.apigateway.body_validation import unsupported_keywords
from local.cloud.apigateway.faults import TemplateError
from local.cloud.apigateway.vtl import compiled
from local.cloud.cloudformation.handler import (
    Create,
    Handlers,
    Made,
    Properties,
    ResourceError,
    Update,
    checked,
    handlers,
)

VALIDATOR: Final = "AWS::ApiGateway::RequestValidator"
METHOD: Final = "AWS::ApiGateway::Method"
MODEL: Final = "AWS::ApiGateway::Model"


def register(types: dict[str, Handlers]) -> None:
    """Take the validator over, and stand before ministack's method and model."""
    types[VALIDATOR] = handlers(create=_create_validator, update=_update_validator, delete=_delete_validator)
    types[METHOD] = _method_handlers(types[METHOD])
    types[MODEL] = _model_handlers(types[MODEL])


def _create_validator(logical_id: str, properties: Properties, _stack_name: str) -> Made:
    from ministack.services import apigateway_v1

    response = apigateway_v1._create_request_validator(
        properties["RestApiId"],
        {
            "name": properties.get("Name", logical_id),
            "validateRequestBody": _is_true(properties.get("ValidateRequestBody")),
        },
    )
    checked(VALIDATOR, response)
    validator_id = json.loads(response[2])["id"]
    return validator_id, {"RequestValidatorId": validator_id}


def _update_validator(validator_id: str, old: Properties, new: Properties, stack_name: str) -> Made:
    from ministack.services import apigateway_v1

    if any(old.get(key) != new.get(key) for key in ("RestApiId", "Name")):
        return _create_validator(validator_id, new, stack_name)
    value = str(_is_true(new.get("ValidateRequestBody"))).lower()
    patch = {"op": "replace", "path": "/validateRequestBody", "value": value}
    response = apigateway_v1._update_request_validator(new["RestApiId"], validator_id, {"patchOperations": [patch]})
    checked(VALIDATOR, response)
    return validator_id, {"RequestValidatorId": validator_id}


def _delete_validator(validator_id: str, properties: Properties) -> None:
    from ministack.services import apigateway_v1

    # An API takes its validators with it.
    if validator_id in apigateway_v1._request_validators.get(properties["RestApiId"], {}):
        checked(VALIDATOR, apigateway_v1._delete_request_validator(properties["RestApiId"], validator_id))


def _method_handlers(base: Handlers) -> Handlers:
    create_base: Create = base["create"]
    update_base: Update = base["update"]

    def create(logical_id: str, properties: Properties, stack_name: str) -> Made:
        _check_templates(properties)
        made = create_base(logical_id, properties, stack_name)
        _keep_validator(properties)
        return made

    def update(physical_id: str, old: Properties, new: Properties, stack_name: str) -> Made:
        _check_templates(new)
        made = update_base(physical_id, old, new, stack_name)
        _keep_validator(new)
        return made

    return handlers(create=create, update=update, delete=base["delete"])


def _check_templates(properties: Properties) -> None:
    integration = properties.get("Integration") or {}
    texts = list((integration.get("RequestTemplates") or {}).values())
    for response in integration.get("IntegrationResponses") or []:
        texts += (response.get("ResponseTemplates") or {}).values()
    for text in filter(None, texts):
        try:
            compiled(text)
        except TemplateError as error:
            raise ResourceError(f"{METHOD} {properties['HttpMethod']}: {error}") from error


def _keep_validator(properties: Properties) -> None:
    from ministack.services import apigateway_v1

    methods = apigateway_v1._resources[properties["RestApiId"]][properties["ResourceId"]]["resourceMethods"]
    methods[properties["HttpMethod"]]["requestValidatorId"] = properties.get("RequestValidatorId")


def _model_handlers(base: Handlers) -> Handlers:
    create_base: Create = base["create"]
    update_base: Update = base["update"]

    def create(logical_id: str, properties: Properties, stack_name: str) -> Made:
        _check_schema(properties)
        return create_base(logical_id, properties, stack_name)

    def update(physical_id: str, old: Properties, new: Properties, stack_name: str) -> Made:
        _check_schema(new)
        return update_base(physical_id, old, new, stack_name)

    return handlers(create=create, update=update, delete=base["delete"])


def _check_schema(properties: Properties) -> None:
    schema = properties.get("Schema")
    unknown = unsupported_keywords(json.loads(schema) if isinstance(schema, str) else schema or {})
    if unknown:
        raise ResourceError(f"{MODEL}: the local validator does not know {', '.join(unknown)}")


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"
