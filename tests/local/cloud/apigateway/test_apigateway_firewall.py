"""The local WAF: what its rules block and count, and that the deployed API obeys them."""

import json
import re
from typing import Any

import httpx
import pytest

from infra.errors import DeploymentError
from local.cloud.apigateway.firewall import Firewall, RateCounter, Seen
from local.cloud.process import LocalCloud
from tests.local.cloud.deployed_pipeline import deployed, deployment_of, template_named

Rule = dict[str, Any]

pytestmark = [pytest.mark.cloud, pytest.mark.cdk]


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def seen(**changes: Any) -> Seen:
    request: dict[str, Any] = {
        "address": "203.0.113.7",
        "headers": {"user-agent": "browser/1"},
        "path": "/events",
        "query": "",
        "body_bytes": 100,
    }
    return Seen(**request | changes)


def common(*counted: str) -> Rule:
    overrides = [{"Name": name, "ActionToUse": {"Count": {}}} for name in counted]
    group = {"VendorName": "AWS", "Name": "AWSManagedRulesCommonRuleSet", "RuleActionOverrides": overrides}
    return {
        "Name": "Common",
        "Priority": 9,
        "OverrideAction": {"None": {}},
        "Statement": {"ManagedRuleGroupStatement": group},
    }


def rate(limit: int, **changes: Any) -> Rule:
    statement = {"Limit": limit, "EvaluationWindowSec": 300, "AggregateKeyType": "IP", **changes}
    return {
        "Name": "Rate",
        "Priority": 0,
        "Action": {"Block": {}},
        "Statement": {"RateBasedStatement": statement},
    }


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"headers": {}}, "NoUserAgent_HEADER"),
        ({"query": "x" * 2_049}, "SizeRestrictions_QUERYSTRING"),
        ({"headers": {"user-agent": "b", "cookie": "x" * 10_241}}, "SizeRestrictions_Cookie_HEADER"),
        ({"body_bytes": 8_193}, "SizeRestrictions_BODY"),
        ({"path": "/" * 1_025}, "SizeRestrictions_URIPATH"),
    ],
)
def test_a_rule_of_the_common_set_blocks_beyond_its_limit_and_not_when_it_counts(
    changes: dict[str, Any], rule: str
) -> None:
    assert Firewall([common()]).blocks(seen()) is None
    assert Firewall([common()]).blocks(seen(**changes)) == rule
    assert Firewall([common(rule)]).blocks(seen(**changes)) is None


def test_an_address_above_its_rate_is_blocked_alone_until_the_window_is_over() -> None:
    clock = Clock()
    firewall = Firewall([rate(100)], clock=clock)
    assert [firewall.blocks(seen()) for _ in range(100)] == [None] * 100
    assert firewall.blocks(seen()) == "Rate"
    assert firewall.blocks(seen(address="203.0.113.8")) is None
    clock.now += 290
    assert firewall.blocks(seen()) == "Rate"
    clock.now += 20
    assert firewall.blocks(seen()) is None


def test_a_counter_forgets_what_is_out_of_its_window_and_keeps_few_steps() -> None:
    clock = Clock()
    counter = RateCounter(limit=6, seconds=60, clock=clock)
    for _ in range(1_000):
        clock.now += 10
        assert not counter.exceeds("a")
    assert len(counter._counts) == 6


def test_a_forwarded_address_is_counted_in_the_place_of_the_proxys() -> None:
    forwarded = {"HeaderName": "X-Visitor-Address", "FallbackBehavior": "NO_MATCH"}
    firewall = Firewall([rate(2, AggregateKeyType="FORWARDED_IP", ForwardedIPConfig=forwarded)])
    for visitor in ("198.51.100.1", "198.51.100.2", "2001:db8::1"):
        headers = {"x-visitor-address": visitor}
        assert [firewall.blocks(seen(headers=headers)) for _ in range(3)] == [None, None, "Rate"]
    for headers in ({}, {"x-visitor-address": "nobody"}):
        assert [firewall.blocks(seen(headers=headers)) for _ in range(5)] == [None] * 5


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ({"GeoMatchStatement": {"CountryCodes": ["DE"]}}, "GeoMatchStatement"),
        ({"RateBasedStatement": {"Limit": 100, "AggregateKeyType": "CUSTOM_KEYS"}}, "counts by IP"),
    ],
)
def test_a_rule_that_the_local_waf_cannot_apply_does_not_deploy(
    clients: Any, name: str, statement: Rule, named: str
) -> None:
    rule = {"Name": "One", "Priority": 0, "Action": {"Block": {}}, "Statement": statement}
    properties = {"Name": name, "Scope": "REGIONAL", "DefaultAction": {"Allow": {}}, "Rules": [rule]}
    template = json.dumps({"Resources": {"Acl": {"Type": "AWS::WAFv2::WebACL", "Properties": properties}}})
    with pytest.raises(DeploymentError, match=re.escape(named)):
        deployment_of(clients, name, template).deploy()


def test_a_large_body_and_a_client_without_a_name_pass_the_deployed_firewall(api: httpx.Client) -> None:
    request = api.build_request("POST", "/events/batch", json=[{"user_id": "waf", "padding": "x" * 20_000}])
    del request.headers["User-Agent"]
    assert api.send(request).status_code == 200


def test_an_address_above_the_deployed_rate_gets_403_in_our_shape_and_a_page_can_read_it(
    local_cloud: LocalCloud, clients: Any
) -> None:
    text = template_named("apiflood")
    limited = text.replace('"Limit": 2000000000', '"Limit": 50')
    assert limited != text
    url = deployed(clients, local_cloud.endpoint_url, "apiflood").api_url
    deployment_of(clients, "apiflood", limited).deploy()
    replies = [httpx.post(f"{url}/events", json={"user_id": "flood"}) for _ in range(60)]
    assert [reply.status_code for reply in replies] == [200] * 50 + [403] * 10
    assert replies[-1].json()["message"] == "refused by the firewall"
    assert replies[-1].headers["Access-Control-Allow-Origin"] == "*"
