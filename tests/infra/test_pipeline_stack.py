"""The template: what stands between the internet and the data, by resource type and property."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from contracts.event import batch_schema, single_schema
from contracts.partitions import FIREHOSE_ERROR_PREFIX, FIREHOSE_PREFIX
from infra.deployment import MAX_TEMPLATE_BYTES
from infra.settings import settings_of
from infra.synth import put_node_on_path, synthesized
from tests.infra.conftest import Template

Event = dict[str, Any]

pytestmark = pytest.mark.cdk

#: Findings of AWS's rule packs that we know, each with the reason why it stays.
_PUBLIC = "events come from browsers, which hold no credentials: validation, throttling and WAF are what guards the API"
_ACCESS_LOG = (
    "every accepted request is in the stream with address, agent and time; the log would repeat it at its cost"
)
ACCEPTED = {
    "AwsSolutions-APIG1": _ACCESS_LOG,
    "AwsSolutions-APIG6": _ACCESS_LOG,
    "Serverless-APIGWAccessLogging": _ACCESS_LOG,
    "AwsSolutions-APIG4": _PUBLIC,
    "AwsSolutions-COG4": _PUBLIC,
    "AwsSolutions-KDF1": "Firehose refuses its own encryption for a source that is a stream: the stream is encrypted",
    "AwsSolutions-IAM5[Resource::<DataLakeRaw1F82835B.Arn>/raw/*]": "Firehose makes the keys below its prefix up",
    "AwsSolutions-IAM5[Resource::<DataLakeRaw1F82835B.Arn>/errors/*]": "Firehose makes the keys below its prefix up",
    "AwsSolutions-S1": "who reads the lake is seen in CloudTrail's data events; access logs would need a third bucket",
    "Serverless-APIGWXrayEnabled": "there is one hop, to Kinesis, and its latency is a metric of the stage",
}


def posts(template: Template) -> list[Event]:
    return [one for one in template.properties("AWS::ApiGateway::Method") if one["HttpMethod"] == "POST"]


def test_the_template_fits_into_a_plain_create_stack(template: Template) -> None:
    assert len(json.dumps(template.document, separators=(",", ":")).encode()) < MAX_TEMPLATE_BYTES


def test_the_template_needs_no_bootstrapped_account(template: Template) -> None:
    assert sorted(template.document) == ["Description", "Outputs", "Resources"]
    assert template.properties("AWS::CDK::Metadata") == []
    assert "cdk-hnb659fds" not in json.dumps(template.document)


def test_the_outputs_are_those_that_others_rely_on(template: Template) -> None:
    assert sorted(template.document["Outputs"]) == [
        "AlarmTopic",
        "ApiUrl",
        "BufferSeconds",
        "Database",
        "DeliveryStreamName",
        "Environment",
        "MaximumShards",
        "MinimumShards",
        "RawBucket",
        "RawExpiryDays",
        "RawUri",
        "ScalingMode",
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


def test_cfn_lint_has_nothing_to_say(tmp_path: Path) -> None:
    path = tmp_path / "template.json"
    path.write_text(synthesized(settings_of("prod")))
    cfn_lint = Path(sys.executable).with_name("cfn-lint")
    done = subprocess.run([cfn_lint, path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_finding_is_known_and_none_is_known_in_vain(tmp_path: Path) -> None:
    put_node_on_path()
    import cdk_nag

    from infra.pipeline_stack import pipeline_app

    app, stack = pipeline_app(settings_of("prod"), outdir=str(tmp_path))
    packs = (cdk_nag.AwsSolutionsChecks(app), cdk_nag.ServerlessChecks(app))
    found = {violation.rule_name for pack in packs for violation in pack.validate_scope(stack).violations}
    assert found == set(ACCEPTED)


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
    assert destination["BufferingHints"] == {"IntervalInSeconds": 60, "SizeInMBs": 128}
    assert "ProcessingConfiguration" not in destination


def test_firehose_is_made_after_the_rights_of_its_role(template: Template) -> None:
    (delivery,) = template.resources("AWS::KinesisFirehose::DeliveryStream")
    kinds = [template.document["Resources"][logical_id]["Type"] for logical_id in delivery["DependsOn"]]
    assert "AWS::IAM::Policy" in kinds


def test_every_bucket_is_private_encrypted_tls_only_and_kept(template: Template) -> None:
    buckets = template.resources("AWS::S3::Bucket")
    policies = template.properties("AWS::S3::BucketPolicy")
    assert len(buckets) == len(policies) == 2
    for bucket in buckets:
        assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
        assert "BucketEncryption" in bucket["Properties"]
        assert bucket["DeletionPolicy"] == "RetainExceptOnCreate"
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
    assert sorted(expiring) == ["athena-results/", "errors/", "raw/"]


def test_the_template_makes_the_database_and_no_tables(template: Template) -> None:
    (database,) = template.resources("AWS::Glue::Database")
    assert database["Properties"]["DatabaseInput"]["Name"] == "clickstream_prod"
    assert database["DeletionPolicy"] == "RetainExceptOnCreate", "its tables' pointers are data"
    assert template.properties("AWS::Glue::Table") == []


def test_each_role_is_for_one_service_of_this_account_and_no_right_is_wider_than_needed(template: Template) -> None:
    trusted = []
    for role in template.properties("AWS::IAM::Role"):
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
        trusted.append(statement["Principal"]["Service"])
        assert "ManagedPolicyArns" not in role
    assert sorted(trusted) == ["apigateway.amazonaws.com", "firehose.amazonaws.com"]
    for policy in template.properties("AWS::IAM::Policy"):
        for statement in policy["PolicyDocument"]["Statement"]:
            assert statement["Resource"] != "*"
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            assert not [action for action in actions if "*" in action]


def test_the_apis_role_may_put_records_and_nothing_else(template: Template) -> None:
    puts = [
        statement["Action"]
        for policy in template.properties("AWS::IAM::Policy")
        for statement in policy["PolicyDocument"]["Statement"]
        if "kinesis:PutRecord" in statement["Action"]
    ]
    assert puts == [["kinesis:PutRecord", "kinesis:PutRecords"]]
