"""The role that a service of AWS works under on behalf of this account, and of no other."""

from aws_cdk import aws_iam as iam
from constructs import Construct


def service_role(scope: Construct, *, service: str, account: str, construct_id: str = "Role") -> iam.Role:
    """Return a role without rights, that only `service` may take, and only for resources of `account`.

    Without the condition another account could have the service use the role for its own (the confused deputy).
    """
    return iam.Role(
        scope,
        construct_id,
        assumed_by=iam.ServicePrincipal(
            f"{service}.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": account}}
        ),
    )
