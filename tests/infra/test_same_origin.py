"""The API under a shop's own domain: what CloudFront passes on, and what the firewall then believes."""

from typing import Any

import pytest

from tests.infra.conftest import Template

pytestmark = pytest.mark.cdk

_KEY = {"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]}
#: CloudFront's managed policies, by their documented ids.
_CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
_ALL_VIEWER_EXCEPT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"


def _distribution(template: Template) -> dict[str, Any]:
    config: dict[str, Any] = template.only("AWS::CloudFront::Distribution")["DistributionConfig"]
    return config


def test_there_is_no_distribution_unless_the_settings_ask_for_it(template: Template) -> None:
    assert template.properties("AWS::CloudFront::Distribution") == []
    assert "ProxyKey" not in template.document["Outputs"]


def test_the_path_of_events_goes_to_the_api_uncached_with_the_visitors_headers(shop_template: Template) -> None:
    (events,) = _distribution(shop_template)["CacheBehaviors"]
    assert (events["PathPattern"], events["TargetOriginId"]) == ("/e/*", "events")
    assert (events["CachePolicyId"], events["OriginRequestPolicyId"]) == (_CACHING_DISABLED, _ALL_VIEWER_EXCEPT_HOST)
    assert "POST" in events["AllowedMethods"]
    assert [one["EventType"] for one in events["FunctionAssociations"]] == ["viewer-request"]


def test_cloudfront_shows_the_api_the_key_and_the_pages_nothing(shop_template: Template) -> None:
    origins = {origin["Id"]: origin for origin in _distribution(shop_template)["Origins"]}
    assert origins["events"]["OriginCustomHeaders"] == [{"HeaderName": "X-Proxy-Key", "HeaderValue": _KEY}]
    assert origins["pages"]["DomainName"] == "pages.shop.example"
    assert "OriginCustomHeaders" not in origins["pages"]
    assert shop_template.document["Outputs"]["ProxyKey"]["Value"] == _KEY


def test_the_firewall_blocks_who_names_a_visitor_without_the_key_and_counts_visitors(shop_template: Template) -> None:
    rules = {rule["Name"]: rule for rule in shop_template.only("AWS::WAFv2::WebACL")["Rules"]}
    assert list(rules)[:3] == ["ForgedVisitorAddress", "RatePerVisitor", "RatePerAddress"]
    names_visitor, without_key = rules["ForgedVisitorAddress"]["Statement"]["AndStatement"]["Statements"]
    assert names_visitor["SizeConstraintStatement"]["FieldToMatch"] == {"SingleHeader": {"Name": "x-visitor-address"}}
    key = without_key["NotStatement"]["Statement"]["ByteMatchStatement"]
    assert (key["FieldToMatch"], key["SearchString"]) == ({"SingleHeader": {"Name": "x-proxy-key"}}, _KEY)
    visitor = rules["RatePerVisitor"]["Statement"]["RateBasedStatement"]
    assert (visitor["AggregateKeyType"], visitor["ForwardedIPConfig"]["HeaderName"]) == (
        "FORWARDED_IP",
        "X-Visitor-Address",
    )
    sender = rules["RatePerAddress"]["Statement"]["RateBasedStatement"]
    assert sender["ScopeDownStatement"] == {"NotStatement": {"Statement": names_visitor}}
