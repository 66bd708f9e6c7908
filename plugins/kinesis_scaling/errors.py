"""What can be wrong with what a person gives to the scaling policy or to its simulator.

KinesisScalingError
├── ScalingSettingsError   a setting contradicts another one, or a limit of AWS
└── TraceError             a traffic trace cannot be used; the message names the line
"""


class KinesisScalingError(Exception):
    """Anything of this package that a person has to put right."""


class ScalingSettingsError(KinesisScalingError):
    """A setting cannot be used; the message names it, its value and what is allowed."""


class TraceError(KinesisScalingError):
    """A traffic trace cannot be used; the message names the line and the remedy."""
