"""What fails without a word raises an alarm that names what to look at, and the topic tells people."""

import json
from dataclasses import replace
from typing import Any

import pytest

from contracts.metrics import DIMENSION, NAMESPACE, Metric
from infra.settings import AlarmSettings, settings_of
from infra.synth import synthesized
from tests.infra.conftest import Template

pytestmark = pytest.mark.cdk


def alarms(template: Template) -> dict[str, dict[str, Any]]:
    return {
        alarm["AlarmName"].removeprefix("clickstream-prod-"): alarm
        for alarm in template.properties("AWS::CloudWatch::Alarm")
    }


def test_each_part_that_an_event_passes_through_is_watched(template: Template) -> None:
    watched = {
        name: (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) for name, alarm in alarms(template).items()
    }
    assert watched == {
        "no-requests": ("AWS/ApiGateway", "Count", "Sum"),
        "requests-refused": ("AWS/ApiGateway", "4XXError", "Average"),
        "requests-failed": ("AWS/ApiGateway", "5XXError", "Average"),
        "requests-blocked": ("AWS/WAFV2", "BlockedRequests", "Sum"),
        "writes-throttled": ("AWS/Kinesis", "WriteProvisionedThroughputExceeded", "Sum"),
        "reads-late": ("AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", "Maximum"),
        "deliveries-late": ("AWS/Firehose", "DeliveryToS3.DataFreshness", "Maximum"),
        "deliveries-failed": ("AWS/Firehose", "DeliveryToS3.Success", "Average"),
        "no-hour-settled": (NAMESPACE, Metric.SETTLED_HOURS, "Sum"),
        "hours-late": (NAMESPACE, Metric.SECONDS_BEHIND, "Maximum"),
        "many-rejected": (NAMESPACE, Metric.REJECTED_SHARE, "Maximum"),
        "hours-unbalanced": (NAMESPACE, Metric.UNBALANCED_HOURS, "Sum"),
        "checks-failed": (NAMESPACE, Metric.FAILED_CHECKS, "Sum"),
        "scaling-stuck": (NAMESPACE, Metric.SCALING_STUCK, "Sum"),
    }


def test_an_alarm_is_about_what_the_template_makes(template: Template) -> None:
    names = {
        "ApiName": template.only("AWS::ApiGateway::RestApi")["Name"],
        "Stage": template.only("AWS::ApiGateway::Stage")["StageName"],
        "StreamName": template.only("AWS::Kinesis::Stream")["Name"],
        "DeliveryStreamName": template.only("AWS::KinesisFirehose::DeliveryStream")["DeliveryStreamName"],
        "WebACL": template.only("AWS::WAFv2::WebACL", Scope="REGIONAL")["VisibilityConfig"]["MetricName"],
        DIMENSION: template.only("AWS::Glue::Database")["DatabaseInput"]["Name"],
        "Region": {"Ref": "AWS::Region"},
        "Rule": "ALL",
    }
    for alarm in alarms(template).values():
        assert {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]} == {
            dimension["Name"]: names[dimension["Name"]] for dimension in alarm["Dimensions"]
        }


def test_no_traffic_and_no_hour_at_all_are_alarms_and_no_figure_of_anything_else_is_none(template: Template) -> None:
    found = {name: alarm["TreatMissingData"] for name, alarm in alarms(template).items()}
    assert {found.pop("no-requests"), found.pop("no-hour-settled")} == {"breaching"}
    assert set(found.values()) == {"notBreaching"}


def test_cloudwatch_looks_back_at_no_more_than_a_day(template: Template) -> None:
    assert all(alarm["Period"] * alarm["EvaluationPeriods"] <= 86_400 for alarm in alarms(template).values())
    with pytest.raises(ValueError, match="silent_hours is 25: CloudWatch looks at 1 to 24 hours"):
        AlarmSettings(silent_hours=25)


def test_records_that_are_late_raise_an_alarm_before_they_expire(template: Template) -> None:
    retention = template.only("AWS::Kinesis::Stream")["RetentionPeriodHours"] * 3600
    buffer = template.only("AWS::KinesisFirehose::DeliveryStream")["ExtendedS3DestinationConfiguration"][
        "BufferingHints"
    ]["IntervalInSeconds"]
    late = {name: alarms(template)[name]["Threshold"] for name in ("deliveries-late", "reads-late")}
    assert 3 * buffer <= late["deliveries-late"] < retention / 10
    assert late["reads-late"] == late["deliveries-late"] * 1000


def test_an_alarm_and_its_end_are_told_to_one_topic_to_which_cloudwatch_may_publish(template: Template) -> None:
    (topic,) = [
        {"Ref": logical_id}
        for logical_id, one in template.document["Resources"].items()
        if one["Type"] == "AWS::SNS::Topic"
    ]
    for alarm in alarms(template).values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [topic]
    statements = template.only("AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    allowed = [one for one in statements if one["Effect"] == "Allow"]
    assert [(one["Principal"], one["Resource"]) for one in allowed] == [
        ({"Service": "cloudwatch.amazonaws.com"}, topic)
    ]
    assert template.properties("AWS::SNS::Subscription") == []


def test_who_is_named_gets_the_alarms_by_mail() -> None:
    settings = settings_of("prod")
    told = replace(settings, alarms=replace(settings.alarms, email="on-call@shop.example"))
    subscription = Template(json.loads(synthesized(told))).only("AWS::SNS::Subscription")
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "on-call@shop.example")
    with pytest.raises(ValueError, match="'on-call' is no e-mail address"):
        AlarmSettings(silent_hours=1, email="on-call")


def test_the_dashboard_has_a_graph_of_each_alarm_s_metric(template: Template) -> None:
    parts = template.only("AWS::CloudWatch::Dashboard")["DashboardBody"]["Fn::Join"][1]
    body = json.loads("".join(part if isinstance(part, str) else "region" for part in parts))
    shown = {widget["properties"]["metrics"][0][1] for widget in body["widgets"]}
    assert shown == {alarm["MetricName"] for alarm in alarms(template).values()}
