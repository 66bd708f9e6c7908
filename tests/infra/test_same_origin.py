"""The API under a shop's own domain: what CloudFront passes on, and what the firewall then believes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.deployment import MAX_TEMPLATE_BYTES
from infra.synth import put_node_on_path, synthesized
from tests.infra.conftest import Template, shop_settings
from tests.infra.test_pipeline_stack import ACCEPTED

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


def test_cfn_lint_has_nothing_to_say_of_it_and_create_stack_takes_it(tmp_path: Path) -> None:
    path = tmp_path / "template.json"
    path.write_text(synthesized(shop_settings()))
    compact = json.dumps(json.loads(path.read_text()), separators=(",", ":"))
    assert len(compact.encode()) < MAX_TEMPLATE_BYTES
    cfn_lint = Path(sys.executable).with_name("cfn-lint")
    done = subprocess.run([cfn_lint, path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


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


def test_of_the_distribution_aws_rule_packs_find_only_what_is_known(tmp_path: Path) -> None:
    known = {
        "AwsSolutions-CFR1",  # visitors come from wherever the shop sells
        "AwsSolutions-CFR2",  # the API has its firewall; one for the pages is the shop's to choose
        "AwsSolutions-CFR3",  # every accepted request is in the stream; logs of the pages are the shop's to choose
    }
    put_node_on_path()
    import cdk_nag

    from infra.pipeline_stack import pipeline_app

    app, stack = pipeline_app(shop_settings(), outdir=str(tmp_path))
    packs = (cdk_nag.AwsSolutionsChecks(app), cdk_nag.ServerlessChecks(app))
    found = {violation.rule_name for pack in packs for violation in pack.validate_scope(stack).violations}
    assert found - set(ACCEPTED) == known
