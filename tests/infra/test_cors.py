"""Which origin a reply names: Velocity for the replies of integrations, plain values for the gateway's own."""

import pytest

from infra.api_templates import batch_templates, single_event_templates
from infra.cors import gateway_headers, origin_template
from infra.settings import CorsSettings
from local.cloud.apigateway.body import JsonBody
from local.cloud.apigateway.vtl import compiled
from local.cloud.apigateway.vtl_values import Input, Parameters, ResponseOverride, Util
from tests.infra.api_settings import api_settings

ANY = CorsSettings()
ONE = CorsSettings(origins=("https://shop.example",))
TWO = CorsSettings(origins=("https://shop.example", "http://localhost:8080"))


def headers(template: str, **request_headers: str) -> dict[str, str]:
    """The headers that a reply's template sets, for a request with these."""
    override = ResponseOverride()
    given = Input(JsonBody(b'{"Records":[],"FailedRecordCount":0}'), Parameters(headers=request_headers))
    compiled(template).render({"input": given, "util": Util(), "context": {"responseOverride": override}})
    return override.headers


@pytest.mark.parametrize("name", ["Origin", "origin"])
@pytest.mark.parametrize("origin", TWO.origins)
def test_a_listed_origin_is_echoed_by_either_spelling_of_the_header(name: str, origin: str) -> None:
    assert headers(origin_template(TWO), **{name: origin}) == {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Vary": "Origin",
    }


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "https://shop.example.evil.example", "https://shop.example:444", "null", ""]
)
def test_another_origin_is_not_named_and_caches_know_that_it_depends(origin: str) -> None:
    assert headers(origin_template(TWO), origin=origin) == {"Vary": "Origin"}
    assert headers(origin_template(TWO)) == {"Vary": "Origin"}


def test_any_origin_is_without_credentials() -> None:
    assert headers(origin_template(ANY), origin="https://a.example") == {"Access-Control-Allow-Origin": "*"}


@pytest.mark.parametrize(
    "templates",
    [
        single_event_templates("s", api_settings(origins=TWO.origins)),
        batch_templates("s", api_settings(origins=TWO.origins)),
    ],
)
def test_every_reply_of_a_route_names_the_origin_and_shows_retry_after(templates: object) -> None:
    for kind in ("stored", "refused", "unavailable"):
        found = headers(getattr(templates, kind), origin="https://shop.example")
        assert found["Access-Control-Allow-Origin"] == "https://shop.example"
        assert found["Access-Control-Expose-Headers"] == "Retry-After"


def test_the_gateways_own_replies_name_the_only_origin_or_every_one() -> None:
    assert gateway_headers(ONE)["Access-Control-Allow-Origin"] == "https://shop.example"
    assert gateway_headers(ONE)["Access-Control-Allow-Credentials"] == "true"
    for cors in (ANY, TWO):
        assert gateway_headers(cors) == {
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Expose-Headers": "Retry-After",
        }
