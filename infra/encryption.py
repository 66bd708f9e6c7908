"""A name → a key of the account's own, by which everything that rests is encrypted; off unless the settings ask for it.

AWS encrypts all of it anyway, by keys of its own. One of the account's own says who may use it, logs each use, and can
be taken away: then nobody reads the data any more. It costs a dollar a month and each use (infra/cost.py).
"""

from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct


class OwnKey(Construct):
    """The key, changed each year; roles get their right to it from `infra/rights.py`, services from the key itself."""

    def __init__(self, scope: Construct, construct_id: str, *, name: str, account: str, keep_data: bool) -> None:
        super().__init__(scope, construct_id)
        self.key: kms.Key = kms.Key(
            self,
            "Key",
            alias=f"alias/{name}",
            description="Encrypts the clickstream's buckets, stream, logs and alarms.",
            enable_key_rotation=True,
            pending_window=Duration.days(7),
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if keep_data else RemovalPolicy.DESTROY,
        )
        own = {"StringEquals": {"aws:SourceAccount": account}}
        groups = f"arn:{Aws.PARTITION}:logs:{Aws.REGION}:{account}:log-group:*"
        self._let(f"logs.{Aws.REGION}.amazonaws.com", {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}})
        # They publish into the topic of alarms.
        self._let("cloudwatch.amazonaws.com", own)
        self._let("budgets.amazonaws.com", own)

    def _let(self, service: str, conditions: dict[str, dict[str, str]]) -> None:
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*", "kms:DescribeKey"],
                principals=[iam.ServicePrincipal(service)],
                resources=["*"],
                conditions=conditions,
            )
        )
