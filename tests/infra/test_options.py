"""What the settings switch on: it is there as it was asked for, and nothing of it is there otherwise."""

import json
import re

import pytest

from infra.named_queries import PAGE, named_queries
from tests.infra.conftest import Template

pytestmark = pytest.mark.cdk

OPTIONAL = (
    "AWS::ApiGateway::ApiKey",
    "AWS::ApiGateway::DomainName",
    "AWS::ApiGateway::UsagePlan",
    "AWS::Budgets::Budget",
    "AWS::CloudFront::Distribution",
    "AWS::KMS::Key",
)


def test_every_option_is_off_until_it_is_asked_for(template: Template, full_template: Template) -> None:
    assert {kind: len(template.properties(kind)) for kind in OPTIONAL} == dict.fromkeys(OPTIONAL, 0)
    assert {kind: len(full_template.properties(kind)) for kind in OPTIONAL} == dict.fromkeys(OPTIONAL, 1)
    more = set(full_template.document["Outputs"]) - set(template.document["Outputs"])
    assert more == {"ApiDomainTarget", "ApiKeyId", "ProxyKey", "SameOriginTarget"}


def test_the_access_log_says_how_a_request_ended_and_not_whose_it_was(template: Template) -> None:
    setting = template.only("AWS::ApiGateway::Stage")["AccessLogSetting"]
    fields = set(json.loads(setting["Format"]).values())
    assert {"$context.status", "$context.error.responseType", "$context.integration.latency"} <= fields
    assert not [one for one in fields if re.search(r"identity|body|query|userAgent|sourceIp|authorizer", one)]


def test_with_a_usage_plan_no_event_is_taken_without_a_key_and_a_browser_may_still_ask(full_template: Template) -> None:
    methods = full_template.properties("AWS::ApiGateway::Method")
    assert {(one["HttpMethod"], one.get("ApiKeyRequired", False)) for one in methods} == {
        ("POST", True),
        ("OPTIONS", False),
    }
    plan = full_template.only("AWS::ApiGateway::UsagePlan")
    assert plan["Quota"] == {"Limit": 1_000_000, "Period": "DAY"}


def test_the_budget_counts_this_environment_and_tells_the_alarms_topic(full_template: Template) -> None:
    budget = full_template.only("AWS::Budgets::Budget")
    assert budget["Budget"]["CostFilters"] == {"TagKeyValue": ["user:environment$prod"]}
    (topic,) = {json.dumps(one["Subscribers"][0]["Address"]) for one in budget["NotificationsWithSubscribers"]}
    assert json.loads(topic) == {"Ref": next(iter(_ids(full_template, "AWS::SNS::Topic")))}
    allowed = full_template.only("AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    assert any("budgets.amazonaws.com" in json.dumps(one["Principal"]) for one in allowed)


def test_warm_workers_are_as_many_as_the_settings_say(template: Template, full_template: Template) -> None:
    assert "InitialCapacity" not in template.only("AWS::EMRServerless::Application")
    warm = full_template.only("AWS::EMRServerless::Application")["InitialCapacity"]
    assert {one["Key"]: one["Value"]["WorkerCount"] for one in warm} == {"Driver": 1, "Executor": 2}


def test_athena_has_every_query_of_the_page(template: Template) -> None:
    page = PAGE.read_text(encoding="utf-8")
    saved = {one["Name"]: one["QueryString"] for one in template.properties("AWS::Athena::NamedQuery")}
    assert len(saved) == page.count("```sql") == len(list(named_queries(page)))
    assert all(sql in page for sql in saved.values())


def _ids(template: Template, kind: str) -> list[str]:
    return [logical_id for logical_id, one in template.document["Resources"].items() if one["Type"] == kind]
