"""The errors in the input of the scaling policy or its simulator, or of a stream on AWS.

KinesisScalingError
├── ScalingSettingsError     a setting contradicts another one, or a limit of AWS
├── TraceError               a traffic trace cannot be used; the message names the line
├── DecisionStoreError       the table of decisions cannot be read or written
└── StreamError              a stream cannot be read or changed
    ├── UnknownStreamError   there is none of this name
    ├── OnDemandStreamError  it has no shards to scale
    ├── NotAllowedError      a right is missing; the message names it
    └── AwsUnavailableError  AWS does not answer, or throttles; the same call may be answered later
"""


class KinesisScalingError(Exception):
    """Any error of this package that a person has to correct."""


class ScalingSettingsError(KinesisScalingError):
    """A setting cannot be used; the message names it, its value and what is allowed."""


class TraceError(KinesisScalingError):
    """A traffic trace cannot be used; the message names the line and the remedy."""


class DecisionStoreError(KinesisScalingError):
    """The table `scaling_decisions` cannot be reached, read or written; the message names it and the remedy."""


class StreamError(KinesisScalingError):
    """A stream cannot be read or changed; the message names it, the call and the remedy."""


class UnknownStreamError(StreamError):
    """There is no stream of this name."""


class OnDemandStreamError(StreamError):
    """The stream is in on-demand mode: AWS scales it."""


class NotAllowedError(StreamError):
    """The credentials lack a right; the message names it."""


class AwsUnavailableError(StreamError):
    """AWS did not answer, failed, or throttled the call."""
