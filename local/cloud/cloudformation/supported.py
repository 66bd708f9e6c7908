"""The check of a template: an error that names every type and property that the local cloud does not support.

If an emulator ignores a property that AWS obeys, the difference shows only in production. So this module lists every
property of our template, and refuses any other when the stack is created or updated.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

#: Properties by name, with a table of those below; `None` where everything below is passed on as it is.
Table = Mapping[str, "Table | None"]


def _table(names: str, **below: Table) -> Table:
    """Return a table of properties that are passed on as they are, and of others with a table of their own."""
    return dict.fromkeys(names.split()) | below


SUPPORTED: Final[Mapping[str, Table]] = {
    "AWS::ApiGateway::Account": _table("CloudWatchRoleArn"),
    "AWS::ApiGateway::Deployment": _table("Description RestApiId"),
    "AWS::ApiGateway::GatewayResponse": _table(
        "ResponseParameters ResponseType RestApiId StatusCode", ResponseTemplates=_table("application/json")
    ),
    "AWS::ApiGateway::Method": _table(
        "AuthorizationType HttpMethod RequestValidatorId ResourceId RestApiId",
        Integration=_table(
            "Credentials IntegrationHttpMethod PassthroughBehavior RequestTemplates TimeoutInMillis Type Uri",
            IntegrationResponses=_table(
                "ResponseParameters SelectionPattern StatusCode", ResponseTemplates=_table("application/json")
            ),
            RequestParameters=_table("integration.request.header.Content-Type"),
        ),
        MethodResponses=_table("ResponseModels ResponseParameters StatusCode"),
        RequestModels=_table("application/json"),
    ),
    "AWS::ApiGateway::Model": _table("ContentType Description Name RestApiId Schema"),
    "AWS::ApiGateway::RequestValidator": _table("Name RestApiId ValidateRequestBody ValidateRequestParameters"),
    "AWS::ApiGateway::Resource": _table("ParentId PathPart RestApiId"),
    "AWS::ApiGateway::RestApi": _table(
        "Description MinimumCompressionSize Name Tags", EndpointConfiguration=_table("Types")
    ),
    "AWS::ApiGateway::Stage": _table(
        "DeploymentId Description RestApiId StageName Tags",
        # Known, and not written: docs/local-cloud.md says so.
        AccessLogSetting=_table("DestinationArn Format"),
        MethodSettings=_table(
            "DataTraceEnabled HttpMethod MetricsEnabled ResourcePath ThrottlingBurstLimit ThrottlingRateLimit"
        ),
    ),
    "AWS::Athena::NamedQuery": _table("Database Description Name QueryString WorkGroup"),
    "AWS::Athena::WorkGroup": _table(
        "Description Name RecursiveDeleteOption State Tags",
        WorkGroupConfiguration=_table(
            "BytesScannedCutoffPerQuery EnforceWorkGroupConfiguration PublishCloudWatchMetricsEnabled",
            EngineVersion=_table("SelectedEngineVersion"),
            ResultConfiguration=_table("OutputLocation", EncryptionConfiguration=_table("EncryptionOption")),
        ),
    ),
    "AWS::CloudWatch::Alarm": _table(
        "AlarmActions AlarmDescription AlarmName ComparisonOperator Dimensions EvaluationPeriods MetricName Namespace "
        "OKActions Period Statistic Threshold TreatMissingData"
    ),
    "AWS::CloudWatch::Dashboard": _table("DashboardBody DashboardName"),
    "AWS::EMRServerless::Application": _table(
        "Architecture InitialCapacity Name ReleaseLabel Tags Type",
        AutoStartConfiguration=_table("Enabled"),
        AutoStopConfiguration=_table("Enabled IdleTimeoutMinutes"),
        MaximumCapacity=_table("Cpu Disk Memory"),
    ),
    "AWS::Glue::Database": _table("CatalogId", DatabaseInput=_table("Description LocationUri Name Parameters")),
    "AWS::IAM::Policy": _table("PolicyDocument PolicyName Roles"),
    "AWS::IAM::InstanceProfile": _table("Roles"),
    "AWS::IAM::Role": _table("AssumeRolePolicyDocument Description ManagedPolicyArns MaxSessionDuration RoleName Tags"),
    "AWS::Kinesis::Stream": _table(
        "Name RetentionPeriodHours ShardCount Tags",
        StreamEncryption=_table("EncryptionType KeyId"),
        StreamModeDetails=_table("StreamMode"),
    ),
    "AWS::KinesisFirehose::DeliveryStream": _table(
        "DeliveryStreamName DeliveryStreamType Tags",
        ExtendedS3DestinationConfiguration=_table(
            "BucketARN RoleARN Prefix ErrorOutputPrefix CompressionFormat",
            BufferingHints=_table("IntervalInSeconds SizeInMBs"),
            CloudWatchLoggingOptions=_table("Enabled LogGroupName LogStreamName"),
        ),
        KinesisStreamSourceConfiguration=_table("KinesisStreamARN RoleARN"),
    ),
    "AWS::Logs::LogGroup": _table("LogGroupName RetentionInDays Tags"),
    "AWS::Logs::LogStream": _table("LogGroupName LogStreamName"),
    "AWS::S3::Bucket": _table(
        "BucketName PublicAccessBlockConfiguration Tags",
        BucketEncryption=_table(
            "", ServerSideEncryptionConfiguration=_table("", ServerSideEncryptionByDefault=_table("SSEAlgorithm"))
        ),
        LifecycleConfiguration=_table(
            "",
            Rules=_table(
                "Id Status Prefix ExpirationInDays",
                AbortIncompleteMultipartUpload=_table("DaysAfterInitiation"),
                Transitions=_table("StorageClass TransitionInDays"),
            ),
        ),
    ),
    "AWS::S3::BucketPolicy": _table("Bucket PolicyDocument"),
    "AWS::SNS::Subscription": _table("Endpoint Protocol TopicArn"),
    "AWS::SNS::Topic": _table("Tags TopicName"),
    "AWS::SNS::TopicPolicy": _table("PolicyDocument Topics"),
    "AWS::WAFv2::WebACL": _table("DefaultAction Description Name Rules Scope VisibilityConfig"),
    "AWS::WAFv2::WebACLAssociation": _table("ResourceArn WebACLArn"),
}

_ATTRIBUTES: Final = frozenset({"DeletionPolicy", "DependsOn", "Metadata", "Properties", "Type", "UpdateReplacePolicy"})


def check_template(template: Mapping[str, Any]) -> None:
    """Raise a ValueError that lists all that is not supported; CloudFormation answers it as ValidationError."""
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
    """Yield the paths below a value that the table does not have, except those within an intrinsic function."""
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
