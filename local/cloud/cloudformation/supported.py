"""Template → nothing, or an error that names what the local cloud would not do of it.

A property that AWS obeys and an emulator overlooks is a difference that shows only in production. So every property of
our template stands here, and any other is refused when the stack is created or updated.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

#: Properties by name; a nested table for those below, `None` where everything below is passed on as it is.
Table = Mapping[str, "Table | None"]

_RETURNED: Final[Table] = {
    "StatusCode": None,
    "SelectionPattern": None,
    "ResponseTemplates": {"application/json": None},
}
_EXPIRY: Final[Table] = {
    "Id": None,
    "Status": None,
    "Prefix": None,
    "ExpirationInDays": None,
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": None},
}
_S3_DESTINATION: Final[Table] = {
    "BucketARN": None,
    "RoleARN": None,
    "Prefix": None,
    "ErrorOutputPrefix": None,
    "CompressionFormat": None,
    "BufferingHints": {"IntervalInSeconds": None, "SizeInMBs": None},
    "CloudWatchLoggingOptions": {"Enabled": None, "LogGroupName": None, "LogStreamName": None},
}

SUPPORTED: Final[Mapping[str, Table]] = {
    "AWS::ApiGateway::Deployment": {"Description": None, "RestApiId": None},
    "AWS::ApiGateway::GatewayResponse": {
        "ResponseParameters": None,
        "ResponseTemplates": {"application/json": None},
        "ResponseType": None,
        "RestApiId": None,
        "StatusCode": None,
    },
    "AWS::ApiGateway::Method": {
        "AuthorizationType": None,
        "HttpMethod": None,
        "Integration": {
            "Credentials": None,
            "IntegrationHttpMethod": None,
            "IntegrationResponses": _RETURNED,
            "PassthroughBehavior": None,
            "RequestParameters": {"integration.request.header.Content-Type": None},
            "RequestTemplates": None,
            "TimeoutInMillis": None,
            "Type": None,
            "Uri": None,
        },
        "MethodResponses": {"StatusCode": None, "ResponseModels": None},
        "RequestModels": {"application/json": None},
        "RequestValidatorId": None,
        "ResourceId": None,
        "RestApiId": None,
    },
    "AWS::ApiGateway::Model": {
        "ContentType": None,
        "Description": None,
        "Name": None,
        "RestApiId": None,
        "Schema": None,
    },
    "AWS::ApiGateway::RequestValidator": {
        "Name": None,
        "RestApiId": None,
        "ValidateRequestBody": None,
        "ValidateRequestParameters": None,
    },
    "AWS::ApiGateway::Resource": {"ParentId": None, "PathPart": None, "RestApiId": None},
    "AWS::ApiGateway::RestApi": {
        "Description": None,
        "EndpointConfiguration": {"Types": None},
        "Name": None,
        "Tags": None,
    },
    "AWS::ApiGateway::Stage": {
        "DeploymentId": None,
        "Description": None,
        "MethodSettings": {
            "DataTraceEnabled": None,
            "HttpMethod": None,
            "MetricsEnabled": None,
            "ResourcePath": None,
            "ThrottlingBurstLimit": None,
            "ThrottlingRateLimit": None,
        },
        "RestApiId": None,
        "StageName": None,
        "Tags": None,
    },
    "AWS::Athena::WorkGroup": {
        "Description": None,
        "Name": None,
        "RecursiveDeleteOption": None,
        "State": None,
        "Tags": None,
        "WorkGroupConfiguration": {
            "BytesScannedCutoffPerQuery": None,
            "EnforceWorkGroupConfiguration": None,
            "EngineVersion": {"SelectedEngineVersion": None},
            "PublishCloudWatchMetricsEnabled": None,
            "ResultConfiguration": {
                "EncryptionConfiguration": {"EncryptionOption": None},
                "OutputLocation": None,
            },
        },
    },
    "AWS::Glue::Database": {
        "CatalogId": None,
        "DatabaseInput": {"Description": None, "LocationUri": None, "Name": None, "Parameters": None},
    },
    "AWS::IAM::Policy": {"PolicyDocument": None, "PolicyName": None, "Roles": None},
    "AWS::IAM::Role": {"AssumeRolePolicyDocument": None, "Description": None, "RoleName": None, "Tags": None},
    "AWS::Kinesis::Stream": {
        "Name": None,
        "RetentionPeriodHours": None,
        "ShardCount": None,
        "StreamEncryption": {"EncryptionType": None, "KeyId": None},
        "StreamModeDetails": {"StreamMode": None},
        "Tags": None,
    },
    "AWS::KinesisFirehose::DeliveryStream": {
        "DeliveryStreamName": None,
        "DeliveryStreamType": None,
        "ExtendedS3DestinationConfiguration": _S3_DESTINATION,
        "KinesisStreamSourceConfiguration": {"KinesisStreamARN": None, "RoleARN": None},
        "Tags": None,
    },
    "AWS::Logs::LogGroup": {"LogGroupName": None, "RetentionInDays": None, "Tags": None},
    "AWS::Logs::LogStream": {"LogGroupName": None, "LogStreamName": None},
    "AWS::S3::Bucket": {
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": {"ServerSideEncryptionByDefault": {"SSEAlgorithm": None}}
        },
        "BucketName": None,
        "LifecycleConfiguration": {"Rules": _EXPIRY},
        "PublicAccessBlockConfiguration": None,
        "Tags": None,
    },
    "AWS::S3::BucketPolicy": {"Bucket": None, "PolicyDocument": None},
    "AWS::WAFv2::WebACL": {
        "DefaultAction": None,
        "Description": None,
        "Name": None,
        "Rules": None,
        "Scope": None,
        "VisibilityConfig": None,
    },
    "AWS::WAFv2::WebACLAssociation": {"ResourceArn": None, "WebACLArn": None},
}

_ATTRIBUTES: Final = frozenset({"DeletionPolicy", "DependsOn", "Metadata", "Properties", "Type", "UpdateReplacePolicy"})


def check_template(template: Mapping[str, Any]) -> None:
    """Raise a ValueError, which CloudFormation answers as ValidationError, that lists all that is not supported."""
    found = sorted(_unsupported(template))
    if found:
        raise ValueError(f"the local cloud does not support: {', '.join(found)}")


def _unsupported(template: Mapping[str, Any]) -> Iterator[str]:
    for logical_id, resource in template.get("Resources", {}).items():
        kind = resource.get("Type", "")
        table = SUPPORTED.get(kind)
        if table is None:
            yield f"{logical_id}: the type {kind}"
            continue
        yield from (f"{logical_id} ({kind}): {name}" for name in resource.keys() - _ATTRIBUTES)
        for path in _outside(resource.get("Properties") or {}, table):
            yield f"{logical_id} ({kind}): {path}"


def _outside(value: Any, table: Table | None, path: str = "") -> Iterator[str]:
    """The paths below a value that the table does not have; an intrinsic function is not looked into."""
    if table is None or _is_intrinsic(value):
        return
    if isinstance(value, list):
        for item in value:
            yield from _outside(item, table, path)
    elif isinstance(value, dict):
        for name, inner in value.items():
            below = f"{path}.{name}" if path else name
            if name in table:
                yield from _outside(inner, table[name], below)
            else:
                yield below


def _is_intrinsic(value: Any) -> bool:
    return (
        isinstance(value, dict) and len(value) == 1 and (next(iter(value)) == "Ref" or next(iter(value))[:4] == "Fn::")
    )
