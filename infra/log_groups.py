"""A log group of CloudWatch: for so many days, under the account's own key if there is one; it goes with the stack."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct


def log_group(
    scope: Construct, construct_id: str, *, name: str, retention_days: int, key: kms.IKey | None
) -> logs.CfnLogGroup:
    """Add a log group to a construct."""
    group = logs.CfnLogGroup(
        scope,
        construct_id,
        log_group_name=name,
        retention_in_days=retention_days,
        kms_key_id=None if key is None else key.key_arn,
    )
    group.apply_removal_policy(RemovalPolicy.DESTROY)
    return group
