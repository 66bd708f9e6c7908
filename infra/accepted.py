"""Findings of AWS's rule packs that stay, each with its reason, on the construct that has them.

cdk-nag reads them there (AwsSolutions, Serverless and NIST 800-53 R5), in this project's tests as in a company's own
pipeline. A test fails on a finding without a reason, and on a reason without a finding.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from aws_cdk import Acknowledgment, Stack, Validations
from aws_cdk import aws_iam as iam
from constructs import IConstruct

_NIST: Final = "NIST.800.53.R5-"
_READERS: Final = (
    "who reads the lake is in CloudTrail's data events (docs/deployment.md); access logs would need a bucket"
)
_PUBLIC: Final = "browsers hold no credentials: validation, throttling and WAF guard the API (an API key is a setting)"

BUCKET_FINDINGS: Final = {
    "AwsSolutions-S1": _READERS,
    f"{_NIST}S3BucketLoggingEnabled": _READERS,
    f"{_NIST}S3BucketReplicationEnabled": "a copy elsewhere would have to be erased as well, when a person asks for it",
    f"{_NIST}S3BucketVersioningEnabled": "erased is gone: old versions would keep what erase_user removed",
}
METHOD_FINDINGS: Final = {"AwsSolutions-APIG4": _PUBLIC, "AwsSolutions-COG4": _PUBLIC}
_BODIES: Final = "execution logs hold bodies and addresses of visitors; the access log says how each request ended"
STAGE_FINDINGS: Final = {
    "AwsSolutions-APIG6": _BODIES,
    f"{_NIST}APIGWExecutionLoggingEnabled": _BODIES,
    "Serverless-APIGWXrayEnabled": "there is one hop, to Kinesis, and its latency is a metric of the stage",
    f"{_NIST}APIGWCacheEnabledAndEncrypted": "a POST that stores an event has no answer to keep",
    f"{_NIST}APIGWSSLEnabled": "there is no server of ours that would ask for a client's certificate",
}
DELIVERY_FINDINGS: Final = {
    "AwsSolutions-KDF1": "Firehose refuses its own encryption for a source that is a stream: the stream is encrypted"
}
FIREWALL_FINDINGS: Final = {
    f"{_NIST}WAFv2LoggingEnabled": "its log holds visitors' addresses; metrics and sampled requests say what it blocks"
}
RIGHTS_FINDINGS: Final = {f"{_NIST}IAMNoInlinePolicy": "each list of rights is one role's, and goes with it"}
_OWN_KEY: Final = "encrypted by a key of AWS's; one of the account's own is a setting, at its price (infra/cost.py)"
#: Without a key of the account's own.
WITHOUT_OWN_KEY_FINDINGS: Final = {
    f"{_NIST}S3DefaultEncryptionKMS": _OWN_KEY,
    f"{_NIST}CloudWatchLogGroupEncrypted": _OWN_KEY,
    f"{_NIST}SNSEncryptedKMS": "alarms have names of alarms in them, and no events",
}

OWN_KEY_FINDINGS: Final = {"AwsSolutions-KDS3": "a key of the account's own is what the settings ask for"}
LOG_ROLE_FINDINGS: Final = {
    "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/"
    "AmazonAPIGatewayPushToCloudWatchLogs]": "the rights that API Gateway asks for, kept up to date by AWS"
}
SUBSCRIPTION_FINDINGS: Final = {"Serverless-SNSRedrivePolicy": "a mail that can't be delivered has nowhere to go"}
DISTRIBUTION_FINDINGS: Final = {
    "AwsSolutions-CFR1": "visitors come from wherever the shop sells",
    "AwsSolutions-CFR2": "the API has its firewall; one for the pages is the shop's to choose",
    "AwsSolutions-CFR3": "every accepted request is in the stream; logs of the pages are the shop's to choose",
}

#: By how a resource of a right ends: why it names more than one thing.
_WILDCARDS: Final = {
    "/raw/*": "Firehose makes the keys below its prefix up",
    "/errors/*": "Firehose makes the keys below its prefix up",
    "/warehouse/*": "Iceberg makes the files' names up, and every table is the actor's matter",
    "/warehouse/scaling_decisions/*": "Iceberg makes the files' names up",
    "/warehouse/rejected_events/*": "what is denied is the whole table",
    "/athena-results/*": "Athena names results by the query's id",
    "/logs/*": "EMR names logs by the job's id",
    "/jobruns/*": "EMR makes the ids of job runs up",
    "/*": "packages are named by their version, and the database's tables are the jobs' to make",
    "*": "these actions know no resources",
}


def accept(construct: IConstruct, reasons: Mapping[str, str]) -> None:
    """Note why findings of a construct, and of what is in it, stay."""
    Validations.of(construct).acknowledge(*(Acknowledgment(id=rule, reason=reason) for rule, reason in reasons.items()))


def accept_wildcards(policy: iam.Policy) -> None:
    """Note why rights name more than one thing, each by itself; raise KeyError for one without a reason."""
    document = Stack.of(policy).resolve(policy.document)
    named = {
        _rendered(resource)
        for statement in document["Statement"]
        if statement["Effect"] == "Allow"
        for resource in _listed(statement["Resource"])
    }
    wild = [name for name in named if name.endswith("*")]
    accept(policy, {f"AwsSolutions-IAM5[Resource::{name}]": _WILDCARDS[_ending(name)] for name in wild})


def _ending(name: str) -> str:
    return max((ending for ending in _WILDCARDS if name.endswith(ending)), key=len)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _rendered(value: Any) -> str:
    """Return an ARN as cdk-nag writes it: what CloudFormation fills in stands in angle brackets."""
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    if function == "Fn::Join":
        return "".join(map(_rendered, argument[1]))
    if function == "Fn::GetAtt":
        return f"<{'.'.join(argument)}>"
    if function == "Ref":
        return f"<{argument}>"
    raise ValueError(f"{json.dumps(value)} is no ARN that we can write")
