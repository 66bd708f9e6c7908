"""The template: what stands between the internet and the data, by resource type and property."""

import json
from typing import Any

import pytest

from contracts.event import batch_schema, single_schema
from contracts.partitions import FIREHOSE_ERROR_PREFIX, FIREHOSE_PREFIX
from tests.infra.conftest import Template

Event = dict[str, Any]

pytestmark = pytest.mark.cdk


def posts(template: Template) -> list[Event]:
    return [one for one in template.properties("AWS::ApiGateway::Method") if one["HttpMethod"] == "POST"]


def test_the_template_needs_no_bootstrapped_account(template: Template) -> None:
    assert sorted(template.document) == ["Description", "Outputs", "Resources"]
    assert template.properties("AWS::CDK::Metadata") == []
    assert "cdk-hnb659fds" not in json.dumps(template.document)


def test_the_outputs_are_those_that_others_rely_on(template: Template) -> None:
    assert sorted(template.document["Outputs"]) == [
        "AirflowProfile",
        "AirflowRoleArn",
        "AlarmTopic",
        "AnalystRoleArn",
        "ApiUrl",
        "BufferSeconds",
        "CodeBucketName",
        "CodeUri",
        "Database",
        "DeliveryStreamName",
        "Environment",
        "LiveRoleArn",
        "MaximumShards",
        "MinimumShards",
        "RawBucket",
        "RawExpiryDays",
        "RawUri",
        "ScalingMode",
        "SparkApplicationId",
        "SparkLogUri",
        "SparkRoleArn",
        "StreamName",
        "WarehouseBucket",
        "WarehouseUri",
        "WorkGroup",
    ]


def test_local_and_aws_differ_in_settings_only(template: Template, local_template: Template) -> None:
    def shape(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: shape(item) for key, item in value.items() if key != "DeploymentId"}
        return [shape(item) for item in value] if isinstance(value, list) else type(value).__name__

    def shapes(document: Any) -> list[str]:
        return sorted(
            json.dumps([one["Type"], shape(one["Properties"])], sort_keys=True)
            for one in document["Resources"].values()
        )

    assert shapes(template.document) == shapes(local_template.document)


def test_the_api_is_regional_and_validates_bodies(template: Template) -> None:
    assert template.only("AWS::ApiGateway::RestApi")["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    assert template.only("AWS::ApiGateway::RestApi")["MinimumCompressionSize"] == 0
    assert template.only("AWS::ApiGateway::RequestValidator")["ValidateRequestBody"] is True
    methods = posts(template)
    assert len(methods) == 2
    assert all("RequestValidatorId" in method for method in methods)
    assert all(method["Integration"]["PassthroughBehavior"] == "NEVER" for method in methods)


@pytest.mark.parametrize(("name", "schema"), [("EventModel", single_schema()), ("BatchModel", batch_schema())])
def test_a_model_is_the_contracts_schema(template: Template, name: str, schema: Event) -> None:
    assert template.only("AWS::ApiGateway::Model", Name=name)["Schema"] == schema


def test_every_status_of_kinesis_has_a_mapping_and_no_default_is_a_success(template: Template) -> None:
    for method in posts(template):
        responses = method["Integration"]["IntegrationResponses"]
        by_pattern = {response.get("SelectionPattern"): response["StatusCode"] for response in responses}
        assert by_pattern == {"200": "200", "400": "400", None: "503"}


def test_the_gateways_own_answers_have_our_shape_and_statuses(template: Template) -> None:
    expected = {
        "BAD_REQUEST_BODY": "400",
        "REQUEST_TOO_LARGE": "413",
        "UNSUPPORTED_MEDIA_TYPE": "415",
        "THROTTLED": "429",
        "QUOTA_EXCEEDED": "429",
        "WAF_FILTERED": "403",
        "MISSING_AUTHENTICATION_TOKEN": "404",
        "INTEGRATION_FAILURE": "503",
        "INTEGRATION_TIMEOUT": "503",
        "DEFAULT_4XX": None,
        "DEFAULT_5XX": None,
    }
    responses = template.properties("AWS::ApiGateway::GatewayResponse")
    assert {response["ResponseType"]: response.get("StatusCode") for response in responses} == expected
    for response in responses:
        assert sorted(json.loads(response["ResponseTemplates"]["application/json"])) == ["detail", "message"]
        retried = response.get("StatusCode") == "429"
        headers = response["ResponseParameters"]
        assert ("gatewayresponse.header.Retry-After" in headers) == retried
        assert headers["gatewayresponse.header.Access-Control-Allow-Origin"] == "'*'"
        assert headers["gatewayresponse.header.Access-Control-Expose-Headers"] == "'Retry-After'"


def test_a_browser_may_ask_before_it_posts_to_either_route(template: Template) -> None:
    preflights = [one for one in template.properties("AWS::ApiGateway::Method") if one["HttpMethod"] == "OPTIONS"]
    assert {json.dumps(one["ResourceId"]) for one in preflights} == {
        json.dumps(one["ResourceId"]) for one in posts(template)
    }
    for preflight in preflights:
        assert preflight["Integration"]["Type"] == "MOCK"
        (response,) = preflight["Integration"]["IntegrationResponses"]
        assert response["ResponseParameters"] == {
            "method.response.header.Access-Control-Allow-Headers": "'Content-Type,Content-Encoding'",
            "method.response.header.Access-Control-Allow-Methods": "'POST'",
            "method.response.header.Access-Control-Max-Age": "'7200'",
        }


def test_a_deployment_waits_for_all_that_it_takes_a_picture_of(template: Template) -> None:
    (deployment,) = template.resources("AWS::ApiGateway::Deployment")
    kinds = [template.document["Resources"][logical_id]["Type"] for logical_id in deployment["DependsOn"]]
    assert kinds.count("AWS::ApiGateway::Method") == 4
    assert kinds.count("AWS::ApiGateway::Model") == 2
    assert kinds.count("AWS::ApiGateway::GatewayResponse") == len(
        template.properties("AWS::ApiGateway::GatewayResponse")
    )


def _rules(template: Template) -> dict[str, Event]:
    return {rule["Name"]: rule for rule in template.only("AWS::WAFv2::WebACL", Scope="REGIONAL")["Rules"]}


def test_the_firewall_blocks_floods_and_known_attackers_and_counts_what_does_not_fit_events(template: Template) -> None:
    rules = _rules(template)
    assert list(rules) == [
        "RatePerAddress",
        "AWSManagedRulesAmazonIpReputationList",
        "AWSManagedRulesKnownBadInputsRuleSet",
        "AWSManagedRulesCommonRuleSet",
    ]
    assert rules["RatePerAddress"]["Action"] == {"Block": {}}
    assert rules["RatePerAddress"]["Statement"]["RateBasedStatement"]["AggregateKeyType"] == "IP"
    groups = {name: rules[name]["Statement"]["ManagedRuleGroupStatement"] for name in list(rules)[1:]}
    assert all(rules[name]["OverrideAction"] == {"None": {}} for name in groups)
    overrides = {name: group.get("RuleActionOverrides", []) for name, group in groups.items()}
    common = overrides.pop("AWSManagedRulesCommonRuleSet")
    assert list(overrides.values()) == [[], []]
    assert all(override["ActionToUse"] == {"Count": {}} for override in common)
    assert {override["Name"] for override in common} == {
        "CrossSiteScripting_BODY",
        "EC2MetaDataSSRF_BODY",
        "GenericLFI_BODY",
        "GenericRFI_BODY",
        "NoUserAgent_HEADER",
        "SizeRestrictions_BODY",
    }
    assert len(template.properties("AWS::WAFv2::WebACLAssociation")) == 1


def test_the_firewall_is_within_the_capacity_of_a_web_acl(template: Template) -> None:
    # By AWS's documentation: the rule groups' own figures, 2 of a rate rule; 1,500 come with a web ACL.
    capacity = {
        "RatePerAddress": 2,
        "AWSManagedRulesAmazonIpReputationList": 25,
        "AWSManagedRulesKnownBadInputsRuleSet": 200,
        "AWSManagedRulesCommonRuleSet": 700,
    }
    assert sum(capacity[name] for name in _rules(template)) <= 1_500


def test_the_stream_is_provisioned_and_encrypted_and_stays_when_the_stack_goes(template: Template) -> None:
    (stream,) = template.resources("AWS::Kinesis::Stream")
    assert stream["Properties"]["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}
    assert stream["Properties"]["StreamEncryption"] == {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
    assert stream["DeletionPolicy"] == "RetainExceptOnCreate", "a first creation that rolls back frees the name"


def test_firehose_writes_gzip_under_the_landing_hour(template: Template) -> None:
    destination = template.only("AWS::KinesisFirehose::DeliveryStream")["ExtendedS3DestinationConfiguration"]
    assert destination["CompressionFormat"] == "GZIP"
    assert (destination["Prefix"], destination["ErrorOutputPrefix"]) == (FIREHOSE_PREFIX, FIREHOSE_ERROR_PREFIX)
    assert destination["BufferingHints"] == {"IntervalInSeconds": 15, "SizeInMBs": 128}
    assert "ProcessingConfiguration" not in destination


def test_firehose_is_made_after_the_rights_of_its_role(template: Template) -> None:
    (delivery,) = template.resources("AWS::KinesisFirehose::DeliveryStream")
    kinds = [template.document["Resources"][logical_id]["Type"] for logical_id in delivery["DependsOn"]]
    assert "AWS::IAM::Policy" in kinds


def test_every_bucket_is_private_encrypted_tls_only_and_kept(template: Template) -> None:
    buckets = template.resources("AWS::S3::Bucket")
    policies = template.properties("AWS::S3::BucketPolicy")
    assert len(buckets) == len(policies) == 3
    for bucket in buckets:
        assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
        assert "BucketEncryption" in bucket["Properties"]
        is_code = "clickstream-prod-code-" in json.dumps(bucket["Properties"]["BucketName"])
        assert bucket["DeletionPolicy"] == ("Delete" if is_code else "RetainExceptOnCreate")
        assert "VersioningConfiguration" not in bucket["Properties"]
    for policy in policies:
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert (statement["Effect"], statement["Action"]) == ("Deny", "s3:*")
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_raw_objects_expire_and_tables_do_not(template: Template) -> None:
    expiring = [
        rule["Prefix"]
        for bucket in template.properties("AWS::S3::Bucket")
        for rule in bucket["LifecycleConfiguration"]["Rules"]
        if "ExpirationInDays" in rule
    ]
    assert sorted(expiring) == ["athena-results/", "errors/", "live/", "logs/", "raw/"]


def test_the_template_makes_the_database_and_no_tables(template: Template) -> None:
    (database,) = template.resources("AWS::Glue::Database")
    assert database["Properties"]["DatabaseInput"]["Name"] == "clickstream_prod"
    assert database["DeletionPolicy"] == "RetainExceptOnCreate", "its tables' pointers are data"
    assert template.properties("AWS::Glue::Table") == []
