"""What a browser asks the deployed API before it posts from another origin, and what the page may read then."""

import json
import re
from typing import Any

import httpx
import pytest

from infra.api_templates import single_event_templates
from infra.errors import DeploymentError
from local.cloud.process import LocalCloud
from tests.infra.api_settings import api_settings
from tests.local.cloud.apigateway.test_apigateway_recorded import HandMadeApi
from tests.local.cloud.deployed_pipeline import deployment_of

Event = dict[str, Any]

pytestmark = [pytest.mark.cloud, pytest.mark.cdk]

_PREFLIGHT = {
    "Origin": "https://shop.example",
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "content-type",
}


@pytest.mark.parametrize("path", ["/events", "/events/batch"])
def test_a_preflight_is_204_without_a_body_and_allows_a_post_of_json(api: httpx.Client, path: str) -> None:
    reply = api.options(path, headers=_PREFLIGHT)
    assert (reply.status_code, reply.content) == (204, b"")
    allowed = {name: value for name, value in reply.headers.items() if name.startswith("access-control-")}
    assert allowed == {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "POST",
        "access-control-allow-headers": "Content-Type,Content-Encoding",
        "access-control-max-age": "7200",
    }
    assert api.options(path, headers=_PREFLIGHT).status_code == 204


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        pytest.param("POST", "/events/batch", {"json": [{"user_id": "cors"}]}, 200, id="stored"),
        pytest.param("POST", "/events/batch", {"json": []}, 400, id="refused-by-kinesis"),
        pytest.param("POST", "/events", {"json": []}, 400, id="refused-by-the-model"),
        pytest.param("POST", "/events", {"content": b"x", "headers": {"Content-Type": "a/b"}}, 415, id="media-type"),
        pytest.param("POST", "/events", {"content": b" " * (10 * 2**20 + 1)}, 413, id="too-large"),
        pytest.param("POST", "/elsewhere", {}, 404, id="unknown-path"),
    ],
)
def test_every_reply_can_be_read_by_the_page(
    api: httpx.Client, method: str, path: str, options: Event, status: int
) -> None:
    reply = api.request(method, path, **options)
    assert reply.status_code == status
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert reply.headers["Access-Control-Expose-Headers"] == "Retry-After"


def test_a_listed_origin_is_echoed_over_http_and_another_one_is_not(
    local_cloud: LocalCloud, clients: Any, name: str
) -> None:
    made = single_event_templates(name, api_settings(origins=("https://a.example", "https://shop.example")))
    responses = [("200", "200", made.stored), ("400", "400", made.refused), ("", "503", made.unavailable)]
    url = HandMadeApi(clients, local_cloud.endpoint_url, made.action, made.request, responses).deploy()
    for origin, echoed in (("https://shop.example", "https://shop.example"), ("https://evil.example", None)):
        reply = httpx.post(url, json={"user_id": "1"}, headers={"Origin": origin})
        assert reply.status_code == 503
        assert reply.headers.get("Access-Control-Allow-Origin") == echoed
        assert reply.headers["Vary"] == "Origin"


@pytest.mark.parametrize(
    ("template", "status"),
    [('{"statusCode":200}', 200), ("{statusCode:200}", 500), ("", 500), ('{"statusCode":201}', 500)],
)
def test_a_mock_answers_what_its_template_asks_for_if_a_response_is_for_it(
    local_cloud: LocalCloud, clients: Any, template: str, status: int
) -> None:
    client = clients.apigateway
    api_id = client.create_rest_api(name="mock")["id"]
    there = {
        "restApiId": api_id,
        "resourceId": client.get_resources(restApiId=api_id)["items"][0]["id"],
        "httpMethod": "GET",
    }
    client.put_method(**there, authorizationType="NONE")
    client.put_integration(
        **there, type="MOCK", passthroughBehavior="NEVER", requestTemplates={"application/json": template}
    )
    client.put_integration_response(**there, statusCode="200", selectionPattern="200")
    client.create_deployment(restApiId=api_id, stageName="test")
    url = f"{local_cloud.endpoint_url}/restapis/{api_id}/test/_user_request_/"
    assert httpx.get(url).status_code == status


@pytest.mark.parametrize(
    ("kind", "properties", "named"),
    [
        (
            "AWS::ApiGateway::GatewayResponse",
            {
                "ResponseType": "DEFAULT_4XX",
                "ResponseParameters": {"gatewayresponse.header.Vary": "method.request.header.Origin"},
            },
            "gatewayresponse.header.Vary: method.request.header.Origin",
        ),
        (
            "AWS::ApiGateway::Method",
            {
                "HttpMethod": "GET",
                "ResourceId": {"Fn::GetAtt": ["Api", "RootResourceId"]},
                "AuthorizationType": "NONE",
                "Integration": {
                    "Type": "MOCK",
                    "IntegrationResponses": [
                        {"StatusCode": "200", "ResponseParameters": {"method.response.header.Vary": "'Origin'"}}
                    ],
                },
                "MethodResponses": [{"StatusCode": "200"}],
            },
            "Invalid mapping expression parameter specified: method.response.header.Vary",
        ),
    ],
    ids=["mapped-from-the-request", "not-declared-by-the-method"],
)
def test_a_header_that_aws_or_this_cloud_would_not_send_is_refused_when_deployed(
    clients: Any, name: str, kind: str, properties: Event, named: str
) -> None:
    resources = {
        "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": name}},
        "One": {"Type": kind, "Properties": {"RestApiId": {"Ref": "Api"}, **properties}},
    }
    with pytest.raises(DeploymentError, match=re.escape(named)):
        deployment_of(clients, name, json.dumps({"Resources": resources})).deploy()
